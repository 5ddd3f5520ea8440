//! Whether the addon itself is part of an exported game.
//!
//! A preset of selected scenes or resources leaves it out unless its filters name it, and without
//! the addon's classes renamed scripts would not even parse.

use godot::builtin::GString;
use godot::classes::editor_export_preset::{ExportFilter, FileExportMode};
use godot::classes::{EditorExportPreset, GDExtensionManager};
use godot::obj::{Gd, Singleton};

/// The addon's file that the engine loads it by.
const FILE: &str = "openssl_dtls.gdextension";

/// Where that file lies in this project, if the preset leaves it out.
pub(super) fn left_out(preset: &Gd<EditorExportPreset>) -> Option<String> {
    let loaded = GDExtensionManager::singleton().get_loaded_extensions();
    let path = loaded
        .as_slice()
        .iter()
        .map(GString::to_string)
        .find(|path| path.ends_with(FILE))?;
    let matches = |filters: GString| any_matches(&filters.to_string(), &path);
    let chosen = is_chosen(preset, &path) || matches(preset.get_include_filter());
    let is_exported = chosen && !matches(preset.get_exclude_filter());
    (!is_exported).then_some(path)
}

fn is_chosen(preset: &Gd<EditorExportPreset>, path: &str) -> bool {
    let listed = || {
        let files = preset.get_files_to_export();
        files.as_slice().iter().any(|file| *file == path)
    };
    match preset.get_export_filter() {
        ExportFilter::EXPORT_SELECTED_SCENES => false,
        ExportFilter::EXPORT_SELECTED_RESOURCES => listed(),
        ExportFilter::EXCLUDE_SELECTED_RESOURCES => !listed(),
        ExportFilter::EXPORT_CUSTOMIZED => customised(preset, path) != FileExportMode::REMOVE,
        _ => true,
    }
}

/// What the preset says of the file, or of the innermost folder around it that it says anything of.
fn customised(preset: &Gd<EditorExportPreset>, path: &str) -> FileExportMode {
    let folders = path
        .match_indices('/')
        .map(|(slash, _)| &path[..=slash])
        .filter(|folder| folder.len() >= "res://".len());
    let mut mode = FileExportMode::NOT_CUSTOMIZED;
    for place in folders.chain([path]) {
        mode = preset.get_file_export_mode_ex(place).default(mode).done();
    }
    mode
}

/// Whether one of the patterns, between commas, fits the path as a whole or without `res://`.
fn any_matches(patterns: &str, path: &str) -> bool {
    let names = [path, path.trim_start_matches("res://")].map(GString::from);
    patterns
        .split(',')
        .map(str::trim)
        .filter(|pattern| !pattern.is_empty())
        .any(|pattern| names.iter().any(|name| name.matchn_glob(pattern)))
}
