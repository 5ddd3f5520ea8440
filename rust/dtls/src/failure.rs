//! Why a session ended that should not have, in words for the people who make the game.

use std::fmt;
use std::time::Duration;

use foreign_types::ForeignTypeRef;
use openssl::hash::MessageDigest;
use openssl::sha::Sha256;
use openssl::stack::StackRef;
use openssl::x509::{X509, X509StoreContextRef, X509VerifyResult};
use openssl_sys::{X509_STORE_CTX, stack_st_X509};

use crate::config::certificate_names as names;
use crate::config::error::reason;
use crate::record::protection::SealError;

/// Why a session failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The other side's certificate does not pass verification.
    Certificate(CertificateFailure),
    /// The other side's certificate is not encoded as it must be.
    CertificateUnreadable(String),
    /// The other side ended the session with this alert.
    Alert(String),
    /// The two sides could not agree, or the other side broke the protocol.
    Protocol(String),
    /// As much was sent as one key of AES-GCM may protect: 2^34.5 blocks of 16 bytes and records, some 390 GB in packets
    /// of 16,384 bytes (RFC 9325 section 4.4).
    KeyUsedUp,
    /// 2^36 records arrived that the other side did not seal (RFC 9147 section 4.5.3).
    TooManyForgeries,
    /// The handshake did not finish within this time, the session's
    /// [limit](crate::Settings::handshake_limit).
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
    /// The reason in OpenSSL's words, without advice.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::CertificateUnreadable(why) | Self::Alert(why) | Self::Protocol(why) => {
                why.clone()
            }
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(failure) => failure.fmt(f),
            Self::CertificateUnreadable(why) => write!(
                f,
                "the other side's certificate is not encoded as it must be ({why}): make another one"
            ),
            Self::Alert(alert) => write!(
                f,
                "the other side refused the session ({alert}): its own log says why; a client that does not \
                 trust the server's certificate is the usual cause"
            ),
            Self::Protocol(why) => write!(
                f,
                "the handshake failed ({why}): both sides must speak DTLS 1.2 with a modern cipher suite"
            ),
            Self::KeyUsedUp => write!(
                f,
                "as much was sent as the session's key can protect, hundreds of gigabytes: connect again, which \
                 makes new keys"
            ),
            Self::TooManyForgeries => write!(
                f,
                "too many forged packets arrived for the session's key to stay safe, tens of billions: connect \
                 again, which makes new keys"
            ),
            Self::TimedOut(limit) => write!(
                f,
                "the other side did not finish the handshake within {} seconds: check its address, its port \
                 and the firewalls between",
                limit.as_secs_f32()
            ),
        }
    }
}

/// Which certificate broke which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFailure {
    subject: String,
    /// The hosts that it is for, where it is not for the one expected.
    hosts: String,
    depth: u32,
    expected_name: Option<String>,
    rule: X509VerifyResult,
    is_intact: bool,
    /// Of all certificates that the other side presented, the beginning of a SHA-256. Two failures over what was damaged
    /// on the way differ in it, those over what a server really presents do not.
    presented: u32,
}

// OpenSSL's verification results (x509_vfy.h), as far as they get advice of their own.
const SELF_SIGNED_LEAF: i32 = 18;
const UNKNOWN_ISSUER: [i32; 5] = [2, SELF_SIGNED_LEAF, 19, 20, 21];
/// The signature cannot be decrypted, the authority's key cannot be read, the signature is wrong.
const DAMAGED: [i32; 3] = [4, 6, 7];
const NOT_YET_VALID: i32 = 9;
const EXPIRED: i32 = 10;
const HOST_NAME_MISMATCH: i32 = 62;
const IP_ADDRESS_MISMATCH: i32 = 64;

/// Whether an error of OpenSSL's verification is that the certificate is for other addresses than the one expected.
pub(crate) fn is_address_mismatch(rule: X509VerifyResult) -> bool {
    rule.as_raw() == IP_ADDRESS_MISMATCH
}

