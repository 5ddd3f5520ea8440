//! What renaming makes of a project's files.
//!
//! There is one plan for the whole project, the same for running, exporting and converting it.

use std::path::{Path, PathBuf};

use super::scan::{self, Extent, File, Kind};
use crate::names::{Direction, Names};
use crate::plan::{Autoload, Plan, Source, plan};
use crate::scene::Scene;
use crate::script::Script;

/// A file whose text changes.
#[derive(Clone, Debug)]
pub struct Changed {
    /// `res://…`
    pub path: String,
    /// Its path on disk, links unresolved.
    pub on_disk: PathBuf,
    /// The text on disk.
    pub before: String,
    /// The text with the names renamed.
    pub text: String,
    /// How many of its scripts are renamed.
    pub scripts: Scripts,
}

/// What renaming makes of a project's files.
#[derive(Clone, Debug, Default)]
pub struct Renamed {
    /// The files whose texts change, by path.
    pub changed: Vec<Changed>,
    /// Files that contain one of the names and cannot be renamed: `res://…` and why.
    pub unreadable: Vec<(String, &'static str)>,
    /// A script that seems to change folders under `res://`, see
    /// [`changes_project_folders`](crate::changes_project_folders).
    pub changes_folders: Option<String>,
    /// The names that are renamed because the project uses DTLS with them.
    pub encrypted: Names,
}

/// Counts of renamed scripts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scripts {
    /// Those that name the engine's DTLS classes.
    pub with_dtls: usize,
    /// Those that name its UDP classes, and no others. They are renamed since they may share objects with the others.
    pub with_udp: usize,
    /// Those that name its ENet classes. They can be among those with DTLS.
    pub with_enet: usize,
}

impl Scripts {
    fn count(&mut self, renamed: Names) {
        let has = |names| usize::from(!renamed.intersection(names).is_empty());
        let only_udp = !renamed.is_empty() && Names::UDP.contains(renamed);
        self.with_dtls += has(Names::DTLS);
        self.with_enet += has(Names::ENET);
        self.with_udp += usize::from(only_udp);
    }
}

impl std::iter::Sum for Scripts {
    fn sum<I: Iterator<Item = Self>>(scripts: I) -> Self {
        scripts.fold(Self::default(), |sum, one| Self {
            with_dtls: sum.with_dtls + one.with_dtls,
            with_udp: sum.with_udp + one.with_udp,
            with_enet: sum.with_enet + one.with_enet,
        })
    }
}

/// A file with its scripts parsed.
enum Scanned<'f> {
    Script(Script<'f>),
    Scene(Scene<'f>),
}

/// A script with what other scripts refer to it by.
struct Unit<'s> {
    path: String,
    uid: Option<String>,
    script: &'s Script<'s>,
}

/// Reads the project in the folder `root` and renames its names in memory: those in `always`, and those for which the
/// project uses DTLS, see [`plan`](crate::plan()). Changes nothing on disk.
pub fn rename(
    root: &Path,
    autoloads: &[Autoload],
    direction: Direction,
    always: Names,
    extent: Extent,
) -> Renamed {
    let mut project = scan::read(root, direction, always, extent);
    if !project.can_change {
        log::debug!(target: "drop_in", "nothing is renamed: no script uses DTLS");
        return Renamed::default();
    }
    let mut scanned = scanned(&project.files, direction);
    if declares_any(&scanned) {
        // Scripts that extend it inherit the declaration, through scripts that may contain none of the names.
        drop(scanned);
        project.read_all();
        scanned = self::scanned(&project.files, direction);
    }
    let units = units(&project.files, &scanned);
    let sources: Vec<Source<'_, '_>> = units
        .iter()
        .map(|unit| Source {
            path: &unit.path,
            uid: unit.uid.as_deref(),
            script: unit.script,
        })
        .collect();
    let plan = plan(&sources, autoloads, always);
    let changed = changed(&project.files, &scanned, &units, &plan);
    Renamed {
        changed,
        unreadable: project.unreadable,
        changes_folders: project.changes_folders,
        encrypted: plan.encrypted(),
    }
}

fn changed(
    files: &[File],
    scanned: &[Scanned<'_>],
    units: &[Unit<'_>],
    plan: &Plan,
) -> Vec<Changed> {
    let mut changed = Vec::new();
    let mut first_unit = 0;
    for (file, scanned) in files.iter().zip(scanned) {
        let (text, count) = match scanned {
            Scanned::Script(script) => (script.renamed(plan.kept(first_unit)), 1),
            Scanned::Scene(scene) => (
                scene.renamed(|index| plan.kept(first_unit + index)),
                scene.scripts().len(),
            ),
        };
        let mut scripts = Scripts::default();
        for (index, unit) in units.iter().enumerate().skip(first_unit).take(count) {
            let kept = plan.kept(index);
            let renamed = unit.script.uses().without(kept);
            log::debug!(target: "drop_in", "{}: renames {renamed:?}, keeps {kept:?}", unit.path);
            scripts.count(renamed);
        }
        first_unit += count;
        if text != file.text {
            changed.push(Changed {
                path: file.path.clone(),
                on_disk: file.on_disk.clone(),
                before: file.text.clone(),
                text: text.into_owned(),
                scripts,
            });
        }
    }
    changed
}

fn scanned(files: &[File], direction: Direction) -> Vec<Scanned<'_>> {
    files
        .iter()
        .map(|file| match file.kind {
            Kind::Script => Scanned::Script(Script::scan_toward(direction, file.text.as_str())),
            Kind::Scene | Kind::Binary => Scanned::Scene(Scene::scan_toward(direction, &file.text)),
        })
        .collect()
}

fn declares_any(scanned: &[Scanned<'_>]) -> bool {
    scanned.iter().any(|scanned| match scanned {
        Scanned::Script(script) => !script.declares().is_empty(),
        Scanned::Scene(scene) => scene
            .scripts()
            .iter()
            .any(|built_in| !built_in.script.declares().is_empty()),
    })
}

fn units<'s>(files: &[File], scanned: &'s [Scanned<'s>]) -> Vec<Unit<'s>> {
    let mut units = Vec::new();
    for (file, scanned) in files.iter().zip(scanned) {
        match scanned {
            Scanned::Script(script) => units.push(Unit {
                path: file.path.clone(),
                uid: file.uid(),
                script,
            }),
            Scanned::Scene(scene) => units.extend(scene.scripts().iter().map(|built_in| Unit {
                path: format!("{}::{}", file.path, built_in.id),
                uid: None,
                script: &built_in.script,
            })),
        }
    }
    units
}
