//! The engine's presets and readers, as the crate `drop_in` asks for them.

use std::path::Path;

use drop_in::export::{Editor, OtherPlugin, Preset, ReadZip, Selection};
use godot::builtin::{GString, PackedByteArray};
use godot::classes::editor_export_preset::{ExportFilter, FileExportMode};
use godot::classes::file_access::CompressionMode;
use godot::classes::{EditorExportPreset, ZipReader};
use godot::global::Error;
use godot::obj::{Gd, NewGd};

use super::other_plugins;

pub(super) struct EnginePreset<'p>(pub(super) &'p Gd<EditorExportPreset>);

impl Preset for EnginePreset<'_> {
    fn include_filter(&self) -> String {
        self.0.get_include_filter().to_string()
    }

    fn exclude_filter(&self) -> String {
        self.0.get_exclude_filter().to_string()
    }

    fn matches(&self, path: &str, pattern: &str) -> bool {
        GString::from(path).matchn_glob(pattern)
    }

    fn selection(&self) -> Selection {
        match self.0.get_export_filter() {
            ExportFilter::EXPORT_SELECTED_SCENES => Selection::Scenes,
            ExportFilter::EXPORT_SELECTED_RESOURCES => Selection::Resources,
            ExportFilter::EXCLUDE_SELECTED_RESOURCES => Selection::AllButResources,
            ExportFilter::EXPORT_CUSTOMIZED => Selection::Customized,
            _ => Selection::All,
        }
    }

    fn selected_files(&self) -> Vec<String> {
        let files = self.0.get_files_to_export();
        files.as_slice().iter().map(GString::to_string).collect()
    }

    fn removes(&self, path: &str) -> Option<bool> {
        match self.0.get_file_export_mode(path) {
            FileExportMode::NOT_CUSTOMIZED => None,
            mode => Some(mode == FileExportMode::REMOVE),
        }
    }
}

pub(super) struct GodotEditor;

impl Editor for GodotEditor {
    fn other_plugins(&self) -> Vec<OtherPlugin> {
        other_plugins::find()
    }

    fn open_zip(&self, path: &Path) -> Option<ReadZip> {
        let mut zip = ZipReader::new_gd();
        if zip.open(&*path.to_string_lossy()) != Error::OK {
            return None;
        }
        Some(Box::new(move |name| {
            let mut zip = zip.clone();
            zip.file_exists(name).then(|| zip.read_file(name).to_vec())
        }))
    }

    fn decompress_zstd(&self, packed: &[u8], size: usize) -> Option<Vec<u8>> {
        let packed = PackedByteArray::from(packed);
        let unpacked = packed.decompress(size, CompressionMode::ZSTD).ok()?;
        Some(unpacked.to_vec())
    }
}
