//! A wall clock for OpenSSL, which stands still unless a test sets it.
//!
//! OpenSSL keeps its retransmission timer by `gettimeofday`, on Windows by `GetSystemTime`, and
//! verifies certificates by `time`. This program has functions of those names, which the linker takes
//! before the C library's. Each thread has a time of its own, and all begin at the same one, so that
//! every run is like the others.

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

#[cfg(unix)]
mod system {
    use super::NOW;

    /// The C library's function of that name.
    ///
    /// # Safety
    /// `into` must be valid for a write.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn gettimeofday(
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
    #[unsafe(no_mangle)]
    unsafe extern "C" fn time(into: *mut libc::time_t) -> libc::time_t {
        let now = NOW.get().as_secs() as libc::time_t;
        if !into.is_null() {
            // SAFETY: guaranteed by the caller of this function.
            unsafe { into.write(now) };
        }
        now
    }
}

/// OpenSSL calls the functions of Windows' libraries by pointers named `__imp_NAME`, which the linker makes unless the
/// program has them.
#[cfg(windows)]
#[allow(non_upper_case_globals, reason = "the linker's names")]
mod system {
    use super::NOW;

    type GetSystemTime = unsafe extern "system" fn(*mut SystemTime);
    type Time = unsafe extern "C" fn(*mut i64) -> i64;

    #[unsafe(no_mangle)]
    static __imp_GetSystemTime: GetSystemTime = get_system_time;

    #[unsafe(no_mangle)]
    static __imp__time64: Time = _time64;

    /// `SYSTEMTIME` of minwinbase.h.
    #[repr(C)]
    struct SystemTime {
        year: u16,
        month: u16,
        day_of_week: u16,
        day: u16,
        hour: u16,
        minute: u16,
        second: u16,
        milliseconds: u16,
    }

    /// # Safety
    /// `into` must be valid for a write.
    unsafe extern "system" fn get_system_time(into: *mut SystemTime) {
        let now = NOW.get();
        let seconds = now.as_secs();
        let (days, of_day) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = date(days);
        let time = SystemTime {
            year,
            month,
            // 1 January 1970 was a Thursday, and Sunday is 0.
            day_of_week: ((days + 4) % 7) as u16,
            day,
            hour: (of_day / 3600) as u16,
            minute: (of_day / 60 % 60) as u16,
            second: (of_day % 60) as u16,
            milliseconds: now.subsec_millis() as u16,
        };
        // SAFETY: guaranteed by the caller of this function.
        unsafe { into.write(time) };
    }

    /// The C library's `time` with 64 bits.
    ///
    /// # Safety
    /// `into` must be null or valid for a write.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn _time64(into: *mut i64) -> i64 {
        let now = NOW.get().as_secs() as i64;
        if !into.is_null() {
            // SAFETY: guaranteed by the caller of this function.
            unsafe { into.write(now) };
        }
        now
    }

    /// The year, month and day of the Gregorian calendar, so many days after 1 January 1970.
    fn date(mut days: u64) -> (u16, u16, u16) {
        let mut year = 1970;
        loop {
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let lengths = [
                31,
                28 + u64::from(is_leap),
                31,
                30,
                31,
                30,
                31,
                31,
                30,
                31,
                30,
                31,
            ];
            for (month, length) in (1..).zip(lengths) {
                if days < length {
                    return (year, month, days as u16 + 1);
                }
                days -= length;
            }
            year += 1;
        }
    }
}

#[test]
fn openssl_reads_the_time_that_is_set() {
    use openssl::asn1::Asn1Time;
    // The leap day of 2032, 23:59:59.
    let leap_day = Duration::from_secs(1_961_711_999);
    for now in [BEGINNING, leap_day] {
        set(now);
        let read = Asn1Time::days_from_now(0).unwrap();
        let expected = Asn1Time::from_unix(now.as_secs() as _).unwrap();
        assert_eq!(read.to_string(), expected.to_string());
    }
}
