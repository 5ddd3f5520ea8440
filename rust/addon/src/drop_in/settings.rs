//! The addon's project setting, `openssl_dtls/drop_in`.

use godot::builtin::{GString, VarDictionary, Variant, VariantType, vdict};
use godot::classes::ProjectSettings;
use godot::obj::Singleton;

/// Whether scripts that name the engine's DTLS classes run on OpenSSL.
const DROP_IN: &str = "openssl_dtls/drop_in";

/// Registers the setting and its default.
pub(crate) fn register() {
    let mut settings = ProjectSettings::singleton();
    if !settings.has_setting(DROP_IN) {
        settings.set_setting(DROP_IN, &Variant::from(true));
    }
    settings.set_initial_value(DROP_IN, &Variant::from(true));
    settings.set_as_basic(DROP_IN, true);
    let info: VarDictionary = vdict! {
        "name" => DROP_IN,
        "type" => VariantType::BOOL,
    };
    settings.add_property_info(&info);
}

/// The setting's value in this process, with overrides for its features.
pub(crate) fn drop_in() -> bool {
    ProjectSettings::singleton()
        .get_setting_with_override(DROP_IN)
        .booleanize()
}

/// The setting's value in a game with these features.
pub(crate) fn drop_in_for(features: &[GString]) -> bool {
    let settings = ProjectSettings::singleton();
    let overridden = features
        .iter()
        .map(|feature| format!("{DROP_IN}.{feature}"))
        .find(|name| settings.has_setting(name.as_str()));
    let name = overridden.as_deref().unwrap_or(DROP_IN);
    settings.get_setting(name).booleanize()
}
