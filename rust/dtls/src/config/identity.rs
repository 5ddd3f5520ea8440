//! A server's private key and certificate chain.

use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::x509::{X509, X509VerifyResult};

use crate::config::certificate_names as names;
use crate::config::error::ConfigError;
use crate::config::pem;
use crate::openssl_error::reason;

/// A private key, the certificate it belongs to, and the intermediates that go with it.
#[derive(Debug, Clone)]
pub struct Identity {
    pub(crate) key: PKey<Private>,
    pub(crate) certificate: X509,
    pub(crate) intermediates: Vec<X509>,
}

impl Identity {
    /// Reads a private key and a certificate chain, the server's own certificate first.
    ///
    /// `password` opens an encrypted key; it is never read from a terminal.
    ///
    /// # Errors
    /// [`ConfigError::KeyUnreadable`], [`ConfigError::KeyEncrypted`],
    /// [`ConfigError::KeyUnsuitable`], [`ConfigError::CertificateUnreadable`],
    /// [`ConfigError::CertificateInvalid`] or [`ConfigError::KeyMismatch`].
    pub fn from_pem(
        key: &[u8],
        certificates: &[u8],
        password: Option<&str>,
    ) -> Result<Self, ConfigError> {
        let key = pem::read_key(key, password)?;
        if let Some(kind) = unsuitable(&key) {
            return Err(ConfigError::KeyUnsuitable(kind));
        }
        let read = pem::read_certificates(certificates).and_then(|read| {
            let to_present = read.into_iter().map(pem::Certificate::into_presented);
            to_present.collect::<Result<Vec<X509>, _>>()
        });
        let mut chain = read.map_err(pem::Unreadable::of_identity)?.into_iter();
        let certificate = chain
            .next()
            .ok_or_else(|| ConfigError::CertificateUnreadable("it holds no certificate".into()))?;
        let public = certificate
            .public_key()
            .map_err(|stack| ConfigError::CertificateUnreadable(reason(&stack)))?;
        if !public.public_eq(&key) {
            return Err(ConfigError::KeyMismatch);
        }
        Ok(Self {
            key,
            certificate,
            intermediates: chain.collect(),
        })
    }

    /// The authority that signed the server's certificate, if no certificate of it is behind it and it is not the
    /// server itself: most clients trust roots alone, and refuse a certificate of an intermediate authority that they
    /// are not sent (RFC 5246 section 7.4.2).
    pub fn missing_issuer(&self) -> Option<String> {
        let certificate = &self.certificate;
        let mut known = std::iter::once(certificate).chain(&self.intermediates);
        let is_there = known.any(|authority| authority.issued(certificate) == X509VerifyResult::OK);
        (!is_there).then(|| names::distinguished(certificate.issuer_name()))
    }
}

/// The kind of a key that no handshake here can use; `None` for the others.
///
/// Edwards curves OpenSSL takes for TLS alone (`ssl_set_masks`), of the other curves our clients offer three, and DSA is
/// in no cipher suite of ours. OpenSSL accepts such keys, and every handshake would fail.
fn unsuitable(key: &PKey<Private>) -> Option<String> {
    const CURVES: [Nid; 3] = [Nid::X9_62_PRIME256V1, Nid::SECP384R1, Nid::SECP521R1];
    match key.id() {
        Id::RSA | Id::RSA_PSS => None,
        Id::EC => {
            let curve = key.ec_key().ok()?.group().curve_name();
            match curve {
                Some(curve) if CURVES.contains(&curve) => None,
                Some(curve) => Some(curve.short_name().unwrap_or("these").to_owned()),
                None => Some("elliptic-curve (with a curve of their own)".to_owned()),
            }
        }
        id => Some(
            Nid::from_raw(id.as_raw())
                .short_name()
                .unwrap_or("these")
                .to_owned(),
        ),
    }
}
