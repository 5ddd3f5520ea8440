//! The authorities that are trusted where the options name none.

use dtls::Roots;
use godot::classes::{Os, ProjectSettings};
use godot::global::Error;
use godot::obj::Singleton;
use once_cell::sync::OnceCell;

use super::credential::pem_of_file;
use crate::refusal::Refusal;

/// The engine's project setting for a certificate bundle, which replaces the system's.
const OVERRIDE: &str = "network/tls/certificate_bundle_override";

/// The project's bundle, else the system's, else Mozilla's as of the addon's build; read and parsed once.
pub(crate) fn default() -> Result<Roots, Refusal> {
    static DEFAULT: OnceCell<Roots> = OnceCell::new();
    DEFAULT.get_or_try_init(load).cloned()
}

fn load() -> Result<Roots, Refusal> {
    let settings = ProjectSettings::singleton();
    let path = settings.get_setting(OVERRIDE).to_string();
    let roots = if path.is_empty() {
        let system = Os::singleton().get_system_ca_certificates().to_string();
        Roots::from_bundle(system.as_bytes()).or_else(|_| Roots::mozilla())
    } else {
        let bundle = pem_of_file(&path.as_str().into()).unwrap_or_default();
        Roots::from_bundle(bundle.as_bytes())
    };
    roots.map_err(|error| {
        let why = format_args!(
            "no server can be verified: {error}; the project setting {OVERRIDE} is \"{path}\", and \
             the certificates to trust can also be given to TLSOptions.client()"
        );
        Refusal::new(Error::ERR_UNCONFIGURED, why)
    })
}
