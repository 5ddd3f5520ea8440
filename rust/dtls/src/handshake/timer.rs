//! Puts OpenSSL's retransmission timer out of use: [`schedule`](crate::handshake::retransmission) takes its place.
//!
//! OpenSSL's timer goes by the wall clock (`ossl_time_now`), so that a clock that is set back delays it, and what it sends
//! again is cut at other places than the first time.

use foreign_types::ForeignTypeRef;
use libc::c_uint;
use openssl::ssl::SslRef;
use openssl_sys::SSL;

type Callback = unsafe extern "C" fn(*mut SSL, c_uint) -> c_uint;

unsafe extern "C" {
    fn DTLS_set_timer_cb(ssl: *mut SSL, callback: Option<Callback>);
}

/// 71 minutes, in microseconds: longer than any handshake may take. If the clock is set forward by more than that,
/// OpenSSL does send its flight again, and [`Outbound`](crate::handshake::outbound::Outbound) drops it.
unsafe extern "C" fn longest_wait(_ssl: *mut SSL, _last: c_uint) -> c_uint {
    c_uint::MAX
}

/// Keeps OpenSSL from sending anything again.
pub(crate) fn disable(ssl: &mut SslRef) {
    // SAFETY: `ssl` is a valid session for as long as the reference lives, and the callback reads neither of its
    // arguments.
    unsafe { DTLS_set_timer_cb(ssl.as_ptr(), Some(longest_wait)) }
}
