//! The drop-in: scripts that name the engine's DTLS classes run on OpenSSL.
//!
//! In a running project, [`overlay`] loads renamed copies over the scripts; in an export, [`export`] adds the renamed
//! texts to the game; [`convert`] writes the names into the project. What needs no Godot is in the crate `drop_in`.

mod class;
mod convert_menu;
mod editor_plugin;
mod export;
mod headless_import_workaround;
mod overlay;
mod project;
mod settings;

/// Registers the settings and loads the overlay. To be called before the engine loads any script.
pub(crate) fn start() {
    settings::register();
    overlay::start();
}

/// To be called when the extension's classes are registered in an editor.
pub(crate) fn enter_editor() {
    headless_import_workaround::notice();
}

/// To be called as the extension ends.
pub(crate) fn end() {
    overlay::end();
}
