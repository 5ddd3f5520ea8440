//! The overlay in a running project: renamed copies of the scripts, which stay as they are on disk.

mod engine;
mod reload;

pub(crate) use reload::{end, send_refresh};

use std::path::{Path, PathBuf};

use drop_in::overlay::Overlay;
use drop_in::project::has_csharp;
use godot::builtin::Variant;
use godot::classes::{Engine, Os, ProjectSettings};
use godot::global::{godot_error, godot_print};
use godot::obj::Singleton;

use self::engine::GodotEngine;
use crate::drop_in::{project, settings};

/// Loads the renamed scripts over a project that is being run. Does nothing in the editor, with the setting off, and in
/// a project that does not use DTLS.
pub(crate) fn start() {
    if Engine::singleton().is_editor_hint() || !settings::drop_in() {
        return;
    }
    // The scripts of an exported game were renamed when it was exported.
    let Some(root) = project::folder() else {
        return;
    };
    let is_converter =
        project::has_argument(|argument| argument.ends_with("addons/openssl_dtls/convert.gd"));
    if has_csharp(&root) && !is_converter {
        godot_print!(
            "OpenSSL DTLS: this project has C# scripts; they stay on the engine's own classes, and only GDScript is renamed."
        );
    }
    match Overlay::load(
        GodotEngine,
        &root,
        settings::always_renamed(),
        &pack_folders(&root),
    ) {
        Ok(None) => {}
        Ok(Some(overlay)) => {
            if !is_converter {
                print_start(&overlay);
            }
            reload::start(overlay);
        }
        Err(why) => godot_error!(
            "OpenSSL DTLS: this project's scripts run on the engine's own classes, since their renamed copies could not be laid over them: {why}."
        ),
    }
}

fn print_start(overlay: &Overlay<GodotEngine>) {
    let summary = overlay.summary(dtls::openssl_version());
    godot_print!("OpenSSL DTLS: {summary}");
    if let Some(path) = overlay.changes_folders() {
        godot_print!(
            "OpenSSL DTLS: while this project runs, DirAccess cannot change folders under res://, as {path} seems to do; give it ProjectSettings.globalize_path(\"res://...\"), or convert the project (Project > Tools > Use OpenSSL DTLS names)."
        );
    }
}

/// The folders that packs can be written to, best first.
fn pack_folders(root: &Path) -> [PathBuf; 2] {
    const HIDDEN: &str = "application/config/use_hidden_project_data_directory";
    let hidden = ProjectSettings::singleton()
        .get_setting_ex(HIDDEN)
        .default_value(&Variant::from(true))
        .done()
        .booleanize();
    let data = root.join(if hidden { ".godot" } else { "godot" });
    let user = PathBuf::from(Os::singleton().get_user_data_dir().to_string());
    [data, user].map(|folder| folder.join("openssl_dtls"))
}
