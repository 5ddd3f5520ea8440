//! Where a session's keys lie, for who wants them in the processor's cache before they are needed.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use footprint::Place;
use foreign_types::ForeignType;
use openssl::cipher_ctx::CipherCtx;
use openssl_sys::{EVP_CIPHER_CTX, OSSL_PARAM};

use crate::suite::NONCE;

// openssl/evp.h, openssl/params.h
unsafe extern "C" {
    fn EVP_CIPHER_CTX_get_params(context: *mut EVP_CIPHER_CTX, params: *mut OSSL_PARAM) -> c_int;
    fn OSSL_PARAM_construct_octet_ptr(
        key: *const c_char,
        pointer: *mut *mut c_void,
        length: usize,
    ) -> OSSL_PARAM;
    fn OSSL_PARAM_construct_end() -> OSSL_PARAM;
}

/// `OSSL_CIPHER_PARAM_IV` of openssl/core_names.h.
const IV: &CStr = c"iv";

/// How large OpenSSL 3.6's cipher context is.
const CONTEXT: usize = 208;

/// What lies before and from the nonce on in the state of OpenSSL 3.6's AES-GCM: counts, then tables and key.
const BEFORE_IV: usize = 96;
const FROM_IV: usize = 880;

/// The memory that a cipher works with, as near as OpenSSL tells.
pub(crate) fn places(cipher: &CipherCtx) -> impl Iterator<Item = Place> {
    let mut iv = ptr::null_mut();
    // SAFETY: the context is alive, and the list, which ends as it must, has OpenSSL write a pointer to `iv`.
    unsafe {
        let mut params = [
            OSSL_PARAM_construct_octet_ptr(IV.as_ptr(), &raw mut iv, NONCE),
            OSSL_PARAM_construct_end(),
        ];
        // Who does not tell leaves it null.
        EVP_CIPHER_CTX_get_params(cipher.as_ptr(), params.as_mut_ptr());
    }
    let iv: *const u8 = iv.cast();
    let state =
        (!iv.is_null()).then(|| Place::new(iv.wrapping_sub(BEFORE_IV), BEFORE_IV + FROM_IV));
    let context = Place::new(cipher.as_ptr().cast_const().cast(), CONTEXT);
    std::iter::once(context).chain(state)
}
