//! OpenSSL's retransmission timer (RFC 6347 section 4.2.4), which the `openssl` crate leaves out.

use std::time::Duration;

use foreign_types::ForeignTypeRef;
use libc::{c_int, c_long, c_uint, c_void, timeval};
use openssl::error::ErrorStack;
use openssl::ssl::SslRef;
use openssl_sys::{SSL, SSL_ctrl};

use crate::policy::{FIRST_RETRANSMISSION, LONGEST_RETRANSMISSION};

type Callback = unsafe extern "C" fn(*mut SSL, c_uint) -> c_uint;

unsafe extern "C" {
    fn DTLS_set_timer_cb(ssl: *mut SSL, callback: Option<Callback>);
}

/// OpenSSL asks for the first wait with 0 and for each further one with the wait before it, in
/// microseconds.
unsafe extern "C" fn next_wait(_ssl: *mut SSL, last: c_uint) -> c_uint {
    match last {
        0 => FIRST_RETRANSMISSION.as_micros() as c_uint,
        last => last
            .saturating_mul(2)
            .min(LONGEST_RETRANSMISSION.as_micros() as c_uint),
    }
}

/// Lets a session wait as [`policy`](crate::policy) says instead of up to a minute.
pub(crate) fn configure(ssl: &SslRef) {
    // SAFETY: `ssl` is alive, and the callback only computes.
    unsafe { DTLS_set_timer_cb(ssl.as_ptr(), Some(next_wait)) }
}

// openssl/ssl.h
const DTLS_CTRL_GET_TIMEOUT: c_int = 73;
const DTLS_CTRL_HANDLE_TIMEOUT: c_int = 74;

/// How long until the flight sent last is sent again; `None` while nothing waits for an answer.
pub(crate) fn remaining(ssl: &SslRef) -> Option<Duration> {
    let mut left = timeval {
        tv_sec: 0,
        tv_usec: 0,
    };
    // SAFETY: `ssl` is alive, and for this command OpenSSL writes one timeval to the pointer.
    let runs = unsafe {
        SSL_ctrl(
            ssl.as_ptr(),
            DTLS_CTRL_GET_TIMEOUT,
            0,
            (&raw mut left).cast::<c_void>(),
        )
    };
    let micros = |left: timeval| {
        Duration::from_secs(u64::try_from(left.tv_sec).unwrap_or(0))
            + Duration::from_micros(u64::try_from(left.tv_usec).unwrap_or(0))
    };
    (runs == 1).then(|| micros(left))
}

/// Sends the last flight again if its time has come.
pub(crate) fn handle_expired(ssl: &SslRef) -> Result<(), ErrorStack> {
    // SAFETY: `ssl` is alive, used by no other thread (`Ssl` is not cloned), and the command takes
    // no argument.
    let result: c_long = unsafe {
        SSL_ctrl(
            ssl.as_ptr(),
            DTLS_CTRL_HANDLE_TIMEOUT,
            0,
            std::ptr::null_mut(),
        )
    };
    if result < 0 {
        return Err(ErrorStack::get());
    }
    Ok(())
}
