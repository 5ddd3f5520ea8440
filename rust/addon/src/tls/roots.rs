//! The authorities that are trusted where the options name none.

use dtls::Roots;
use godot::classes::{Os, ProjectSettings};
use godot::global::Error;
use godot::obj::Singleton;
use once_cell::sync::OnceCell;

use super::options::Unusable;
use super::pem;

/// The engine's project setting for a certificate bundle, which replaces the system's.
const OVERRIDE: &str = "network/tls/certificate_bundle_override";

static DEFAULT: OnceCell<Roots> = OnceCell::new();

/// The project's bundle, else the system's, else Mozilla's as of the addon's build; read and parsed
/// once.
pub(crate) fn default() -> Result<Roots, Unusable> {
    DEFAULT.get_or_try_init(load).cloned()
}

fn load() -> Result<Roots, Unusable> {
    let path = ProjectSettings::singleton()
        .get_setting(OVERRIDE)
        .to_string();
    let roots = if path.is_empty() {
        let system = Os::singleton().get_system_ca_certificates().to_string();
        Roots::from_bundle(system.as_bytes()).or_else(|_| mozilla())
    } else {
        let bundle = pem::of_file(&path.as_str().into()).unwrap_or_default();
        Roots::from_bundle(bundle.as_bytes())
    };
    roots.map_err(|error| Unusable {
        code: Error::ERR_UNCONFIGURED,
        why: format!(
            "no server can be verified: {error}; the project setting {OVERRIDE} is \"{path}\", and \
             the certificates to trust can also be given to TLSOptions.client()"
        ),
    })
}

fn mozilla() -> Result<Roots, dtls::ConfigError> {
    Roots::from_der(
        webpki_root_certs::TLS_SERVER_ROOT_CERTS
            .iter()
            .map(AsRef::as_ref),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_certificate_of_mozillas_can_be_read() {
        assert!(mozilla().is_ok());
        assert!(webpki_root_certs::TLS_SERVER_ROOT_CERTS.len() > 100);
    }
}
