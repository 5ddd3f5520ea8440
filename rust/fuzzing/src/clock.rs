//! Simulated time for OpenSSL.
//!
//! OpenSSL keeps its retransmission timer by `gettimeofday`. This program has a function of that
//! name, which the linker takes before the C library's: a thread that has set a simulated time reads
//! that one.

use std::cell::Cell;
use std::time::{Duration, SystemTime};

thread_local! {
    static SIMULATED: Cell<Option<Duration>> = const { Cell::new(None) };
}

/// Sets the time that OpenSSL reads on this thread, counted from 1970.
pub(crate) fn set(since_1970: Duration) {
    SIMULATED.set(Some(since_1970));
}

/// The C library's function of that name.
///
/// # Safety
/// `into` must be valid for a write.
#[cfg(unix)]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn gettimeofday(
    into: *mut libc::timeval,
    _zone: *mut libc::c_void,
) -> libc::c_int {
    let time = SIMULATED.get().unwrap_or_else(|| {
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
    });
    let time = libc::timeval {
        tv_sec: time.as_secs() as _,
        tv_usec: time.subsec_micros() as _,
    };
    // SAFETY: as the caller vouches.
    unsafe { into.write(time) };
    0
}
