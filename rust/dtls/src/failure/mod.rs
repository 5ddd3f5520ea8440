//! Why a session failed, in words for the people who make the game.

pub(crate) mod certificate;

use std::ffi::CStr;
use std::time::Duration;

use libc::c_int;
use openssl::ssl;

use crate::openssl_error::reason;
use crate::record::protection::SealError;

pub use certificate::CertificateFailure;

/// Why a session failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The other side's certificate does not pass verification.
    #[error("{0}")]
    Certificate(CertificateFailure),
    /// The other side's certificate is not encoded as X.509 requires.
    #[error("the other side's certificate is not encoded as it must be ({0}): make another one")]
    CertificateUnreadable(String),
    /// The other side ended the session with this alert.
    #[error(
        "the other side refused the session ({0}): its own log says why; a client that does not \
         trust the server's certificate is the usual cause"
    )]
    Alert(String),
    /// The two sides could not agree, or the other side broke the protocol.
    #[error(
        "the handshake failed ({0}): both sides must speak DTLS 1.2 with a modern cipher suite"
    )]
    Protocol(String),
    /// As much was sent as one key of AES-GCM may protect: 2^34.5 blocks of 16 bytes and records, some 390 GB in packets
    /// of 16,384 bytes (RFC 9325 section 4.4).
    #[error(
        "as much was sent as the session's key can protect, hundreds of gigabytes: connect again, which \
         makes new keys"
    )]
    KeyUsedUp,
    /// 2^36 records arrived that the other side did not seal (RFC 9147 section 4.5.3).
    #[error(
        "too many forged packets arrived for the session's key to stay safe, tens of billions: connect \
         again, which makes new keys"
    )]
    TooManyForgeries,
    /// The handshake did not finish within this time, the session's
    /// [limit](crate::Settings::handshake_limit).
    #[error(
        "the other side did not finish the handshake within {} seconds: check its address, its port, \
         whether it uses DTLS and takes new connections, and the firewalls between",
        .0.as_secs_f32()
    )]
    TimedOut(Duration),
}

impl From<SealError> for Failure {
    fn from(error: SealError) -> Self {
        match error {
            SealError::KeyUsedUp => Self::KeyUsedUp,
            SealError::NumbersExhausted => {
                Self::Protocol("every record number was used".to_owned())
            }
            SealError::OpenSsl(stack) => Self::Protocol(reason(&stack)),
        }
    }
}

impl Failure {
    /// What an error of OpenSSL's handshake means.
    pub(crate) fn of_handshake(error: &ssl::Error) -> Self {
        /// Reasons from here on are alerts that the other side sent (openssl/sslerr.h).
        const FIRST_ALERT: i32 = 1000;
        /// ERR_LIB_ASN1 of openssl/err.h. Of a handshake's messages, it reads certificates only.
        const ASN1_LIBRARY: i32 = 13;
        let Some(stack) = error.ssl_error() else {
            return Self::Protocol("the transport ended".to_owned());
        };
        let why = reason(stack);
        let errors = stack.errors().iter();
        if let Some(cause) = errors.clone().find(|it| it.library_code() == ASN1_LIBRARY) {
            let why = cause.reason().unwrap_or("unknown reason");
            return Self::CertificateUnreadable(why.to_owned());
        }
        match errors.last() {
            Some(last) if last.reason_code() >= FIRST_ALERT => Self::Alert(why),
            _ => Self::Protocol(why),
        }
    }
}

/// An alert's description in OpenSSL's words, such as `decrypt error`.
pub(crate) fn alert_name(description: u8) -> String {
    // SAFETY: `SSL_alert_desc_string_long` takes any number and returns a string literal, which is valid for ever and
    // ends in a zero byte (SSL_alert_desc_string_long(3)).
    let name = unsafe {
        CStr::from_ptr(openssl_sys::SSL_alert_desc_string_long(c_int::from(
            description,
        )))
    };
    name.to_string_lossy().into_owned()
}
