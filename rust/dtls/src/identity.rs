//! A server's private key and certificate chain.

use openssl::pkey::{Id, PKey, Private};
use openssl::x509::X509;

use crate::error::{ConfigError, reason};
use crate::pem;

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
    /// `password` opens an encrypted key; nobody is ever asked for it at a terminal.
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
        // `ssl_set_masks` (OpenSSL 3.6) takes Edwards curves for TLS 1.2 and 1.3 alone; without this
        // every handshake would fail with nothing but "no shared cipher".
        match key.id() {
            Id::ED25519 => return Err(ConfigError::KeyUnsuitable("ED25519")),
            Id::ED448 => return Err(ConfigError::KeyUnsuitable("ED448")),
            _ => {}
        }
        let read = pem::read_certificates(certificates).and_then(|read| {
            let to_present = read.into_iter().map(pem::Certificate::into_presented);
            to_present.collect::<Result<Vec<X509>, _>>()
        });
        let mut chain = read.map_err(ConfigError::of_certificate)?.into_iter();
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
}
