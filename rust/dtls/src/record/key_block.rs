//! The keys that a finished handshake agreed on (RFC 5246 section 6.3).
//!
//! OpenSSL has no call that returns its copy of them. So they are derived a second time, with OpenSSL's TLS 1.2 PRF, from
//! the master secret and both randoms, which it does return. They are derived into memory that never moves, and wiped
//! there.

use std::sync::Arc;

use foreign_types::ForeignTypeRef;
use libc::{c_int, c_uchar};
use openssl::error::ErrorStack;
use openssl::pkey::Id;
use openssl::pkey_ctx::PkeyCtx;
use openssl::ssl::SslRef;
use openssl_sys::{EVP_MD, EVP_PKEY_CTX};

use crate::record::secret::Secret;
use crate::record::suite::{LONGEST_KEY, NONCE, Suite};
use crate::wire_format::RANDOM_BYTES;

// openssl/kdf.h
unsafe extern "C" {
    fn EVP_PKEY_CTX_set_tls1_prf_md(context: *mut EVP_PKEY_CTX, digest: *const EVP_MD) -> c_int;
    fn EVP_PKEY_CTX_set1_tls1_prf_secret(
        context: *mut EVP_PKEY_CTX,
        secret: *const c_uchar,
        length: c_int,
    ) -> c_int;
    fn EVP_PKEY_CTX_add1_tls1_prf_seed(
        context: *mut EVP_PKEY_CTX,
        seed: *const c_uchar,
        length: c_int,
    ) -> c_int;
}

/// `EVP_PKEY_TLS1_PRF` of openssl/evp.h.
const TLS1_PRF: c_int = 1021;
const MASTER_SECRET: usize = 48;

/// The keys of both sides.
///
/// They are behind an `Arc` from the start: a session is moved, and moving a value leaves a copy of its bytes.
pub(crate) struct KeyBlock {
    bytes: Secret<{ 2 * (LONGEST_KEY + NONCE) }>,
    suite: Suite,
}

/// The side that seals with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    Client,
    Server,
}

impl Sender {
    pub(crate) fn of_side(is_server: bool) -> Self {
        match is_server {
            true => Self::Server,
            false => Self::Client,
        }
    }
}

/// One side's key and the fixed part of its nonces.
pub(crate) struct Keys<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) iv: &'a [u8],
}

impl KeyBlock {
    /// Derives the keys once OpenSSL has the master secret.
    pub(crate) fn derive(ssl: &SslRef) -> Result<Arc<Self>, ErrorStack> {
        let cipher = ssl.current_cipher().map_or("", |cipher| cipher.name());
        let suite = Suite::of(cipher).ok_or_else(ErrorStack::get)?;
        let mut master = Secret::<MASTER_SECRET>::empty();
        let mut seed =
            *b"key expansion................................................................";
        let label = seed.len() - 2 * RANDOM_BYTES;
        ssl.server_random(&mut seed[label..][..RANDOM_BYTES]);
        ssl.client_random(&mut seed[label + RANDOM_BYTES..]);
        let length = ssl.session().map_or(0, |it| it.master_key(&mut *master));
        let digest = ssl.current_cipher().and_then(|it| it.handshake_digest());
        let (MASTER_SECRET, Some(digest)) = (length, digest) else {
            return Err(ErrorStack::get());
        };
        let mut prf = PkeyCtx::new_id(Id::from_raw(TLS1_PRF))?;
        prf.derive_init()?;
        let context = prf.as_ptr();
        // SAFETY: `prf` owns the context and is alive; it was made for TLS1_PRF above. The digest is static (`MdRef` of a
        // cipher). OpenSSL copies the secret and the seed, whose lengths are those of the arrays.
        let set = unsafe {
            EVP_PKEY_CTX_set_tls1_prf_md(context, digest.as_ptr()) > 0
                && EVP_PKEY_CTX_set1_tls1_prf_secret(
                    context,
                    master.as_ptr(),
                    MASTER_SECRET as c_int,
                ) > 0
                && EVP_PKEY_CTX_add1_tls1_prf_seed(context, seed.as_ptr(), seed.len() as c_int) > 0
        };
        if !set {
            return Err(ErrorStack::get());
        }
        let mut block = Self::empty(suite);
        let used = 2 * (suite.key_bytes() + suite.fixed_iv_bytes());
        // The `Arc` has just been made and has no clone.
        let bytes = Arc::get_mut(&mut block).map(|block| &mut block.bytes[..used]);
        prf.derive(Some(bytes.ok_or_else(ErrorStack::get)?))?;
        Ok(block)
    }

    fn empty(suite: Suite) -> Arc<Self> {
        Arc::new(Self {
            bytes: Secret::empty(),
            suite,
        })
    }

    /// These keys, with zeros as the fixed parts of the nonces.
    #[cfg(test)]
    pub(crate) fn of_bytes(suite: Suite, client: &[u8], server: &[u8]) -> Arc<Self> {
        let mut block = Self::empty(suite);
        let key = suite.key_bytes();
        let bytes = &mut Arc::get_mut(&mut block).unwrap().bytes;
        bytes[..key].copy_from_slice(&client[..key]);
        bytes[key..2 * key].copy_from_slice(&server[..key]);
        block
    }

    pub(crate) fn suite(&self) -> Suite {
        self.suite
    }

    /// One side's keys. The block has both keys, then both fixed parts, each time the client's before the server's.
    pub(crate) fn keys(&self, sender: Sender) -> Keys<'_> {
        let side = sender as usize;
        let (key, iv) = (self.suite.key_bytes(), self.suite.fixed_iv_bytes());
        Keys {
            key: &self.bytes[side * key..][..key],
            iv: &self.bytes[2 * key + side * iv..][..iv],
        }
    }
}
