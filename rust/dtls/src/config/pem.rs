//! Reads private keys and certificates from PEM text (RFC 7468).

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

use crate::config::error::ConfigError;
use crate::config::padded_serial;
use crate::openssl_error::{forget_earlier_errors, reason};

/// Why certificates cannot be read.
pub(crate) enum Unreadable {
    /// The text is not PEM, or has no certificate.
    NotPem(String),
    /// The text is PEM, and a certificate in it is not encoded as X.509 requires.
    Invalid(String),
}

impl Unreadable {
    /// The error for a server's own certificates.
    pub(crate) fn of_identity(self) -> ConfigError {
        match self {
            Self::NotPem(why) => ConfigError::CertificateUnreadable(why),
            Self::Invalid(why) => ConfigError::CertificateInvalid(why),
        }
    }

    /// The error for trusted certificates.
    pub(crate) fn of_roots(self) -> ConfigError {
        match self {
            Self::NotPem(why) => ConfigError::RootsUnreadable(why),
            Self::Invalid(why) => ConfigError::RootsInvalid(why),
        }
    }
}

/// A certificate that was read.
pub(crate) struct Certificate {
    x509: X509,
    /// Its encoding, if OpenSSL was given another one: see [`padded_serial`].
    original: Option<Vec<u8>>,
}

impl Certificate {
    /// The form that is compared with the certificates of servers.
    pub(crate) fn into_trusted(self) -> X509 {
        self.x509
    }

    /// The form that a server sends: encoded as it was read.
    pub(crate) fn into_presented(self) -> Result<X509, Unreadable> {
        let Some(original) = self.original else {
            return Ok(self.x509);
        };
        padded_serial::restore(self.x509, &original)
            .ok_or_else(|| Unreadable::Invalid("illegal padding of its serial number".to_owned()))
    }
}

/// All certificates of a PEM text, in order.
pub(crate) fn read_certificates(pem: &[u8]) -> Result<Vec<Certificate>, Unreadable> {
    forget_earlier_errors();
    let of_openssl = |x509| Certificate {
        x509,
        original: None,
    };
    match X509::stack_from_pem(pem) {
        Ok(read) => Ok(read.into_iter().map(of_openssl).collect()),
        Err(stack) => read_one_by_one(pem, &stack),
    }
}

fn read_one_by_one(pem: &[u8], stack: &ErrorStack) -> Result<Vec<Certificate>, Unreadable> {
    const SEQUENCE: u8 = 0x30;
    let mut read = Vec::new();
    for der in blocks(pem) {
        if der.first() != Some(&SEQUENCE) {
            return Err(Unreadable::NotPem(reason(stack)));
        }
        forget_earlier_errors();
        read.push(match X509::from_der(&der) {
            Ok(x509) => Certificate {
                x509,
                original: None,
            },
            Err(stack) => Certificate {
                x509: padded_serial::read_replaced(&der)
                    .ok_or_else(|| Unreadable::Invalid(reason(&stack)))?,
                original: Some(der),
            },
        });
    }
    if read.is_empty() {
        return Err(Unreadable::NotPem(reason(stack)));
    }
    Ok(read)
}

/// The certificates of a PEM text in DER; one whose base64 is not valid is empty.
fn blocks(pem: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let text = String::from_utf8_lossy(pem).into_owned();
    let mut from = 0;
    std::iter::from_fn(move || {
        let begin = from + text[from..].find(BEGIN)? + BEGIN.len();
        // A block without an end is empty.
        let end = text[begin..]
            .find(END)
            .map_or(text.len(), |length| begin + length);
        from = (end + END.len()).min(text.len());
        let base64: String = text[begin..end].split_whitespace().collect();
        let is_whole = end < text.len();
        let decoded = is_whole.then(|| openssl::base64::decode_block(&base64));
        Some(decoded.and_then(Result::ok).unwrap_or_default())
    })
}

/// The private key of a PEM text, decrypted with this password if it is encrypted.
pub(crate) fn read_key(pem: &[u8], password: Option<&str>) -> Result<PKey<Private>, ConfigError> {
    forget_earlier_errors();
    let mut asked = false;
    let read = PKey::private_key_from_pem_callback(pem, |buffer| {
        asked = true;
        // OpenSSL fails on an empty password instead of reading one from the terminal.
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
