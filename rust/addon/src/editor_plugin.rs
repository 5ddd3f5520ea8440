//! The addon's part in the editor; the engine makes one by itself.

use godot::classes::{EditorPlugin, IEditorPlugin};
use godot::obj::{Base, Gd, NewGd, WithBaseField};
use godot::register::{GodotClass, godot_api};

use crate::convert::ConvertMenu;
use crate::export::{self, ExportPlugins};
use crate::first_meeting;

/// Brings in what exports need, and the converter's menu items.
#[derive(GodotClass)]
#[class(tool, init, internal, base = EditorPlugin, rename = OpenSSLDTLSEditorPlugin)]
struct OpenSslDtlsEditorPlugin {
    exports: Option<ExportPlugins>,
    menu: Option<Gd<ConvertMenu>>,
    base: Base<EditorPlugin>,
}

#[godot_api]
impl IEditorPlugin for OpenSslDtlsEditorPlugin {
    fn enter_tree(&mut self) {
        let exports = ExportPlugins::add(&mut self.base_mut());
        self.exports = Some(exports);
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
        if let Some(exports) = self.exports.take() {
            exports.remove(&mut self.base_mut());
        }
        if export::has_failed() {
            // The editor is about to end, as after an export that went well.
            self.base().get_tree().quit_ex().exit_code(1).done();
        }
        if let Some(mut menu) = self.menu.take() {
            ConvertMenu::remove_from(&mut menu, &mut self.base_mut());
        }
    }
}
