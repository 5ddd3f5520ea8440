//! The drop-in: scripts that name the engine's classes run on OpenSSL, their files untouched.
//!
//! Before any script is loaded, the project's scripts are read, those that name the classes are
//! renamed in a copy, and the copies are laid over the project as a resource pack.

mod pack;
mod scan;

use drop_in::scene::Scene;
use drop_in::{Autoload, Names, Script, Source};
use godot::classes::{Engine, ProjectSettings};
use godot::global::{godot_error, godot_print};
use godot::obj::Singleton;

use crate::settings;
use scan::File;

/// Lays the renamed scripts over a project that is being run. Does nothing in the editor, with the
/// setting off, and in a project that does not use DTLS.
pub(crate) fn apply() {
    if Engine::singleton().is_editor_hint() || !settings::drop_in() {
        return;
    }
    let Some(root) = scan::project_folder() else {
        // An exported game: its scripts were renamed when it was exported.
        return;
    };
    let changed = changed_files(scan::read(&root));
    if changed.is_empty() {
        return;
    }
    match pack::load(&root, &changed) {
        Ok(()) => {
            let scripts = match changed.len() {
                1 => "1 script runs".to_owned(),
                count => format!("{count} scripts run"),
            };
            let version = dtls::openssl_version();
            godot_print!("OpenSSL DTLS: {scripts} on {version} (setting openssl_dtls/drop_in).");
        }
        Err(why) => godot_error!(
            "OpenSSL DTLS: this project's scripts run on the engine's own DTLS classes, since their renamed copies could not be laid over them: {why}."
        ),
    }
}

/// A file whose text is replaced.
struct Changed {
    /// `res://…`
    path: String,
    text: String,
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

/// Every file that reads otherwise with the names renamed.
fn changed_files(mut project: scan::Project) -> Vec<Changed> {
    if !project.mentions_dtls {
        return Vec::new();
    }
    let names_of = |files: &[File]| {
        let scripts = scanned(files);
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
    let scanned = scanned(files);
    let units = units(files, &scanned);
    let sources: Vec<Source<'_, '_>> = units
        .iter()
        .map(|unit| Source {
            path: &unit.path,
            uid: unit.uid.as_deref(),
            script: unit.script,
        })
        .collect();
    let autoloads = autoloads();
    let autoloads: Vec<Autoload<'_>> = autoloads
        .iter()
        .map(|(name, path)| Autoload { name, path })
        .collect();
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
        first_unit += count;
        if text != file.text {
            changed.push(Changed {
                path: file.path.clone(),
                text: text.into_owned(),
            });
        }
    }
    changed
}

fn scanned(files: &[File]) -> Vec<Scanned<'_>> {
    files
        .iter()
        .map(|file| match file.kind {
            scan::Kind::Script => Scanned::Script(Script::scan(file.text.as_str())),
            scan::Kind::Scene => Scanned::Scene(Scene::scan(&file.text)),
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

/// Names and paths of the project's autoloads that are global variables.
fn autoloads() -> Vec<(String, String)> {
    let settings = ProjectSettings::singleton();
    let mut autoloads = Vec::new();
    for property in settings.get_property_list().iter_shared() {
        let key = property.get("name").map(|name| name.to_string());
        let Some(key) = key else { continue };
        if let Some(name) = key.strip_prefix("autoload/") {
            let value = settings.get_setting(key.as_str()).to_string();
            // An asterisk makes the autoload a global variable.
            if let Some(path) = value.strip_prefix('*') {
                autoloads.push((name.to_owned(), path.to_owned()));
            }
        }
    }
    autoloads
}
