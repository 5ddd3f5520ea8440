//! The addon's project settings.

use drop_in::Names;
use godot::builtin::{GString, VarDictionary, Variant, VariantType, vdict};
use godot::classes::ProjectSettings;
use godot::obj::Singleton;

/// A setting that is on or off.
struct Setting {
    name: &'static str,
    default: bool,
}

/// Whether scripts that use DTLS by the engine's names run on OpenSSL.
const DROP_IN: Setting = Setting {
    name: "openssl_dtls/drop_in",
    default: true,
};

/// Whether ENet's names are renamed in projects, too, that do not turn on its DTLS.
const PLAIN_ENET: Setting = Setting {
    name: "openssl_dtls/drop_in_plain_enet",
    default: false,
};

/// Registers the settings and their defaults.
pub(crate) fn register() {
    for setting in [DROP_IN, PLAIN_ENET] {
        setting.register();
    }
}

/// Whether the drop-in is on in this process.
pub(crate) fn drop_in() -> bool {
    DROP_IN.value()
}

/// Whether the drop-in is on in a game with these features.
pub(crate) fn drop_in_for(features: &[GString]) -> bool {
    DROP_IN.value_for(features)
}

/// The names that the drop-in renames in this process, whether or not the project uses DTLS with them.
pub(crate) fn always_renamed() -> Names {
    names(PLAIN_ENET.value())
}

/// As [`always_renamed`], in a game with these features.
pub(crate) fn always_renamed_for(features: &[GString]) -> Names {
    names(PLAIN_ENET.value_for(features))
}

fn names(plain_enet: bool) -> Names {
    if plain_enet { Names::ENET } else { Names::NONE }
}

impl Setting {
    fn register(&self) {
        let mut settings = ProjectSettings::singleton();
        let default = Variant::from(self.default);
        if !settings.has_setting(self.name) {
            settings.set_setting(self.name, &default);
        }
        settings.set_initial_value(self.name, &default);
        settings.set_as_basic(self.name, true);
        let info: VarDictionary = vdict! {
            "name" => self.name,
            "type" => VariantType::BOOL,
        };
        settings.add_property_info(&info);
    }

    /// The value in this process, with overrides for its features.
    fn value(&self) -> bool {
        ProjectSettings::singleton()
            .get_setting_with_override(self.name)
            .booleanize()
    }

    /// The value in a game with these features.
    fn value_for(&self, features: &[GString]) -> bool {
        let settings = ProjectSettings::singleton();
        let overridden = features
            .iter()
            .map(|feature| format!("{}.{feature}", self.name))
            .find(|name| settings.has_setting(name.as_str()));
        let name = overridden.as_deref().unwrap_or(self.name);
        settings.get_setting(name).booleanize()
    }
}
