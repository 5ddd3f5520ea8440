//! The addon's editor plugin. gdext registers the class, and the engine creates the object.

use godot::builtin::Callable;
use godot::classes::notify::NodeNotification;
use godot::classes::{EditorDebuggerPlugin, EditorExportPlugin, EditorPlugin, IEditorPlugin};
use godot::obj::{Base, Gd, NewGd, WithBaseField};
use godot::register::{GodotClass, godot_api};

use crate::drop_in::convert_menu::ConvertMenu;
use crate::drop_in::{export, headless_import_workaround, overlay};

/// Adds the export plugins, the converter's menu items, and the link to running games.
#[derive(GodotClass)]
#[class(tool, init, internal, base = EditorPlugin, rename = OpenSSLDTLSEditorPlugin)]
struct OpenSslDtlsEditorPlugin {
    exports: Vec<Gd<EditorExportPlugin>>,
    menu: Option<Gd<ConvertMenu>>,
    link: Option<Gd<EditorDebuggerPlugin>>,
    base: Base<EditorPlugin>,
}

#[godot_api]
impl IEditorPlugin for OpenSslDtlsEditorPlugin {
    fn enter_tree(&mut self) {
        self.exports = export::plugins();
        let menu = self.menu.insert(ConvertMenu::new_gd()).clone();
        let link = self.link.insert(EditorDebuggerPlugin::new_gd()).clone();
        let exports = self.exports.clone();
        let mut base = self.base_mut();
        for plugin in &exports {
            base.add_export_plugin(plugin);
        }
        ConvertMenu::add_to(&menu, &mut base);
        base.add_debugger_plugin(&link);
        for signal in ["resource_saved", "scene_saved"] {
            let link = link.clone();
            let refresh = Callable::from_fn("openssl_dtls", move |_| overlay::send_refresh(&link));
            base.connect(signal, &refresh);
        }
        base.set_process(headless_import_workaround::is_needed());
    }

    fn on_notification(&mut self, what: NodeNotification) {
        // When its window gets the focus, the editor reloads scripts that other programs changed.
        if what == NodeNotification::APPLICATION_FOCUS_IN
            && let Some(link) = &self.link
        {
            overlay::send_refresh(link);
        }
    }

    fn process(&mut self, _delta: f64) {
        headless_import_workaround::wait();
        self.base_mut().set_process(false);
    }

    fn exit_tree(&mut self) {
        for plugin in std::mem::take(&mut self.exports) {
            self.base_mut().remove_export_plugin(&plugin);
        }
        if export::has_failed() {
            // The editor is quitting with exit code 0 after an export. This changes the code.
            self.base().get_tree().quit_ex().exit_code(1).done();
        }
        if let Some(mut menu) = self.menu.take() {
            ConvertMenu::remove_from(&mut menu, &mut self.base_mut());
        }
        if let Some(link) = self.link.take() {
            self.base_mut().remove_debugger_plugin(&link);
        }
    }
}
