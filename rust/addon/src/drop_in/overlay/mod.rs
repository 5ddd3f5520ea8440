//! The drop-in: scripts that name the engine's classes run on OpenSSL, their files untouched.
//!
//! Before any script is loaded, the project's scripts are read, those that name the classes are
//! renamed in a copy, and the copies are laid over the project as a resource pack.

mod link;
mod live;
mod pack;
mod staging;

pub(crate) use link::ReloadLink;

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use drop_in::project::{Changed, Renamed, Scripts, endless_link, has_csharp};
use godot::builtin::GString;
use godot::classes::{Engine, Os};
use godot::global::{godot_error, godot_print};
use godot::obj::Singleton;

use crate::drop_in::{project, settings};

/// Lays the renamed scripts over a project that is being run. Does nothing in the editor, with the
/// setting off, and in a project that does not use DTLS.
pub(crate) fn apply() {
    if Engine::singleton().is_editor_hint() || !settings::drop_in() {
        return;
    }
    let Some(root) = project::folder() else {
        // An exported game: its scripts were renamed when it was exported.
        return;
    };
    let is_converter = is_converter_running();
    if has_csharp(&root) && !is_converter {
        godot_print!(
            "OpenSSL DTLS: this project has C# scripts; they stay on the engine's DTLS classes, and only GDScript is renamed."
        );
    }
    let scanned_at = SystemTime::now();
    let Renamed {
        changed,
        changes_folders,
        ..
    } = project::renamed(&root);
    if changed.is_empty() {
        return;
    }
    match lay_over(&root, &changed, scanned_at) {
        Ok(()) if is_converter => {}
        Ok(()) => {
            godot_print!("OpenSSL DTLS: {}", summary(&changed));
            if let Some(path) = changes_folders {
                godot_print!(
                    "OpenSSL DTLS: while this project runs, DirAccess cannot change folders under res://, as {path} seems to do; give it ProjectSettings.globalize_path(\"res://...\"), or convert the project (Project > Tools > Use OpenSSL DTLS names)."
                );
            }
        }
        Err(why) => godot_error!(
            "OpenSSL DTLS: this project's scripts run on the engine's own DTLS classes, since their renamed copies could not be laid over them: {why}."
        ),
    }
}

/// Whether this process was started to convert its project from the command line.
fn is_converter_running() -> bool {
    let arguments = Os::singleton().get_cmdline_args();
    let is_script = |argument: &GString| {
        argument
            .to_string()
            .ends_with("addons/openssl_dtls/convert.gd")
    };
    arguments.as_slice().iter().any(is_script)
}

/// To be called as the extension ends.
pub(crate) fn end() {
    live::end();
}

fn lay_over(root: &Path, changed: &[Changed], scanned_at: SystemTime) -> Result<(), String> {
    if let Some(link) = endless_link(root) {
        return Err(format!(
            "the engine would list the project without an end, since {} links to a folder that it is in; remove that link",
            link.display()
        ));
    }
    let entries: Vec<pack::Entry<'_>> = changed
        .iter()
        .map(|file| (file.path.as_str(), file.text.as_bytes()))
        .collect();
    let folder = pack::load(root, &entries)?;
    live::begin(root, folder, changed, scanned_at);
    Ok(())
}

/// What runs on OpenSSL, in one line. A file that links give several paths is counted once.
fn summary(changed: &[Changed]) -> String {
    let mut counted = HashSet::new();
    let Scripts {
        with_dtls,
        with_udp,
    } = changed
        .iter()
        .filter(|file| {
            let real = fs::canonicalize(&file.on_disk).unwrap_or_else(|_| file.on_disk.clone());
            counted.insert(real)
        })
        .map(|file| file.scripts)
        .sum();
    let scripts = match with_dtls {
        1 => "1 script with DTLS runs".to_owned(),
        count => format!("{count} scripts with DTLS run"),
    };
    let sharing = match with_udp {
        0 => String::new(),
        1 => "; 1 more script uses its UDP classes".to_owned(),
        count => format!("; {count} more scripts use its UDP classes"),
    };
    let version = dtls::openssl_version();
    format!("{scripts} on {version}{sharing} (setting openssl_dtls/drop_in).")
}
