//! The class `OpenSSLTLSOptions`.

use godot::classes::{CryptoKey, X509Certificate};
use godot::prelude::*;

use crate::ffi::optional::Optional;
use crate::is_class::is_class;
use crate::report::mistake;
use crate::tls::credential::{Credential, pem_of};
use crate::tls::options::Options;

/// The keys and certificates of a client or a server. Mirrors the engine's [TLSOptions].
///
/// Every method that takes options takes this class and the engine's alike. Beyond the engine's, keys and certificates can be given as PEM text or as paths of PEM files ([code]res://[/code], [code]user://[/code] or absolute), so that what the engine's [CryptoKey] and [X509Certificate] cannot hold can be used: encrypted keys, and chains that were not loaded from a file.
///
/// Engine page: https://docs.godotengine.org/en/stable/classes/class_tlsoptions.html
#[derive(GodotClass)]
#[class(tool, init, base = RefCounted, rename = OpenSSLTLSOptions)]
pub(crate) struct OpenSslTlsOptions {
    pub(crate) options: Options,
}

is_class!(OpenSslTlsOptions mirrors "TLSOptions");

#[godot_api]
impl OpenSslTlsOptions {
    /// Options of a client that verifies the server's certificate and its host name.
    ///
    /// [param trusted_chain] holds the authorities to trust, or the server's own certificate, as an [X509Certificate], PEM text or a path; without it, the system's authorities are trusted. [param common_name_override] is the name that the certificate must be for, where that is not the host name connected to. Names are compared as RFC 6125 says; an IP address may also be written as the certificate's common name, if it has no alternative names, or as a DNS name.
    #[func]
    fn client(
        #[opt(default = Optional::default())] trusted_chain: Optional,
        #[opt(default = "")] common_name_override: GString,
    ) -> Option<Gd<Self>> {
        Self::of(Options {
            trusted: credential(&trusted_chain, "TLSOptions.client()", "trusted_chain"),
            common_name: common_name_override,
            ..Options::default()
        })
    }

    /// Options of a client that does not verify the host name and, without [param trusted_chain], verifies nothing at all: anyone on the way can then read and change what is sent. For development and for certificates that name no host.
    #[func]
    fn client_unsafe(
        #[opt(default = Optional::default())] trusted_chain: Optional,
    ) -> Option<Gd<Self>> {
        const WHAT: &str = "TLSOptions.client_unsafe()";
        Self::of(Options {
            is_unsafe: true,
            trusted: credential(&trusted_chain, WHAT, "trusted_chain"),
            ..Options::default()
        })
    }

    /// Options of a server. [param key] is its private key, RSA with 2,048 bits or more or ECDSA on P-256, P-384 or P-521: a [CryptoKey], PEM text or a path. [param certificate] is the certificate that belongs to it, with the intermediate certificates, if any, behind it: an [X509Certificate], PEM text or a path.
    #[func]
    fn server(key: Optional, certificate: Optional) -> Option<Gd<Self>> {
        Self::server_with_password(key, certificate, GString::new())
    }

    /// As [method server], with a private key that [param password] opens. An encrypted key must be given as PEM text or a path, since a [CryptoKey] cannot hold one.
    #[func]
    fn server_with_password(
        key: Optional,
        certificate: Optional,
        password: GString,
    ) -> Option<Gd<Self>> {
        const WHAT: &str = "TLSOptions.server()";
        Self::of(Options {
            is_server: true,
            key: credential(&key, WHAT, "key"),
            certificate: credential(&certificate, WHAT, "certificate"),
            password: password.to_string(),
            ..Options::default()
        })
    }

    /// Returns whether these are a server's options.
    #[func]
    fn is_server(&self) -> bool {
        self.options.is_server
    }

    /// Returns whether these are options of [method client_unsafe].
    #[func]
    fn is_unsafe_client(&self) -> bool {
        self.options.is_unsafe
    }

    /// Returns the name that the server's certificate must be for, or an empty string for the host name connected to.
    #[func]
    fn get_common_name_override(&self) -> GString {
        self.options.common_name.clone()
    }

    /// Returns the certificates that a client trusts, or [code]null[/code] for the system's. Of certificates given as text or path, it is what the engine can hold of them.
    #[func(gd_self)]
    fn get_trusted_ca_chain(this: Gd<Self>) -> Option<Gd<X509Certificate>> {
        let trusted = this.bind().options.trusted.clone();
        trusted.and_then(|it| it.object())
    }

    /// Returns a server's private key, or [code]null[/code] if there is none or the engine cannot hold it.
    #[func(gd_self)]
    fn get_private_key(this: Gd<Self>) -> Option<Gd<CryptoKey>> {
        let key = this.bind().options.key.clone();
        key.and_then(|it| it.object())
    }

    /// Returns a server's certificate, or [code]null[/code] if there is none.
    #[func(gd_self)]
    fn get_own_certificate(this: Gd<Self>) -> Option<Gd<X509Certificate>> {
        let certificate = this.bind().options.certificate.clone();
        certificate.and_then(|it| it.object())
    }
}

impl OpenSslTlsOptions {
    fn of(options: Options) -> Option<Gd<Self>> {
        Some(Gd::from_object(Self { options }))
    }
}

/// The key or certificate in a parameter; null is none, and anything else that is none is a mistake.
fn credential<T>(Optional(value): &Optional, what: &str, parameter: &str) -> Option<Credential<T>>
where
    T: GodotClass + Inherits<RefCounted>,
{
    if value.is_nil() {
        return None;
    }
    if let Ok(object) = value.try_to::<Gd<T>>() {
        return Some(Credential::Object(object));
    }
    let why = match value.try_to::<GString>() {
        Ok(text) => match pem_of(&text) {
            Some(pem) => return Some(Credential::Pem(pem)),
            None => format!("is \"{text}\", which is no PEM text and no file that can be read"),
        },
        Err(_) => {
            let class = T::class_id();
            format!("must be a {class}, PEM text, or the path of a PEM file")
        }
    };
    mistake(what, format_args!("{parameter} {why}"));
    None
}
