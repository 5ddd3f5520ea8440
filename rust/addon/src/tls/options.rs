//! What options of either class hold, and why they cannot be used.

use godot::classes::{CryptoKey, X509Certificate};
use godot::global::Error;

use super::pem::Credential;

/// Why options cannot be used: the engine's error code, and a line to print.
pub(crate) struct Unusable {
    pub(crate) code: Error,
    pub(crate) why: String,
}

impl Unusable {
    /// A parameter is not what it must be.
    pub(crate) fn parameter(why: impl ToString) -> Self {
        Self {
            code: Error::ERR_INVALID_PARAMETER,
            why: why.to_string(),
        }
    }
}

/// Options of either class, read once.
pub(crate) struct Options {
    pub(crate) is_server: bool,
    pub(crate) is_unsafe: bool,
    pub(crate) common_name: String,
    pub(crate) trusted: Option<Credential<X509Certificate>>,
    pub(crate) key: Option<Credential<CryptoKey>>,
    pub(crate) certificate: Option<Credential<X509Certificate>>,
    pub(crate) password: String,
}
