//! A server's private key and certificate chain, read from PEM.

use openssl::pkey::{Id, PKey, Private};
use openssl::x509::X509;

use crate::error::{ConfigError, forget_earlier_errors, reason};

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
    /// [`ConfigError::KeyUnsuitable`], [`ConfigError::CertificateUnreadable`] or
    /// [`ConfigError::KeyMismatch`].
    pub fn from_pem(
        key: &[u8],
        certificates: &[u8],
        password: Option<&str>,
    ) -> Result<Self, ConfigError> {
        forget_earlier_errors();
        let key = read_key(key, password)?;
        // `ssl_set_masks` (OpenSSL 3.6) takes Edwards curves for TLS 1.2 and 1.3 alone; without this
        // every handshake would fail with nothing but "no shared cipher".
        match key.id() {
            Id::ED25519 => return Err(ConfigError::KeyUnsuitable("ED25519")),
            Id::ED448 => return Err(ConfigError::KeyUnsuitable("ED448")),
            _ => {}
        }
        let mut chain = read_certificates(certificates)
            .map_err(ConfigError::CertificateUnreadable)?
            .into_iter();
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

fn read_key(pem: &[u8], password: Option<&str>) -> Result<PKey<Private>, ConfigError> {
    let mut asked = false;
    let read = PKey::private_key_from_pem_callback(pem, |buffer| {
        asked = true;
        // An empty answer makes OpenSSL give up instead of asking at the terminal.
        let password = password.unwrap_or_default().as_bytes();
        let fits = password.len() <= buffer.len();
        let password = if fits { password } else { &[] };
        buffer[..password.len()].copy_from_slice(password);
        Ok(password.len())
    });
    read.map_err(|stack| {
        if asked {
            ConfigError::KeyEncrypted
        } else {
            ConfigError::KeyUnreadable(reason(&stack))
        }
    })
}

/// All certificates of a PEM text, in order; the error is OpenSSL's reason.
pub(crate) fn read_certificates(pem: &[u8]) -> Result<Vec<X509>, String> {
    forget_earlier_errors();
    X509::stack_from_pem(pem).map_err(|stack| reason(&stack))
}
