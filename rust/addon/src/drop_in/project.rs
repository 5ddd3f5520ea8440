//! What the engine knows of the project: its folder and its autoloads.

use std::path::{Path, PathBuf};

use drop_in::project::{Extent, Renamed, is_project, rename};
use drop_in::{Autoload, Direction};
use godot::classes::ProjectSettings;
use godot::obj::Singleton;

/// The project's folder; `None` in an exported game.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = ProjectSettings::singleton()
        .globalize_path("res://")
        .to_string();
    let folder = PathBuf::from(folder);
    // In a game that is one pack the path is empty, and would mean the working directory.
    (folder.is_absolute() && is_project(&folder)).then_some(folder)
}

/// The autoloads that are global variables.
pub(crate) fn autoloads() -> Vec<Autoload> {
    let settings = ProjectSettings::singleton();
    let mut autoloads = Vec::new();
    for property in settings.get_property_list().iter_shared() {
        let key = property.get("name").map(|name| name.to_string());
        let Some(key) = key else { continue };
        if let Some(name) = key.strip_prefix("autoload/") {
            let value = settings.get_setting(key.as_str()).to_string();
            // An asterisk makes the autoload a global variable.
            if let Some(path) = value.strip_prefix('*') {
                autoloads.push(Autoload {
                    name: name.to_owned(),
                    path: path.to_owned(),
                });
            }
        }
    }
    autoloads
}

/// What renaming makes of the project in that folder, read as fast as a start or an export needs it.
pub(crate) fn renamed(root: &Path) -> Renamed {
    rename(root, &autoloads(), Direction::ToAddon, Extent::Quick)
}
