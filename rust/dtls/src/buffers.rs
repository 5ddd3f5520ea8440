//! OpenSSL's record buffers, whose control the `openssl` crate leaves out.
//!
//! Each is as large as a record can be. With `SSL_MODE_RELEASE_BUFFERS` OpenSSL gives them back once they are empty,
//! but for one case: in DTLS, a read that finds no datagram makes a buffer and keeps it (OpenSSL 3.6, `tls_default_read_n`).

use foreign_types::ForeignTypeRef;
use libc::c_int;
use openssl::ssl::SslRef;
use openssl_sys::SSL;

unsafe extern "C" {
    fn SSL_has_pending(ssl: *const SSL) -> c_int;
    fn SSL_free_buffers(ssl: *mut SSL) -> c_int;
}

/// Whether something of the datagram read last is left.
pub(crate) fn are_filled(ssl: &SslRef) -> bool {
    // SAFETY: `ssl` is alive.
    unsafe { SSL_has_pending(ssl.as_ptr()) == 1 }
}

/// Gives back those that are empty.
pub(crate) fn free_empty(ssl: &SslRef) {
    // SAFETY: `ssl` is alive and used by no other thread (`Ssl` is not cloned). The result tells whether they were
    // empty, upon which nothing depends.
    unsafe {
        SSL_free_buffers(ssl.as_ptr());
    }
}
