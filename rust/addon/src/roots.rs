//! The authorities that are trusted where the options name none.

use dtls::Roots;
use godot::classes::{FileAccess, Os, ProjectSettings};
use godot::global::Error;
use godot::obj::Singleton;
use once_cell::sync::OnceCell;

use crate::contexts::Unusable;

/// The engine's project setting for a bundle of one's own, which comes before the system's.
const OVERRIDE: &str = "network/tls/certificate_bundle_override";

static DEFAULT: OnceCell<Roots> = OnceCell::new();

/// The project's bundle, or else the system's; read and parsed once.
pub(crate) fn default() -> Result<Roots, Unusable> {
    DEFAULT.get_or_try_init(load).cloned()
}

fn load() -> Result<Roots, Unusable> {
    let path = ProjectSettings::singleton()
        .get_setting(OVERRIDE)
        .to_string();
    let (bundle, source) = if path.is_empty() {
        (
            Os::singleton().get_system_ca_certificates().to_string(),
            "the system's certificates",
        )
    } else {
        (
            FileAccess::get_file_as_string(path.as_str()).to_string(),
            "the certificates of network/tls/certificate_bundle_override",
        )
    };
    Roots::from_bundle(bundle.as_bytes()).map_err(|error| Unusable {
        code: Error::ERR_UNCONFIGURED,
        why: format!(
            "no server can be verified, since {source} are missing or broken ({error}); \
             pass the certificates to trust to TLSOptions.client()"
        ),
    })
}
