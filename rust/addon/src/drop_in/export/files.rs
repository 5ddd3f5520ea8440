//! The addon's export plugins: one class, registered once for each place in the engine's order.

#![allow(unreachable_pub, reason = "an exported property's accessors are pub")]

use godot::builtin::{GString, PackedByteArray, PackedStringArray};
use godot::classes::{EditorExportPlugin, EditorPlugin, IEditorExportPlugin, Node, Resource};
use godot::obj::{Base, Gd, NewGd, WithBaseField};
use godot::register::{GodotClass, godot_api};

use super::run::{self, Place, Target};

/// Hands out renamed scripts and scenes during an export.
#[derive(GodotClass)]
#[class(tool, init, internal, base = EditorExportPlugin, rename = OpenSSLDTLSExportFiles)]
struct OpenSslDtlsExportFiles {
    /// An index into [`Place::ALL`]. A stored property, so that the engine keeps it when it reloads
    /// the addon.
    #[export]
    place: i64,
    base: Base<EditorExportPlugin>,
}

impl OpenSslDtlsExportFiles {
    fn place(&self) -> Place {
        let place = usize::try_from(self.place).ok();
        place
            .and_then(|place| Place::ALL.get(place).copied())
            .unwrap_or(Place::Last)
    }

    fn target(&self) -> Option<Target> {
        Some(Target {
            preset: self.base().get_export_preset()?,
            platform: self.base().get_export_platform()?,
        })
    }
}

#[godot_api]
impl IEditorExportPlugin for OpenSslDtlsExportFiles {
    fn get_name(&self) -> GString {
        self.place().name().into()
    }

    fn export_begin(
        &mut self,
        features: PackedStringArray,
        _is_debug: bool,
        path: GString,
        _flags: u32,
    ) {
        if self.place() == Place::First
            && let Some(target) = self.target()
        {
            run::begin(&target, features.as_slice(), &path.to_string());
        }
    }

    fn export_file(&mut self, path: GString, _type: GString, _features: PackedStringArray) {
        if let Some(text) = run::offer(self.place(), &path.to_string()) {
            let bytes = PackedByteArray::from(text.as_bytes());
            let mut base = self.base_mut();
            base.skip();
            base.add_file(&path, &bytes, false);
        }
    }

    fn export_end(&mut self) {
        if self.place() == Place::First
            && let Some(target) = self.target()
        {
            run::end(&target);
        }
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

/// The addon's export plugins, registered with the engine through an editor plugin.
pub(crate) struct ExportPlugins(Vec<Gd<OpenSslDtlsExportFiles>>);

impl ExportPlugins {
    /// Registers one for each place.
    pub(crate) fn add(editor: &mut EditorPlugin) -> Self {
        let plugins = (0..Place::ALL.len()).map(|place| {
            let mut plugin = OpenSslDtlsExportFiles::new_gd();
            plugin.bind_mut().place = place as i64;
            editor.add_export_plugin(&plugin);
            plugin
        });
        Self(plugins.collect())
    }

    /// Takes them away again.
    pub(crate) fn remove(self, editor: &mut EditorPlugin) {
        for plugin in self.0 {
            editor.remove_export_plugin(&plugin);
        }
    }
}
