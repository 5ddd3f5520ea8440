//! The project's autoloads, as its settings list them.

use godot::classes::ProjectSettings;
use godot::obj::Singleton;

/// Names and paths of the project's autoloads that are global variables.
pub(crate) fn globals() -> Vec<(String, String)> {
    let settings = ProjectSettings::singleton();
    let mut autoloads = Vec::new();
    for property in settings.get_property_list().iter_shared() {
        let key = property.get("name").map(|name| name.to_string());
        let Some(key) = key else { continue };
        if let Some(name) = key.strip_prefix("autoload/") {
            let value = settings.get_setting(key.as_str()).to_string();
            // An asterisk makes the autoload a global variable.
            if let Some(path) = value.strip_prefix('*') {
                autoloads.push((name.to_owned(), path.to_owned()));
            }
        }
    }
    autoloads
}