impl CertificateFailure {
    pub(crate) fn new(context: &X509StoreContextRef, expected_name: Option<String>) -> Self {
        let certificate = context.current_cert();
        let mut failure = Self {
            subject: certificate.map_or_else(
                || "unknown".to_owned(),
                |it| names::distinguished(it.subject_name()),
            ),
            hosts: String::new(),
            depth: context.error_depth(),
            expected_name,
            rule: context.error(),
            is_intact: is_intact(context),
            presented: presented(context),
        };
        if failure.is_name_mismatch() {
            failure.hosts = certificate.map(names::hosts).unwrap_or_default();
        }
        failure
    }

    /// Whether the certificate is good but for another host than the one connected to.
    pub fn is_name_mismatch(&self) -> bool {
        matches!(self.rule.as_raw(), HOST_NAME_MISMATCH | IP_ADDRESS_MISMATCH)
    }

    /// Whether the certificate is not what its authority signed: no server has such a one, so that
    /// it was damaged or made up on the way.
    pub(crate) fn is_damaged(&self) -> bool {
        DAMAGED.contains(&self.rule.as_raw())
    }

    /// Whether the certificate is, bit by bit, what its authority signed. Where that authority is
    /// not known, nobody can tell.
    pub(crate) fn is_intact(&self) -> bool {
        self.is_intact
    }

    fn advice(&self) -> String {
        match self.rule.as_raw() {
            HOST_NAME_MISMATCH | IP_ADDRESS_MISMATCH => {
                let expected = self.expected_name.as_deref().unwrap_or_default();
                if self.hosts.is_empty() {
                    return format!(
                        "it was not issued for \"{}\", nor for any other host: have it issued anew, for the \
                         name that clients connect to",
                        expected.escape_debug()
                    );
                }
                format!(
                    "it was not issued for \"{}\" but for {}: connect by a name it was issued for, or pass \
                     such a name as the common name override",
                    expected.escape_debug(),
                    self.hosts
                )
            }
            EXPIRED => "renew it, or set this machine's clock".to_owned(),
            NOT_YET_VALID => "set the clock of this machine, or of the one that made it".to_owned(),
            SELF_SIGNED_LEAF => "to trust it, pass it to the client as its trusted chain; while developing, \
                 verification can be turned off with an unsafe client"
                .to_owned(),
            rule if UNKNOWN_ISSUER.contains(&rule) => {
                "pass the certificate of the authority that signed it to the client as its trusted chain, \
                 and let the server send its intermediate certificates"
                    .to_owned()
            }
            _ => "have it issued anew".to_owned(),
        }
    }
}

// openssl/x509_vfy.h
unsafe extern "C" {
    fn X509_STORE_CTX_get0_untrusted(context: *const X509_STORE_CTX) -> *mut stack_st_X509;
}

fn presented(context: &X509StoreContextRef) -> u32 {
    // SAFETY: the context is valid for as long as the reference lives, and OpenSSL only reads it.
    let chain = unsafe { X509_STORE_CTX_get0_untrusted(context.as_ptr()) };
    if chain.is_null() {
        return 0;
    }
    // SAFETY: the stack is the context's own, is not null, and is not changed while the context is borrowed.
    let chain = unsafe { StackRef::<X509>::from_ptr(chain) };
    let mut all = Sha256::new();
    for certificate in chain {
        if let Ok(digest) = certificate.digest(MessageDigest::sha256()) {
            all.update(&digest);
        }
    }
    let [first, second, third, fourth, ..] = all.finish();
    u32::from_be_bytes([first, second, third, fourth])
}

fn is_intact(context: &X509StoreContextRef) -> bool {
    let (Some(certificate), Some(chain)) = (context.current_cert(), context.chain()) else {
        return false;
    };
    // A self-signed certificate is its own authority.
    chain.iter().any(|authority| {
        let key = authority.public_key();
        key.is_ok_and(|key| certificate.verify(&key).unwrap_or(false))
    })
}

impl fmt::Display for CertificateFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match self.depth {
            0 => "the other side's certificate",
            _ => "a certificate of the other side's chain",
        };
        write!(
            f,
            "{whose} ({}) is not accepted ({}): {}",
            self.subject,
            self.rule.error_string(),
            self.advice()
        )
    }
}
