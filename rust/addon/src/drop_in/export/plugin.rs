//! The addon's export plugins: one class, added once for each [`Place`].

#![allow(unreachable_pub, reason = "an exported property's accessors are pub")]

use drop_in::export::Place;
use godot::builtin::{GString, PackedByteArray, PackedStringArray};
use godot::classes::{EditorExportPlugin, IEditorExportPlugin, Node, Resource};
use godot::obj::{Base, Gd, NewGd, WithBaseField};
use godot::register::{GodotClass, godot_api};

use super::run::{self, EXPORTS, Target};

/// Adds renamed scripts and scenes to the game during an export.
#[derive(GodotClass)]
#[class(tool, init, internal, base = EditorExportPlugin, rename = OpenSSLDTLSExportFiles)]
struct OpenSslDtlsExportFiles {
    /// An index into [`Place::ALL`]. A stored property, so that the engine keeps it when it reloads the addon.
    #[export]
    place: i64,
    base: Base<EditorExportPlugin>,
}

impl OpenSslDtlsExportFiles {
    fn place(&self) -> Place {
        let place = Place::ALL.get(self.place as usize);
        place.copied().unwrap_or(Place::Last)
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
            run::start(&target, features.as_slice(), &path.to_string());
        }
    }

    fn export_file(&mut self, path: GString, _type: GString, _features: PackedStringArray) {
        if let Some(text) = EXPORTS.offer(self.place(), &path.to_string()) {
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

    // These are required, but never called: the engine customizes resources only if `_begin_customize_…` returns true.

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

/// The addon's export plugins, one for each place.
pub(crate) fn plugins() -> Vec<Gd<EditorExportPlugin>> {
    let plugin = |place| {
        let mut plugin = OpenSslDtlsExportFiles::new_gd();
        plugin.bind_mut().place = place as i64;
        plugin.upcast()
    };
    (0..Place::ALL.len()).map(plugin).collect()
}
