//! The export that is running. The engine runs one at a time.

use std::path::Path;

use drop_in::export::{
    Begun, Export, Exports, Lacking, Message, Reach, begin, lacking, network_denied, reach,
};
use godot::builtin::GString;
use godot::classes::editor_export_platform::ExportMessageType;
use godot::classes::editor_export_preset::ScriptExportMode;
use godot::classes::{
    ConfigFile, EditorExportPlatform, EditorExportPreset, GDExtensionManager, ProjectSettings,
};
use godot::global::Error;
use godot::obj::{EngineEnum, Gd, NewGd, Singleton};

use super::engine::{EnginePreset, GodotEditor};
use crate::drop_in::{project, settings};

pub(super) static EXPORTS: Exports = Exports::new();

/// What is exported, and for what.
pub(super) struct Target {
    pub(super) preset: Gd<EditorExportPreset>,
    pub(super) platform: Gd<EditorExportPlatform>,
}

impl Target {
    fn export(&self, path: &str) -> Export {
        Export {
            path: path.to_owned(),
            os_name: self.platform.get_os_name().to_string(),
            binary_scripts: self.preset.get_script_export_mode() != ScriptExportMode::TEXT.ord(),
            embeds_pack: self.preset.get("binary_format/embed_pck").booleanize(),
        }
    }

    /// Adds a line to the editor's export dialog, and prints it.
    fn show(&self, message: &Message) {
        let (kind, text) = match message {
            Message::Warning(text) => (ExportMessageType::WARNING, text),
            Message::Error(text) => (ExportMessageType::ERROR, text),
        };
        let mut platform = self.platform.clone();
        platform.add_message(kind, "OpenSSL DTLS", text);
    }
}

/// Whether an export from the command line has failed because of the addon. The engine's exit code does not depend on
/// the messages of export plugins.
pub(crate) fn has_failed() -> bool {
    EXPORTS.has_failed() && project::has_argument(|it| it.starts_with("--export-"))
}

/// Decides what is renamed, and shows why nothing is where something could be.
pub(super) fn start(target: &Target, features: &[GString], path: &str) {
    EXPORTS.start(Begun::default());
    let Some(addon) = addon() else {
        return;
    };
    let changed = match project::folder() {
        Some(root) if settings::drop_in_for(features) => {
            project::renamed(&root, settings::always_renamed_for(features)).changed
        }
        _ => Vec::new(),
    };
    let export = target.export(path);
    let reach = reach(&EnginePreset(&target.preset), &addon);
    let lacking = lacking_of(&addon, features);
    let denied = if reach == Reach::Exported && lacking.is_none() {
        let allows = |option: &str| target.preset.get(option).booleanize();
        network_denied(&export.os_name, &allows)
    } else {
        None
    };
    let warning = EXPORTS.start(begin(export, &addon, reach, lacking.as_ref(), changed));
    for message in warning.iter().chain(&denied) {
        target.show(message);
    }
}

/// Checks the game.
pub(super) fn end(target: &Target) {
    for message in &EXPORTS.finish(&GodotEditor) {
        target.show(message);
    }
}

/// The path of the file that the engine loads the addon by, `res://…`.
fn addon() -> Option<String> {
    let loaded = GDExtensionManager::singleton().get_loaded_extensions();
    let mut paths = loaded.as_slice().iter().map(GString::to_string);
    paths.find(|path| path.ends_with("openssl_dtls.gdextension"))
}

fn lacking_of(addon: &str, features: &[GString]) -> Option<Lacking> {
    let features: Vec<String> = features.iter().map(GString::to_string).collect();
    let exists = |path: &str| {
        let on_disk = ProjectSettings::singleton().globalize_path(path);
        Path::new(&on_disk.to_string()).exists()
    };
    lacking(addon, &libraries(addon)?, &features, &exists)
}

/// The addon's libraries by their tags. `None` if the file cannot be read, which the engine prints.
fn libraries(addon: &str) -> Option<Vec<(String, String)>> {
    const SECTION: &str = "libraries";
    let mut config = ConfigFile::new_gd();
    if config.load(addon) != Error::OK {
        return None;
    }
    if !config.has_section(SECTION) {
        return Some(Vec::new());
    }
    let keys = config.get_section_keys(SECTION);
    let entry = |key: &GString| {
        let value = config.get_value(SECTION, key);
        (key.to_string(), value.to_string())
    };
    Some(keys.as_slice().iter().map(entry).collect())
}
