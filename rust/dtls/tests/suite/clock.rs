//! A wall clock for OpenSSL, which stands still unless a test sets it.
//!
//! OpenSSL keeps its retransmission timer by `gettimeofday` and verifies certificates by `time`. This
//! program has functions of those names, which the linker takes before the C library's. Each thread
//! has a time of its own, and all begin at the same one, so that every run is like the others. On
//! Windows OpenSSL reads the system's clock, and nothing but certificates' dates depends on it.

use std::cell::Cell;
use std::time::Duration;

/// The first day of 2030.
pub(crate) const BEGINNING: Duration = Duration::from_secs(1_893_456_000);

thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(BEGINNING) };
}

/// Sets the time that OpenSSL reads on this thread, counted from 1970.
pub(crate) fn set(since_1970: Duration) {
    NOW.set(since_1970);
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
    let now = NOW.get();
    let time = libc::timeval {
        tv_sec: now.as_secs() as _,
        tv_usec: now.subsec_micros() as _,
    };
    // SAFETY: guaranteed by the caller of this function.
    unsafe { into.write(time) };
    0
}

/// The C library's function of that name.
///
/// # Safety
/// `into` must be null or valid for a write.
#[cfg(unix)]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn time(into: *mut libc::time_t) -> libc::time_t {
    let now = NOW.get().as_secs() as libc::time_t;
    if !into.is_null() {
        // SAFETY: guaranteed by the caller of this function.
        unsafe { into.write(now) };
    }
    now
}
