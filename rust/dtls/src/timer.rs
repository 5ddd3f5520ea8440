//! OpenSSL's retransmission timer (RFC 6347 section 4.2.4), which the `openssl` crate leaves out.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use foreign_types::ForeignTypeRef;
use libc::{c_int, c_long, c_uint, c_void, timeval};
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{Ssl, SslRef};
use openssl_sys::{SSL, SSL_ctrl};

use crate::policy::longest_retransmission;
use crate::settings::Settings;

type Callback = unsafe extern "C" fn(*mut SSL, c_uint) -> c_uint;

unsafe extern "C" {
    fn DTLS_set_timer_cb(ssl: *mut SSL, callback: Option<Callback>);
}

/// How often OpenSSL sends a flight again (`DTLS1_TMO_ALERT_COUNT`); once more, and it ends the
/// session.
const MOST_RETRANSMISSIONS: u32 = 12;

/// How a session waits, kept with its `SSL`.
struct Waits {
    first: u32,
    longest: u32,
    /// How often the flight was sent again.
    count: AtomicU32,
}

static WAITS: OnceLock<Index<Ssl, Waits>> = OnceLock::new();

/// OpenSSL asks for a flight's first wait with 0 and for each further one with the wait before it,
/// in microseconds.
unsafe extern "C" fn next_wait(ssl: *mut SSL, last: c_uint) -> c_uint {
    // SAFETY: OpenSSL calls this with the session that it works on, which lives longer than the call. Only shared
    // references to it are made: `Waits` counts in an atomic.
    let ssl = unsafe { SslRef::from_ptr(ssl) };
    let Some(waits) = WAITS.get().and_then(|&index| ssl.ex_data(index)) else {
        return last;
    };
    if last == 0 {
        waits.count.store(0, Relaxed);
        return waits.first;
    }
    let count = waits.count.load(Relaxed) + 1;
    waits.count.store(count, Relaxed);
    if count >= MOST_RETRANSMISSIONS {
        // Longer than any handshake may take.
        return c_uint::MAX;
    }
    last.saturating_mul(2).min(waits.longest)
}

/// Lets a session wait as its settings say.
pub(crate) fn configure(ssl: &mut SslRef, settings: &Settings) -> Result<(), ErrorStack> {
    let index = match WAITS.get() {
        Some(&index) => index,
        None => {
            let made = Ssl::new_ex_index()?;
            *WAITS.get_or_init(|| made)
        }
    };
    let first = settings.first_retransmission;
    let longest = longest_retransmission(first, settings.handshake_limit);
    let waits = Waits {
        first: first.as_micros() as u32,
        longest: longest.as_micros() as u32,
        count: AtomicU32::new(0),
    };
    ssl.set_ex_data(index, waits);
    // SAFETY: `ssl` is alive, and the callback is there for good; it uses what is in the session alone.
    unsafe { DTLS_set_timer_cb(ssl.as_ptr(), Some(next_wait)) }
    Ok(())
}

/// How often the flight sent last was sent again with new record numbers.
pub(crate) fn retransmissions(ssl: &SslRef) -> u32 {
    let waits = WAITS.get().and_then(|&index| ssl.ex_data(index));
    waits.map_or(0, |waits| waits.count.load(Relaxed))
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
    // SAFETY: `ssl` is alive, and the command takes no argument. OpenSSL works on the session meanwhile, which nobody else
    // does: the caller has the `Session` borrowed mutably, and the `Ssl` in it is not cloned.
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
