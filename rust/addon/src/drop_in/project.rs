//! What the engine knows of the project, and of how it was started.

use std::path::{Path, PathBuf};

use drop_in::convert::Conversion;
use drop_in::project::{Extent, Renamed, is_project, rename};
use drop_in::{Autoload, Direction, Names};
use godot::builtin::{GString, VarDictionary};
use godot::classes::{Os, ProjectSettings};
use godot::obj::Singleton;

use crate::drop_in::settings;

/// The project's folder; `None` in an exported game.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = ProjectSettings::singleton().globalize_path("res://");
    let folder = PathBuf::from(folder.to_string());
    // In a game that is one pack the path is empty, and would mean the working directory.
    (folder.is_absolute() && is_project(&folder)).then_some(folder)
}

/// The autoloads that are global variables.
pub(crate) fn autoloads() -> Vec<Autoload> {
    let settings = ProjectSettings::singleton();
    let properties = settings.get_property_list();
    let autoload = |property: VarDictionary| {
        let key = property.get("name")?.to_string();
        let name = key.strip_prefix("autoload/")?;
        let value = settings.get_setting(key.as_str()).to_string();
        Some(Autoload {
            name: name.to_owned(),
            // An asterisk makes the autoload a global variable.
            path: value.strip_prefix('*')?.to_owned(),
        })
    };
    properties.iter_shared().filter_map(autoload).collect()
}

/// What renaming makes of the project in that folder, read as fast as an export needs it; see
/// [`rename`](drop_in::project::rename).
pub(crate) fn renamed(root: &Path, always: Names) -> Renamed {
    rename(
        root,
        &autoloads(),
        Direction::ToAddon,
        always,
        Extent::Quick,
    )
}

/// What a conversion to the addon's names changes, or back to the engine's. `None` in an exported game.
pub(crate) fn conversion(back: bool) -> Option<Conversion> {
    let direction = if back {
        Direction::ToEngine
    } else {
        Direction::ToAddon
    };
    let always = settings::always_renamed();
    Some(Conversion::of(&folder()?, &autoloads(), direction, always))
}

/// Whether the engine was started with such an argument.
pub(crate) fn has_argument(is_it: impl Fn(&str) -> bool) -> bool {
    let arguments = Os::singleton().get_cmdline_args();
    let mut arguments = arguments.as_slice().iter().map(GString::to_string);
    arguments.any(|argument| is_it(&argument))
}
