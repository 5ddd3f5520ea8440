//! The converter's items in the editor's menu Project > Tools.

use std::collections::HashSet;

use drop_in::convert::Conversion;
use godot::builtin::{GString, Vector2i, vslice};
use godot::classes::{AcceptDialog, ConfirmationDialog, EditorInterface, EditorPlugin, TextEdit};
use godot::global::{godot_error, godot_print};
use godot::obj::{Base, Gd, NewAlloc, Singleton, WithBaseField};
use godot::register::{GodotClass, godot_api};

use crate::drop_in::project;

/// The items, by whether they convert back to the engine's names.
const ITEMS: [(bool, &str); 2] = [
    (false, "Use OpenSSL DTLS names..."),
    (true, "Use the engine's DTLS names..."),
];

/// Shows the changes of a conversion, and writes them when the user confirms.
#[derive(GodotClass)]
#[class(tool, init, internal, rename = OpenSSLDTLSConvertMenu)]
pub(crate) struct ConvertMenu {
    shown: Option<(Conversion, Gd<ConfirmationDialog>)>,
    base: Base<godot::classes::RefCounted>,
}

#[godot_api]
impl ConvertMenu {
    /// Adds the items to the menu.
    pub(crate) fn add_to(menu: &Gd<Self>, plugin: &mut Gd<EditorPlugin>) {
        for (back, item) in ITEMS {
            let offer = menu.callable("offer").bind(vslice![back, item]);
            plugin.add_tool_menu_item(item, &offer);
        }
    }

    /// Removes the items and closes the dialog.
    pub(crate) fn remove_from(menu: &mut Gd<Self>, plugin: &mut Gd<EditorPlugin>) {
        for (_, item) in ITEMS {
            plugin.remove_tool_menu_item(item);
        }
        menu.bind_mut().dismiss();
    }

    #[func]
    fn offer(&mut self, back: bool, item: GString) {
        self.dismiss();
        let Some(conversion) = project::conversion(back) else {
            return;
        };
        let mut text = TextEdit::new_alloc();
        text.set_text(&conversion.listing().join("\n"));
        text.set_editable(false);
        let mut dialog = ConfirmationDialog::new_alloc();
        dialog.set_title(item.to_string().trim_end_matches('.'));
        dialog.set_ok_button_text("Write these changes (save all open scripts and scenes first)");
        if let Some(mut button) = dialog.get_ok_button() {
            button.set_disabled(conversion.is_empty());
        }
        dialog.add_child(&text);
        dialog.connect("confirmed", &self.to_gd().callable("write"));
        let base = EditorInterface::singleton().get_base_control();
        let Some(mut base) = base else {
            dialog.free();
            return;
        };
        base.add_child(&dialog);
        let mut window = dialog.clone().upcast::<AcceptDialog>();
        window
            .popup_centered_ex()
            .minsize(Vector2i::new(900, 600))
            .done();
        self.shown = Some((conversion, dialog));
    }

    #[func]
    fn write(&mut self) {
        let Some((conversion, _)) = &self.shown else {
            return;
        };
        match conversion.write() {
            Ok(()) => {
                for line in conversion.listing() {
                    godot_print!("{line}");
                }
                show_new_texts(&conversion.paths().collect());
            }
            Err(why) => godot_error!("OpenSSL DTLS: the project was not converted: {why}."),
        }
        self.dismiss();
    }

    fn dismiss(&mut self) {
        if let Some((_, mut dialog)) = self.shown.take() {
            dialog.queue_free();
        }
    }
}

/// Makes the editor read converted files again, also open ones.
fn show_new_texts(paths: &HashSet<&str>) {
    let mut editor = EditorInterface::singleton();
    if let Some(mut files) = editor.get_resource_filesystem() {
        for path in paths {
            files.update_file(*path);
        }
    }
    for scene in editor.get_open_scenes().as_slice() {
        if paths.contains(scene.to_string().as_str()) {
            editor.reload_scene_from_path(scene);
        }
    }
    // When its window gets the focus, the script editor reloads files that other programs changed.
    if let Some(mut scripts) = editor.get_script_editor() {
        scripts.notify(godot::classes::notify::ContainerNotification::APPLICATION_FOCUS_IN);
    }
}
