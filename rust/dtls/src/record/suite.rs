//! The AEAD of each cipher suite of [`policy`](crate::config::policy), and what it adds to a record.

use openssl::cipher::{Cipher, CipherRef};

/// How many bytes every AEAD's tag has.
pub(crate) const TAG: usize = 16;
/// How many bytes every AEAD's nonce has.
pub(crate) const NONCE: usize = 12;
/// How many suites there are.
pub(crate) const SUITES: usize = 3;
/// The longest key of any suite.
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

    pub(crate) fn key_bytes(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }

    /// How many bytes of each nonce come from the handshake.
    pub(crate) fn fixed_iv_bytes(self) -> usize {
        NONCE - self.explicit_nonce_bytes()
    }

    /// How many bytes of each nonce stand before the sealed bytes.
    pub(crate) fn explicit_nonce_bytes(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm => 8,
            Self::ChaCha20Poly1305 => 0,
        }
    }

    /// How many bytes a sealed record is longer than its plain text.
    pub(crate) fn overhead(self) -> usize {
        self.explicit_nonce_bytes() + TAG
    }
}
