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

/// What a preset does with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Exported,
    /// The preset selects files, and this one is not among them.
    NotSelected,
    /// The preset says that it shall not be exported.
    Excluded,
}

/// Where that file lies in this project, `res://…`.
pub(super) fn addon() -> Option<String> {
    let loaded = GDExtensionManager::singleton().get_loaded_extensions();
    loaded
        .as_slice()
        .iter()
        .map(GString::to_string)
        .find(|path| path.ends_with(FILE))
}

/// What the preset does with the file at that path.
pub(super) fn of(preset: &Gd<EditorExportPreset>, path: &str) -> Reach {
    let matches = |filters: GString| any_matches(&filters.to_string(), path);
    if matches(preset.get_exclude_filter()) {
        Reach::Excluded
    } else if matches(preset.get_include_filter()) {
        Reach::Exported
    } else {
        selected(preset, path)
    }
}

fn selected(preset: &Gd<EditorExportPreset>, path: &str) -> Reach {
    let listed = || {
        let files = preset.get_files_to_export();
        files.as_slice().iter().any(|file| *file == path)
    };
    match preset.get_export_filter() {
        ExportFilter::EXPORT_SELECTED_SCENES => Reach::NotSelected,
        ExportFilter::EXPORT_SELECTED_RESOURCES if !listed() => Reach::NotSelected,
        ExportFilter::EXCLUDE_SELECTED_RESOURCES if listed() => Reach::Excluded,
        ExportFilter::EXPORT_CUSTOMIZED if customised(preset, path) == FileExportMode::REMOVE => {
            Reach::Excluded
        }
        _ => Reach::Exported,
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
