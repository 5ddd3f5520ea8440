//! Which text each file has in an exported game.

use std::collections::HashMap;

use godot::builtin::{GString, PackedByteArray, PackedStringArray};
use godot::classes::{EditorExportPlugin, IEditorExportPlugin, Node, Resource};
use godot::global::godot_warn;
use godot::obj::{Base, Gd, WithBaseField};
use godot::register::{GodotClass, godot_api};

use super::reach;
use crate::{project, settings};

/// Hands out renamed scripts and scenes during an export.
#[derive(GodotClass)]
#[class(tool, init, internal, base = EditorExportPlugin, rename = OpenSSLDTLSExportFiles)]
pub(crate) struct OpenSslDtlsExportFiles {
    /// The texts that are renamed, by path; from an export's begin to its end.
    renamed: HashMap<String, String>,
    base: Base<EditorExportPlugin>,
}

#[godot_api]
impl IEditorExportPlugin for OpenSslDtlsExportFiles {
    /// The engine asks export plugins for each file in the order of their names, and its own one for
    /// scripts is "GDScript": this one must come first.
    fn get_name(&self) -> GString {
        "DTLS drop-in".into()
    }

    fn export_begin(
        &mut self,
        features: PackedStringArray,
        _is_debug: bool,
        _path: GString,
        _flags: u32,
    ) {
        self.renamed.clear();
        if !settings::drop_in_for(features.as_slice()) {
            return;
        }
        let Some(root) = project::project_folder() else {
            return;
        };
        let changed = project::changed_files(&root);
        let preset = self.base().get_export_preset();
        if !changed.is_empty()
            && let Some(addon) = preset.as_ref().and_then(reach::left_out)
        {
            godot_warn!(
                "OpenSSL DTLS: the exported game runs on the engine's own DTLS classes, since its preset leaves out {addon}; add *.gdextension to the preset's filter of further resources."
            );
            return;
        }
        self.renamed = changed
            .into_iter()
            .map(|file| (file.path, file.text))
            .collect();
    }

    fn export_file(&mut self, path: GString, _type: GString, _features: PackedStringArray) {
        if let Some(text) = self.renamed.get(&path.to_string()) {
            let bytes = PackedByteArray::from(text.as_bytes());
            let mut base = self.base_mut();
            base.skip();
            base.add_file(&path, &bytes, false);
        }
    }

    fn export_end(&mut self) {
        self.renamed.clear();
    }

    // The engine keeps customised resources from one export to the next, and asks for them only
    // where `_begin_customize_…` says so: these are required, and never called.

    fn customize_resource(&mut self, _: Gd<Resource>, _: GString) -> Option<Gd<Resource>> {
        None
    }

    fn customize_scene(&mut self, _: Gd<Node>, _: GString) -> Option<Gd<Node>> {
        None
    }

    fn get_customization_configuration_hash(&self) -> u64 {
        0
    }
}
