//! The AEAD of each cipher suite of [`policy`](crate::config::policy), and the sizes of its parts.

use openssl::cipher::{Cipher, CipherRef};

/// Bytes of every AEAD's tag.
pub(crate) const TAG: usize = 16;
/// Bytes of every AEAD's nonce.
pub(crate) const NONCE: usize = 12;
/// How many suites there are.
pub(crate) const SUITES: usize = 3;
/// Bytes of the longest key of any suite.
pub(crate) const LONGEST_KEY: usize = 32;

/// An AEAD as DTLS 1.2 uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suite {
    /// RFC 5288.
    Aes128Gcm,
    /// RFC 5288.
    Aes256Gcm,
    /// RFC 7905.
    ChaCha20Poly1305,
}

impl Suite {
    /// The suite of OpenSSL's name, such as `ECDHE-RSA-AES128-GCM-SHA256`.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let suites = [
            ("AES128-GCM", Self::Aes128Gcm),
            ("AES256-GCM", Self::Aes256Gcm),
            ("CHACHA20-POLY1305", Self::ChaCha20Poly1305),
        ];
        let known = |(part, _): &(&str, Self)| name.contains(part);
        suites.into_iter().find(known).map(|(_, suite)| suite)
    }

    pub(crate) fn cipher(self) -> &'static CipherRef {
        match self {
            Self::Aes128Gcm => Cipher::aes_128_gcm(),
            Self::Aes256Gcm => Cipher::aes_256_gcm(),
            Self::ChaCha20Poly1305 => Cipher::chacha20_poly1305(),
        }
    }

    /// Bytes of a key.
    pub(crate) fn key_bytes(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }

    /// Bytes of each nonce that come from the handshake.
    pub(crate) fn fixed_iv_bytes(self) -> usize {
        NONCE - self.explicit_nonce_bytes()
    }

    /// Bytes of each nonce that a record carries before the sealed bytes.
    pub(crate) fn explicit_nonce_bytes(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm => 8,
            Self::ChaCha20Poly1305 => 0,
        }
    }

    /// By how many bytes a sealed record is longer than its plain text.
    pub(crate) fn overhead(self) -> usize {
        self.explicit_nonce_bytes() + TAG
    }
}
