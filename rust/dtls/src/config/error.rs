//! Why something could not be set up or sent, each with what to do about it.

use std::fmt;

use openssl::error::ErrorStack;

use crate::config::pem::Unreadable;

/// OpenSSL's own reason, in words: that of the error raised last, which names the cause nearest to
/// the call that failed.
pub(crate) fn reason(stack: &ErrorStack) -> String {
    let words = |error: &openssl::error::Error| {
        let reason = error.reason().unwrap_or("unknown reason");
        match error.data() {
            Some(data) if !data.is_empty() => format!("{reason} ({data})"),
            _ => reason.to_owned(),
        }
    };
    stack
        .errors()
        .last()
        .map_or_else(|| "no reason given".to_owned(), words)
}

/// Takes what earlier calls of this thread left in OpenSSL's error queue, so that the next call's
/// result is judged by its own errors alone.
pub(crate) fn forget_earlier_errors() {
    drop(ErrorStack::get());
}

/// Why a context or a session could not be made from what it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The private key is encrypted and no password, or a wrong one, was given.
    KeyEncrypted,
    /// The private key's PEM could not be read.
    KeyUnreadable(String),
    /// The certificate's PEM could not be read, or holds no certificate.
    CertificateUnreadable(String),
    /// The certificate, or one of its chain, is PEM but not encoded as it must be.
    CertificateInvalid(String),
    /// The trusted certificates' PEM could not be read, or holds no certificate.
    RootsUnreadable(String),
    /// One of the trusted certificates is PEM but not encoded as it must be.
    RootsInvalid(String),
    /// The private key is not the one that the certificate is for.
    KeyMismatch,
    /// The private key is of this kind, which cannot be used: OpenSSL does not offer it in DTLS 1.2, or we do not.
    KeyUnsuitable(String),
    /// A server with this key and certificate would refuse every client, for this reason.
    NoClientCanConnect(String),
    /// OpenSSL does not accept the certificate or key, for instance because it is too weak.
    Refused(String),
    /// A session that verifies host names was given none.
    NameMissing,
    /// The host name cannot stand in a certificate.
    NameInvalid(String),
    /// A server's session cannot begin with a datagram that holds no ClientHello.
    NoHello,
    /// A value of [`Settings`](crate::Settings) is too small or too large.
    OutOfRange {
        /// Which value.
        what: &'static str,
        /// The value given.
        value: String,
        /// The smallest and the largest value allowed.
        allowed: String,
    },
    /// OpenSSL failed for a reason of its own, such as lack of memory.
    OpenSsl(String),
}

impl ConfigError {
    pub(crate) fn openssl(stack: &ErrorStack) -> Self {
        Self::OpenSsl(reason(stack))
    }

    pub(crate) fn of_certificate(why: Unreadable) -> Self {
        match why {
            Unreadable::NotPem(why) => Self::CertificateUnreadable(why),
            Unreadable::Invalid(why) => Self::CertificateInvalid(why),
        }
    }

    pub(crate) fn of_roots(why: Unreadable) -> Self {
        match why {
            Unreadable::NotPem(why) => Self::RootsUnreadable(why),
            Unreadable::Invalid(why) => Self::RootsInvalid(why),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyEncrypted => write!(
                f,
                "the private key is encrypted and was not opened by the password given (or none was given): \
                 pass its password, or store the key without one"
            ),
            Self::KeyUnreadable(why) => write!(
                f,
                "the private key cannot be read ({why}): it must be a PEM file that begins with a line like \
                 -----BEGIN PRIVATE KEY-----"
            ),
            Self::CertificateUnreadable(why) => write!(
                f,
                "the certificate cannot be read ({why}): it must be a PEM file that begins with \
                 -----BEGIN CERTIFICATE-----"
            ),
            Self::CertificateInvalid(why) => write!(
                f,
                "the certificate, or one behind it, is not encoded as it must be ({why}): make another one"
            ),
            Self::RootsInvalid(why) => write!(
                f,
                "one of the trusted certificates is not encoded as it must be ({why}): make another one, or \
                 leave it out"
            ),
            Self::RootsUnreadable(why) => write!(
                f,
                "the trusted certificates cannot be read ({why}): they must be in PEM, each beginning with \
                 -----BEGIN CERTIFICATE-----"
            ),
            Self::KeyMismatch => write!(
                f,
                "the private key does not belong to the certificate: use the key that the certificate was \
                 made with, and put the server's own certificate first in its file"
            ),
            Self::KeyUnsuitable(kind) => write!(
                f,
                "{kind} keys are not supported: make a new key and certificate, ECDSA P-256 or RSA \
                 with 2,048 bits or more"
            ),
            Self::NoClientCanConnect(why) => write!(
                f,
                "no client could connect to a server with this key and certificate ({why}): make new ones, \
                 ECDSA P-256 or RSA with 2,048 bits or more, for a server's use"
            ),
            Self::Refused(why) => write!(
                f,
                "OpenSSL refuses the key or certificate ({why}): make a new one, RSA with 2,048 bits or more, \
                 or ECDSA P-256"
            ),
            Self::NameMissing => write!(
                f,
                "there is no host name to check the server's certificate against: pass the server's host \
                 name, or a common name override in the client's options"
            ),
            Self::NameInvalid(name) => {
                write!(
                    f,
                    "\"{name}\" is not a host name that a certificate can be for"
                )
            }
            Self::NoHello => write!(f, "a session begins with a ClientHello, and this is none"),
            Self::OutOfRange {
                what,
                value,
                allowed,
            } => write!(f, "the {what} cannot be {value}: it must be {allowed}"),
            Self::OpenSsl(why) => write!(f, "OpenSSL reports: {why}"),
        }
    }
}

impl std::error::Error for ConfigError {}

/// Why a packet was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The session is not connected: still handshaking, closed, or failed.
    NotConnected,
    /// The packet is larger than [`MAX_PACKET`](crate::MAX_PACKET), or than the client asked for in its hello (RFC 6066
    /// section 4).
    TooLarge {
        /// Bytes of the packet.
        packet: usize,
        /// How many bytes a packet of this session may have.
        limit: usize,
    },
    /// The session failed while sending; [`Session::failure`](crate::Session::failure) says why.
    Failed,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected => write!(f, "the session is not connected"),
            Self::TooLarge { packet, limit } => write!(
                f,
                "a packet of {packet} bytes does not fit into one DTLS record: send at most {limit} bytes at once"
            ),
            Self::Failed => write!(f, "the session failed"),
        }
    }
}

impl std::error::Error for SendError {}
