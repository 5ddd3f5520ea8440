//! The class `OpenSSLTLSOptions`.

use godot::classes::{CryptoKey, X509Certificate};
use godot::prelude::*;

use crate::optional::Optional;
use crate::report::mistake;

/// How a client or server proves who it is and whom it trusts. Mirrors the engine's [TLSOptions].
///
/// Every method that takes options takes this class and the engine's alike.
///
/// Engine page: https://docs.godotengine.org/en/stable/classes/class_tlsoptions.html
#[derive(GodotClass)]
#[class(tool, init, base = RefCounted, rename = OpenSSLTLSOptions)]
pub(crate) struct OpenSslTlsOptions {
    mode: Mode,
    common_name_override: GString,
    trusted_ca_chain: Option<Gd<X509Certificate>>,
    private_key: Option<Gd<CryptoKey>>,
    own_certificate: Option<Gd<X509Certificate>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Client,
    ClientUnsafe,
    Server,
}

#[godot_api]
impl OpenSslTlsOptions {
    /// Options of a client that verifies the server's certificate and its host name.
    ///
    /// [param trusted_chain] is an [X509Certificate] with the authorities to trust, or with the server's own certificate; without it, the system's authorities are trusted. [param common_name_override] is the name that the certificate must be for, where that is not the host name connected to.
    #[func]
    fn client(
        #[opt(default = Optional::default())] trusted_chain: Optional,
        #[opt(default = "")] common_name_override: GString,
    ) -> Option<Gd<Self>> {
        let trusted_ca_chain = object(&trusted_chain.0, "TLSOptions.client()", "trusted_chain");
        Some(Gd::from_object(Self {
            mode: Mode::Client,
            common_name_override,
            trusted_ca_chain,
            private_key: None,
            own_certificate: None,
        }))
    }

    /// Options of a client that does not verify the host name and, without [param trusted_chain], verifies nothing at all: anyone on the way can then read and change what is sent. For development and for certificates that name no host.
    #[func]
    fn client_unsafe(
        #[opt(default = Optional::default())] trusted_chain: Optional,
    ) -> Option<Gd<Self>> {
        const WHAT: &str = "TLSOptions.client_unsafe()";
        Some(Gd::from_object(Self {
            mode: Mode::ClientUnsafe,
            common_name_override: GString::new(),
            trusted_ca_chain: object(&trusted_chain.0, WHAT, "trusted_chain"),
            private_key: None,
            own_certificate: None,
        }))
    }

    /// Options of a server. [param key] is its private [CryptoKey], [param certificate] the [X509Certificate] that belongs to it, with the intermediate certificates, if any, behind it in the same file.
    #[func]
    fn server(key: Optional, certificate: Optional) -> Option<Gd<Self>> {
        const WHAT: &str = "TLSOptions.server()";
        Some(Gd::from_object(Self {
            mode: Mode::Server,
            common_name_override: GString::new(),
            trusted_ca_chain: None,
            private_key: object(&key.0, WHAT, "key"),
            own_certificate: object(&certificate.0, WHAT, "certificate"),
        }))
    }

    /// Returns whether these are a server's options.
    #[func]
    pub(crate) fn is_server(&self) -> bool {
        self.mode == Mode::Server
    }

    /// Returns whether these are options of [method client_unsafe].
    #[func]
    pub(crate) fn is_unsafe_client(&self) -> bool {
        self.mode == Mode::ClientUnsafe
    }

    /// Returns the name that the server's certificate must be for, or an empty string for the host name connected to.
    #[func]
    pub(crate) fn get_common_name_override(&self) -> GString {
        self.common_name_override.clone()
    }

    /// Returns the certificates that a client trusts, or [code]null[/code] for the system's.
    #[func]
    pub(crate) fn get_trusted_ca_chain(&self) -> Option<Gd<X509Certificate>> {
        self.trusted_ca_chain.clone()
    }

    /// Returns a server's private key.
    #[func]
    pub(crate) fn get_private_key(&self) -> Option<Gd<CryptoKey>> {
        self.private_key.clone()
    }

    /// Returns a server's certificate.
    #[func]
    pub(crate) fn get_own_certificate(&self) -> Option<Gd<X509Certificate>> {
        self.own_certificate.clone()
    }
}

/// The object in a parameter; null is fine and anything else is a mistake, and counts as null.
fn object<T>(value: &Variant, what: &str, parameter: &str) -> Option<Gd<T>>
where
    T: GodotClass + Inherits<RefCounted>,
{
    if value.is_nil() {
        return None;
    }
    let object = value.try_to::<Gd<T>>().ok();
    if object.is_none() {
        let class = T::class_id();
        mistake(what, format_args!("{parameter} must be a {class}"));
    }
    object
}
