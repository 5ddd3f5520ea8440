//! Bytes that are wiped when they are no longer needed.

use libc::c_void;

// openssl/crypto.h
unsafe extern "C" {
    fn OPENSSL_cleanse(at: *mut c_void, length: usize);
}

/// An array of secret bytes.
pub(crate) struct Secret<const BYTES: usize>(pub(crate) [u8; BYTES]);

impl<const BYTES: usize> Secret<BYTES> {
    /// These bytes, and zeros behind them.
    pub(crate) fn copied(bytes: &[u8]) -> Self {
        let mut secret = Self([0; BYTES]);
        secret.0[..bytes.len()].copy_from_slice(bytes);
        secret
    }
}

impl<const BYTES: usize> Drop for Secret<BYTES> {
    fn drop(&mut self) {
        // SAFETY: the pointer and the length are those of an array that is alive.
        unsafe { OPENSSL_cleanse(self.0.as_mut_ptr().cast(), BYTES) }
    }
}
