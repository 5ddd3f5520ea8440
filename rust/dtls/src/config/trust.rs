//! Whom a client trusts: root certificates, and how much of the server's certificate is verified.

use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::x509::X509;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::X509VerifyFlags;

use crate::config::error::ConfigError;
use crate::config::pem::{Certificate, Unreadable, read_certificates};
use crate::openssl_error::{forget_earlier_errors, reason};

/// Certificates that a client trusts, parsed once and shared by every context that is made of them.
#[derive(Clone)]
pub struct Roots(Arc<[X509]>);

impl std::fmt::Debug for Roots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Roots").field(&self.0.len()).finish()
    }
}

impl Roots {
    /// Trusts every certificate of this PEM text: authorities, and single servers' own.
    ///
    /// # Errors
    /// [`ConfigError::RootsUnreadable`] if the text is no PEM or holds no certificate,
    /// [`ConfigError::RootsInvalid`] if one is not encoded as it must be.
    pub fn from_pem(pem: &[u8]) -> Result<Self, ConfigError> {
        let read = read_certificates(pem).map_err(Unreadable::of_roots)?;
        Self::from_certificates(read.into_iter().map(Certificate::into_trusted).collect())
    }

    /// Trusts every certificate that can be read among these PEM blocks, and passes over the rest:
    /// for a system's bundle, where one odd certificate must not cost all the others.
    ///
    /// # Errors
    /// [`ConfigError::RootsUnreadable`] if none can be read.
    pub fn from_bundle(pem: &[u8]) -> Result<Self, ConfigError> {
        const END: &[u8] = b"-----END CERTIFICATE-----";
        let mut readable = Vec::new();
        let mut rest = pem;
        while let Some(at) = rest.windows(END.len()).position(|window| window == END) {
            let (block, after) = rest.split_at(at + END.len());
            let read = read_certificates(block).unwrap_or_default();
            readable.extend(read.into_iter().map(Certificate::into_trusted));
            rest = after;
        }
        Self::from_certificates(readable)
    }

    /// Trusts these certificates, each in DER.
    ///
    /// # Errors
    /// [`ConfigError::RootsUnreadable`] if there is none or one cannot be read.
    pub fn from_der<'a>(
        certificates: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, ConfigError> {
        forget_earlier_errors();
        let read: Result<Vec<X509>, ErrorStack> =
            certificates.into_iter().map(X509::from_der).collect();
        Self::from_certificates(read.map_err(|stack| ConfigError::RootsUnreadable(reason(&stack)))?)
    }

    /// Trusts the authorities that Mozilla trusts for servers, as of this build.
    ///
    /// # Errors
    /// [`ConfigError::RootsUnreadable`] if OpenSSL cannot read one.
    pub fn mozilla() -> Result<Self, ConfigError> {
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
        Self::from_der(roots.iter().map(AsRef::as_ref))
    }

    fn from_certificates(certificates: Vec<X509>) -> Result<Self, ConfigError> {
        if certificates.is_empty() {
            let why = "no certificate in it".to_owned();
            return Err(ConfigError::RootsUnreadable(why));
        }
        Ok(Self(certificates.into()))
    }

    pub(crate) fn to_store(&self) -> Result<X509Store, ErrorStack> {
        let mut store = X509StoreBuilder::new()?;
        for certificate in &*self.0 {
            store.add_cert(certificate.clone())?;
        }
        // What the user names as trusted is trusted, be it an intermediate or a server's own
        // certificate; without the flag OpenSSL goes on to look for a self-signed root.
        store.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
        Ok(store.build())
    }
}

/// How much of the server's certificate a client verifies.
#[derive(Debug, Clone)]
pub enum Verification {
    /// The chain up to a trusted certificate, the dates, and the host name (RFC 6125).
    Full(Roots),
    /// The chain and the dates, but not the host name.
    DangerousAnyName(Roots),
    /// Nothing: anyone on the way can read and change what is sent.
    DangerousNone,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_certificate_of_mozillas_can_be_read() {
        let Roots(certificates) = Roots::mozilla().unwrap();
        assert!(certificates.len() > 100);
    }
}
