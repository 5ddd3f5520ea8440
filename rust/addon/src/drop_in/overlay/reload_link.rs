//! The editor's part in reloading: a message to running games before the engine's own.

use godot::builtin::Variant;
use godot::classes::{EditorDebuggerPlugin, EditorDebuggerSession, EditorPlugin};
use godot::obj::{Base, Gd, WithBaseField};
use godot::register::{GodotClass, godot_api};

use super::reload::DEBUGGER_NAME;

/// Sends `openssl_dtls:refresh` to running games when a script or scene is saved. A debugger's messages keep their
/// order, and the engine sends its own, `reload_scripts`, after the calls that save scripts.
#[derive(GodotClass)]
#[class(tool, init, internal, base = EditorDebuggerPlugin, rename = OpenSSLDTLSReloadLink)]
pub(crate) struct ReloadLink {
    base: Base<EditorDebuggerPlugin>,
}

#[godot_api]
impl ReloadLink {
    /// Registers it, and connects the signals of saved files.
    pub(crate) fn add_to(link: &Gd<Self>, plugin: &mut Gd<EditorPlugin>) {
        plugin.add_debugger_plugin(link);
        for signal in ["resource_saved", "scene_saved"] {
            plugin.connect(signal, &link.callable("saved"));
        }
    }

    /// Undoes [`add_to`](Self::add_to).
    pub(crate) fn remove_from(link: &Gd<Self>, plugin: &mut Gd<EditorPlugin>) {
        for signal in ["resource_saved", "scene_saved"] {
            plugin.disconnect(signal, &link.callable("saved"));
        }
        plugin.remove_debugger_plugin(link);
    }

    #[func]
    fn saved(&self, _what: Variant) {
        self.send_refresh();
    }

    /// Makes running games read their scripts again.
    pub(crate) fn send_refresh(&self) {
        for session in self.base().get_sessions().iter_shared() {
            let session = session.try_to::<Gd<EditorDebuggerSession>>();
            if let Ok(mut session) = session
                && session.is_active()
            {
                session.send_message(&format!("{DEBUGGER_NAME}:refresh"));
            }
        }
    }
}
