//! The drop-in in exported games: scripts are renamed on their way into the game.
//!
//! An exported game has no project folder to lay copies over, and its scripts may be binary. So the
//! editor hands out the renamed text instead, while the project's own files stay as they are.

mod files;
mod reach;

use godot::classes::{EditorPlugin, IEditorPlugin};
use godot::obj::{Base, Gd, NewGd, WithBaseField};
use godot::register::{GodotClass, godot_api};

use files::OpenSslDtlsExportFiles;

/// Part of the editor while the addon is: brings in what exports need.
#[derive(GodotClass)]
#[class(tool, init, internal, base = EditorPlugin, rename = OpenSSLDTLSEditorPlugin)]
struct OpenSslDtlsEditorPlugin {
    files: Option<Gd<OpenSslDtlsExportFiles>>,
    base: Base<EditorPlugin>,
}

#[godot_api]
impl IEditorPlugin for OpenSslDtlsEditorPlugin {
    fn enter_tree(&mut self) {
        let files = OpenSslDtlsExportFiles::new_gd();
        self.base_mut().add_export_plugin(&files);
        self.files = Some(files);
    }

    fn exit_tree(&mut self) {
        if let Some(files) = self.files.take() {
            self.base_mut().remove_export_plugin(&files);
        }
    }
}
