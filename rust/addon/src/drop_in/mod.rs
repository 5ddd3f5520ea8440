//! The drop-in: scripts that name the engine's DTLS classes run on OpenSSL.
//!
//! In a running project, [`overlay`] loads renamed copies over the scripts. In an export, [`export`] adds the renamed
//! texts to the game. [`convert_menu`] and [`class`] write the names into the project. What needs no Godot is in the
//! crate `drop_in`; this is the engine's side. See docs/decisions/drop-in.md.

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

/// To be called when the addon is loaded into an editor.
pub(crate) fn enter_editor() {
    headless_import_workaround::on_load();
}

/// To be called when the extension ends.
pub(crate) fn end() {
    overlay::end();
}
