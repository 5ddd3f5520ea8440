//! Why a certificate is not accepted.

use std::fmt;

use foreign_types::ForeignTypeRef;
use openssl::hash::MessageDigest;
use openssl::sha::Sha256;
use openssl::stack::StackRef;
use openssl::x509::{X509, X509StoreContextRef, X509VerifyResult};
use openssl_sys::{X509_STORE_CTX, stack_st_X509};

use crate::config::certificate_names as names;

/// A certificate, and the rule of verification that it breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFailure {
    subject: String,
    /// The hosts that it is for, if it is not for the expected one.
    hosts: String,
    depth: u32,
    expected_name: Option<String>,
    rule: X509VerifyResult,
    is_intact: bool,
    /// The first bytes of a SHA-256 over all certificates that the other side presented. Two failures over certificates
    /// that were damaged on the way differ in it; two over a server's own do not.
    presented: u32,
}

// OpenSSL's verification results (openssl/x509_vfy.h) that have advice of their own.
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

    /// Whether the signature is wrong. No server presents such a certificate: it was damaged or forged on the way.
    pub(crate) fn is_damaged(&self) -> bool {
        DAMAGED.contains(&self.rule.as_raw())
    }

    /// Whether the signature of a known authority over the certificate is valid.
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
    // SAFETY: the context is borrowed, and so alive, for the call, which only reads it.
    let chain = unsafe { X509_STORE_CTX_get0_untrusted(context.as_ptr()) };
    if chain.is_null() {
        return 0;
    }
    // SAFETY: the stack was checked not to be null. It belongs to the context (get0), which is borrowed for longer than
    // the reference made here is used, and nothing changes it meanwhile.
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
