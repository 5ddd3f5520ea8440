//! Private keys and certificates out of PEM text (RFC 7468).

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

use crate::config::error::{ConfigError, forget_earlier_errors, reason};
use crate::config::padded_serial;

/// Why there are no certificates to be had of a text.
pub(crate) enum Unreadable {
    /// It is no PEM, or holds no certificate.
    NotPem(String),
    /// It is PEM, and what it holds is not encoded as a certificate must be.
    Invalid(String),
}

/// A certificate as it was read.
pub(crate) struct Certificate {
    x509: X509,
    /// Its bytes, where OpenSSL read others: see [`padded_serial`].
    original: Option<Vec<u8>>,
}

impl Certificate {
    /// To compare with what comes from servers.
    pub(crate) fn into_trusted(self) -> X509 {
        self.x509
    }

    /// To be sent: encoded as it was.
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

/// The certificates of a PEM text in DER; empty where the base64 is none.
fn blocks(pem: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let text = String::from_utf8_lossy(pem).into_owned();
    let mut from = 0;
    std::iter::from_fn(move || {
        let begin = from + text[from..].find(BEGIN)? + BEGIN.len();
        // A block without an end holds nothing.
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

/// The private key of a PEM text, opened by this password if it is encrypted.
pub(crate) fn read_key(pem: &[u8], password: Option<&str>) -> Result<PKey<Private>, ConfigError> {
    forget_earlier_errors();
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
