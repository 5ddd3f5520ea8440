//! The project's autoloads, as its settings list them.

use drop_in::Autoload;
use godot::classes::ProjectSettings;
use godot::obj::Singleton;

/// The project's autoloads that are global variables.
pub(crate) fn globals() -> Vec<Autoload> {
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
