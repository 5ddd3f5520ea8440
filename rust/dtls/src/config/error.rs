//! Why a context or a session cannot be made, and what to do about it.

use openssl::error::ErrorStack;

use crate::openssl_error::reason;

/// Why a context or a session cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The private key is encrypted and no password, or a wrong one, was given.
    #[error(
        "the private key is encrypted and was not opened by the password given (or none was given): \
         pass its password, or store the key without one"
    )]
    KeyEncrypted,
    /// The private key's PEM could not be read.
    #[error(
        "the private key cannot be read ({0}): it must be a PEM file that begins with a line like \
         -----BEGIN PRIVATE KEY-----"
    )]
    KeyUnreadable(String),
    /// The certificate's PEM could not be read, or holds no certificate.
    #[error(
        "the certificate cannot be read ({0}): it must be a PEM file that begins with \
         -----BEGIN CERTIFICATE-----"
    )]
    CertificateUnreadable(String),
    /// The certificate, or one of its chain, is PEM but not encoded as it must be.
    #[error(
        "the certificate, or one behind it, is not encoded as it must be ({0}): make another one"
    )]
    CertificateInvalid(String),
    /// The trusted certificates' PEM could not be read, or holds no certificate.
    #[error(
        "the trusted certificates cannot be read ({0}): they must be in PEM, each beginning with \
         -----BEGIN CERTIFICATE-----"
    )]
    RootsUnreadable(String),
    /// One of the trusted certificates is PEM but not encoded as it must be.
    #[error(
        "one of the trusted certificates is not encoded as it must be ({0}): make another one, or \
         leave it out"
    )]
    RootsInvalid(String),
    /// The private key is not the one that the certificate is for.
    #[error(
        "the private key does not belong to the certificate: use the key that the certificate was \
         made with, and put the server's own certificate first in its file"
    )]
    KeyMismatch,
    /// The private key is of this kind, which cannot be used: OpenSSL does not offer it in DTLS 1.2, or we do not.
    #[error(
        "{0} keys are not supported: make a new key and certificate, ECDSA P-256 or RSA \
         with 2,048 bits or more"
    )]
    KeyUnsuitable(String),
    /// A server with this key and certificate would refuse every client, for this reason.
    #[error(
        "no client could connect to a server with this key and certificate ({0}): make new ones, \
         ECDSA P-256 or RSA with 2,048 bits or more, for a server's use"
    )]
    NoClientCanConnect(String),
    /// OpenSSL does not accept the certificate or key, for instance because it is too weak.
    #[error(
        "OpenSSL refuses the key or certificate ({0}): make a new one, RSA with 2,048 bits or more, \
         or ECDSA P-256"
    )]
    Refused(String),
    /// A session that verifies host names was given none.
    #[error(
        "there is no host name to check the server's certificate against: pass the server's host \
         name, or a common name override in the client's options"
    )]
    NameMissing,
    /// The host name cannot stand in a certificate.
    #[error("\"{0}\" is not a host name that a certificate can be for")]
    NameInvalid(String),
    /// A server's session cannot begin with a datagram that holds no ClientHello.
    #[error("a session begins with a ClientHello, and this is none")]
    NoHello,
    /// A value of [`Settings`](crate::Settings) is too small or too large.
    #[error("the {what} cannot be {value}: it must be {allowed}")]
    OutOfRange {
        /// Which value.
        what: &'static str,
        /// The value given.
        value: String,
        /// The smallest and the largest value allowed.
        allowed: String,
    },
    /// OpenSSL failed for a reason of its own, such as lack of memory.
    #[error("OpenSSL reports: {0}")]
    OpenSsl(String),
}

impl ConfigError {
    pub(crate) fn openssl(stack: &ErrorStack) -> Self {
        Self::OpenSsl(reason(stack))
    }
}
