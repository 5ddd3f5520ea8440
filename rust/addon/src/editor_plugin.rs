//! The addon's part in the editor; the engine makes one by itself.

use godot::classes::{EditorPlugin, IEditorPlugin};
use godot::obj::{Base, Gd, NewGd, WithBaseField};
use godot::register::{GodotClass, godot_api};

use crate::convert::ConvertMenu;
use crate::export::OpenSslDtlsExportFiles;
use crate::first_meeting;

/// Brings in what exports need, and the converter's menu items.
#[derive(GodotClass)]
#[class(tool, init, internal, base = EditorPlugin, rename = OpenSSLDTLSEditorPlugin)]
struct OpenSslDtlsEditorPlugin {
    files: Option<Gd<OpenSslDtlsExportFiles>>,
    menu: Option<Gd<ConvertMenu>>,
    base: Base<EditorPlugin>,
}

#[godot_api]
impl IEditorPlugin for OpenSslDtlsEditorPlugin {
    fn enter_tree(&mut self) {
        let files = OpenSslDtlsExportFiles::new_gd();
        self.base_mut().add_export_plugin(&files);
        self.files = Some(files);
        let menu = ConvertMenu::new_gd();
        ConvertMenu::add_to(&menu, &mut self.base_mut());
        self.menu = Some(menu);
        self.base_mut().set_process(first_meeting::needs_time());
    }

    fn process(&mut self, _delta: f64) {
        first_meeting::take_time();
        self.base_mut().set_process(false);
    }

    fn exit_tree(&mut self) {
        if let Some(files) = self.files.take() {
            self.base_mut().remove_export_plugin(&files);
        }
        if let Some(mut menu) = self.menu.take() {
            ConvertMenu::remove_from(&mut menu, &mut self.base_mut());
        }
    }
}
