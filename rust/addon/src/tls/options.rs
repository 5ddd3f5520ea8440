//! What options of either class hold.

use godot::builtin::GString;
use godot::classes::{CryptoKey, X509Certificate};

use super::credential::Credential;

/// Options of either class.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) is_server: bool,
    pub(crate) is_unsafe: bool,
    pub(crate) common_name: GString,
    pub(crate) trusted: Option<Credential<X509Certificate>>,
    pub(crate) key: Option<Credential<CryptoKey>>,
    pub(crate) certificate: Option<Credential<X509Certificate>>,
    pub(crate) password: String,
}
