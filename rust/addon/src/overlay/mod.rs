//! The drop-in: scripts that name the engine's classes run on OpenSSL, their files untouched.
//!
//! Before any script is loaded, the project's scripts are read, those that name the classes are
//! renamed in a copy, and the copies are laid over the project as a resource pack.

mod pack;

use godot::classes::Engine;
use godot::global::{godot_error, godot_print};
use godot::obj::Singleton;

use crate::{project, settings};

/// Lays the renamed scripts over a project that is being run. Does nothing in the editor, with the
/// setting off, and in a project that does not use DTLS.
pub(crate) fn apply() {
    if Engine::singleton().is_editor_hint() || !settings::drop_in() {
        return;
    }
    let Some(root) = project::project_folder() else {
        // An exported game: its scripts were renamed when it was exported.
        return;
    };
    let changed = project::changed_files(&root);
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
