//! The project's own files: which of them name the engine's classes, and how they read renamed.
//!
//! One plan for the whole project, the same in play and in export: peers travel between scripts, so
//! all of them are renamed or none.

mod autoloads;
mod scan;
mod walk;

use std::path::{Path, PathBuf};

use drop_in::scene::Scene;
use drop_in::{Direction, Names, Script, Source};

pub(crate) use autoloads::globals as autoloads;
use scan::File;
pub(crate) use scan::{Extent, has_csharp, project_folder};
pub(crate) use walk::endless_link;

/// A file whose text is replaced.
pub(crate) struct Changed {
    /// `res://…`
    pub(crate) path: String,
    /// Where it is, links unresolved.
    pub(crate) on_disk: PathBuf,
    /// What it says.
    pub(crate) before: String,
    /// What it says with the names renamed.
    pub(crate) text: String,
    /// The scripts in it that are renamed.
    pub(crate) scripts: Scripts,
}

/// What renaming makes of a project's files.
#[derive(Default)]
pub(crate) struct Renamed {
    /// Those that read otherwise.
    pub(crate) changed: Vec<Changed>,
    /// Those that mention one of the names and cannot be renamed: `res://…` and why.
    pub(crate) unreadable: Vec<(String, &'static str)>,
    /// A script that looks as if it changed folders under `res://`.
    pub(crate) changes_folders: Option<String>,
}

/// How many scripts are renamed, and why.
#[derive(Clone, Copy, Default)]
pub(crate) struct Scripts {
    /// Those that name the engine's DTLS classes.
    pub(crate) with_dtls: usize,
    /// Those that name its UDP classes alone, since they may share their objects with the others.
    pub(crate) with_udp: usize,
}

impl Scripts {
    fn count(&mut self, renamed: Names) {
        if !renamed.intersection(Names::DTLS).is_empty() {
            self.with_dtls += 1;
        } else if !renamed.is_empty() {
            self.with_udp += 1;
        }
    }
}

impl std::iter::Sum for Scripts {
    fn sum<I: Iterator<Item = Self>>(scripts: I) -> Self {
        scripts.fold(Self::default(), |sum, one| Self {
            with_dtls: sum.with_dtls + one.with_dtls,
            with_udp: sum.with_udp + one.with_udp,
        })
    }
}

/// A script of the project, on its own or built into a scene or resource.
struct Unit<'f> {
    path: String,
    uid: Option<String>,
    script: &'f Script<'f>,
}

enum Scanned<'f> {
    Script(Script<'f>),
    Scene(Scene<'f>),
}

/// Every file of the project in that folder that reads otherwise with the names renamed.
pub(crate) fn changed_files(root: &Path) -> Vec<Changed> {
    renamed(root, Direction::ToAddon, Extent::Quick).changed
}

/// What becomes of the project in that folder with its names renamed that way.
pub(crate) fn renamed(root: &Path, direction: Direction, extent: Extent) -> Renamed {
    let mut project = scan::read(root, direction, extent);
    if !project.can_change {
        return Renamed::default();
    }
    let names_of = |files: &[File]| {
        let scripts = scanned(files, direction);
        units(files, &scripts)
            .iter()
            .fold(Names::NONE, |all, unit| all.union(unit.script.declares()))
    };
    if !names_of(&project.files).is_empty() {
        // Some script declares one of the names itself; its heirs inherit it, through scripts that
        // may mention none.
        project.read_all();
    }

    let files = &project.files;
    let scanned = scanned(files, direction);
    let units = units(files, &scanned);
    let sources: Vec<Source<'_, '_>> = units
        .iter()
        .map(|unit| Source {
            path: &unit.path,
            uid: unit.uid.as_deref(),
            script: unit.script,
        })
        .collect();
    let autoloads = autoloads::globals();
    let plan = drop_in::plan(&sources, &autoloads);

    let mut changed = Vec::new();
    let mut first_unit = 0;
    for (file, scanned) in files.iter().zip(&scanned) {
        let (text, count) = match scanned {
            Scanned::Script(script) => (script.renamed(plan.kept(first_unit)), 1),
            Scanned::Scene(scene) => (
                scene.renamed(|index| plan.kept(first_unit + index)),
                scene.scripts().len(),
            ),
        };
        let mut scripts = Scripts::default();
        for (index, unit) in units.iter().enumerate().skip(first_unit).take(count) {
            scripts.count(unit.script.uses().without(plan.kept(index)));
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
    Renamed {
        changed,
        unreadable: project.unreadable,
        changes_folders: project.changes_folders,
    }
}

fn scanned(files: &[File], direction: Direction) -> Vec<Scanned<'_>> {
    files
        .iter()
        .map(|file| match file.kind {
            scan::Kind::Script => {
                Scanned::Script(Script::scan_toward(direction, file.text.as_str()))
            }
            scan::Kind::Scene | scan::Kind::Binary => {
                Scanned::Scene(Scene::scan_toward(direction, &file.text))
            }
        })
        .collect()
}

fn units<'f>(files: &[File], scanned: &'f [Scanned<'f>]) -> Vec<Unit<'f>> {
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
