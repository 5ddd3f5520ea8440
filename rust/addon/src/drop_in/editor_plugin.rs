//! The addon's editor plugin. gdext registers the class, and the engine creates the object.

use godot::classes::notify::NodeNotification;
use godot::classes::{EditorPlugin, IEditorPlugin};
use godot::obj::{Base, Gd, NewGd, WithBaseField};
use godot::register::{GodotClass, godot_api};

use crate::drop_in::convert_menu::ConvertMenu;
use crate::drop_in::export::{self, ExportPlugins};
use crate::drop_in::headless_import_workaround;
use crate::drop_in::overlay::ReloadLink;

/// Adds the export plugins, the converter's menu items, and the link to running games.
#[derive(GodotClass)]
#[class(tool, init, internal, base = EditorPlugin, rename = OpenSSLDTLSEditorPlugin)]
struct OpenSslDtlsEditorPlugin {
    exports: Option<ExportPlugins>,
    menu: Option<Gd<ConvertMenu>>,
    link: Option<Gd<ReloadLink>>,
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
        let link = ReloadLink::new_gd();
        ReloadLink::add_to(&link, &mut self.base_mut());
        self.link = Some(link);
        self.base_mut()
            .set_process(headless_import_workaround::is_needed());
    }

    fn on_notification(&mut self, what: NodeNotification) {
        // When its window gets the focus, the editor reloads scripts that other programs changed.
        if what == NodeNotification::APPLICATION_FOCUS_IN
            && let Some(link) = &self.link
        {
            link.bind().send_refresh();
        }
    }

    fn process(&mut self, _delta: f64) {
        headless_import_workaround::wait();
        self.base_mut().set_process(false);
    }

    fn exit_tree(&mut self) {
        if let Some(exports) = self.exports.take() {
            exports.remove(&mut self.base_mut());
        }
        if export::has_failed() {
            // The editor is quitting with exit code 0 after an export. This changes the code.
            self.base().get_tree().quit_ex().exit_code(1).done();
        }
        if let Some(mut menu) = self.menu.take() {
            ConvertMenu::remove_from(&mut menu, &mut self.base_mut());
        }
        if let Some(link) = self.link.take() {
            ReloadLink::remove_from(&link, &mut self.base_mut());
        }
    }
}
