//! `DTLSv1_listen`, which the `openssl` crate leaves out: it lets a session begin with a client's
//! second hello, as if it had answered the first.

use foreign_types::ForeignTypeRef;
use libc::{c_int, c_void};
use openssl::error::ErrorStack;
use openssl::ssl::SslRef;
use openssl_sys::SSL;

unsafe extern "C" {
    fn DTLSv1_listen(ssl: *mut SSL, client: *mut c_void) -> c_int;
    fn BIO_ADDR_new() -> *mut c_void;
    fn BIO_ADDR_free(address: *mut c_void);
}

/// Takes the one datagram that waits in the session's transport as a ClientHello whose cookie has
/// been checked.
pub(crate) fn begin_with_verified_hello(ssl: &SslRef) -> Result<(), ErrorStack> {
    // SAFETY: no arguments; a null result is checked.
    let address = unsafe { BIO_ADDR_new() };
    if address.is_null() {
        return Err(ErrorStack::get());
    }
    // SAFETY: `ssl` is alive and has its transport, and nobody else has it: the one caller, `Session::accept`, has just
    // made it. `address` is a valid BIO_ADDR, freed once and not used after.
    let result = unsafe {
        let result = DTLSv1_listen(ssl.as_ptr(), address);
        BIO_ADDR_free(address);
        result
    };
    if result == 1 {
        Ok(())
    } else {
        Err(ErrorStack::get())
    }
}
