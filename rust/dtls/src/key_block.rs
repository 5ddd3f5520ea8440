//! The keys that a finished handshake agreed on (RFC 5246 section 6.3).
//!
//! OpenSSL keeps its own copy of them to itself, so they are derived a second time, by OpenSSL's TLS 1.2 PRF, from what
//! it does tell: the master secret and both randoms.

use foreign_types::ForeignTypeRef;
use libc::{c_int, c_uchar};
use openssl::error::ErrorStack;
use openssl::pkey::Id;
use openssl::pkey_ctx::PkeyCtx;
use openssl::ssl::SslRef;
use openssl_sys::{EVP_MD, EVP_PKEY_CTX};

use crate::secret::Secret;
use crate::suite::{LONGEST_KEY, NONCE, Suite};

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
const RANDOM: usize = 32;

/// What each side seals its records with.
pub(crate) struct KeyBlock {
    bytes: Secret<{ 2 * (LONGEST_KEY + NONCE) }>,
    suite: Suite,
}

/// One side's key and the fixed part of its nonces.
pub(crate) struct Keys<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) iv: &'a [u8],
}

impl KeyBlock {
    /// Derives it from a session whose handshake is done.
    pub(crate) fn derive(ssl: &SslRef) -> Result<Self, ErrorStack> {
        let cipher = ssl.current_cipher().map_or("", |cipher| cipher.name());
        let suite = Suite::of(cipher).ok_or_else(ErrorStack::get)?;
        let mut master = Secret([0; MASTER_SECRET]);
        let mut seed =
            *b"key expansion................................................................";
        let label = seed.len() - 2 * RANDOM;
        ssl.server_random(&mut seed[label..][..RANDOM]);
        ssl.client_random(&mut seed[label + RANDOM..]);
        let length = ssl.session().map_or(0, |it| it.master_key(&mut master.0));
        let digest = ssl.current_cipher().and_then(|it| it.handshake_digest());
        let (MASTER_SECRET, Some(digest)) = (length, digest) else {
            return Err(ErrorStack::get());
        };
        let mut prf = PkeyCtx::new_id(Id::from_raw(TLS1_PRF))?;
        prf.derive_init()?;
        let context = prf.as_ptr();
        // SAFETY: the context is alive and a PRF's, the digest is static, and OpenSSL copies the secret and the seed,
        // each of which is as long as is said.
        let set = unsafe {
            EVP_PKEY_CTX_set_tls1_prf_md(context, digest.as_ptr()) > 0
                && EVP_PKEY_CTX_set1_tls1_prf_secret(
                    context,
                    master.0.as_ptr(),
                    MASTER_SECRET as c_int,
                ) > 0
                && EVP_PKEY_CTX_add1_tls1_prf_seed(context, seed.as_ptr(), seed.len() as c_int) > 0
        };
        if !set {
            return Err(ErrorStack::get());
        }
        let mut bytes = Secret([0; 2 * (LONGEST_KEY + NONCE)]);
        let used = 2 * (suite.key_bytes() + suite.fixed_iv_bytes());
        prf.derive(Some(&mut bytes.0[..used]))?;
        Ok(Self { bytes, suite })
    }

    pub(crate) fn suite(&self) -> Suite {
        self.suite
    }

    pub(crate) fn client(&self) -> Keys<'_> {
        self.keys(0)
    }

    pub(crate) fn server(&self) -> Keys<'_> {
        self.keys(1)
    }

    /// Both keys come first, then both fixed parts, the client's before the server's.
    fn keys(&self, side: usize) -> Keys<'_> {
        let (key, iv) = (self.suite.key_bytes(), self.suite.fixed_iv_bytes());
        Keys {
            key: &self.bytes.0[side * key..][..key],
            iv: &self.bytes.0[2 * key + side * iv..][..iv],
        }
    }
}
