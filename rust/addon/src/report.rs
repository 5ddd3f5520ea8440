//! What the addon prints: one readable line for each mistake, and a limited number for what remote peers cause.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use godot::global::{godot_error, godot_print, godot_warn};
use log::Level;
use once_cell::sync::Lazy;

use crate::logger;

/// Prints a mistake of the script's: what was called, and what is wrong with it. While nothing is locked;
/// from a `#[func]` that takes `&self`, by way of [`calls::after`](crate::ffi::calls::after).
pub(crate) fn mistake(what: &str, why: impl std::fmt::Display) {
    godot_error!("{what}: {why}.");
}

/// Prints what may be a mistake.
pub(crate) fn warning(what: &str, why: impl std::fmt::Display) {
    godot_warn!("{what}: {why}.");
}

/// Prints what a remote peer caused, unless such lines were many lately.
pub(crate) fn limited(what: impl std::fmt::Display) {
    let now = Instant::now();
    let verdict = LIMITER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .admit(now);
    match verdict {
        Admission::Print { left_out: 0 } => godot_warn!("{what}."),
        Admission::Print { left_out } => {
            godot_warn!("{what}. ({left_out} more like it were not shown.)");
        }
        Admission::LeaveOut => {}
    }
}

/// Prints an established session's protocol and cipher, if `OPENSSL_DTLS_LOG` asks for `info`.
pub(crate) fn established(protocol: &str, cipher: &str, remote: Option<SocketAddr>) {
    log(|| {
        let remote = remote.map_or_else(|| "unknown".to_owned(), |remote| remote.to_string());
        let version = dtls::openssl_version();
        format!("session established: {protocol}, {cipher}, {version}, peer {remote}")
    });
}

/// Prints that keys, certificates and roots were read for a client's or a server's options, if
/// `OPENSSL_DTLS_LOG` asks for `info`: this costs milliseconds, and is done once for many connections.
pub(crate) fn made_context(side: &str) {
    log(|| format!("context made for a {side}"));
}

/// To be called while nothing is locked.
fn log(what: impl FnOnce() -> String) {
    if logger::is_enabled(Level::Info) {
        godot_print!("OpenSSL DTLS: {}", what());
    }
}

static LIMITER: Lazy<Mutex<Limiter>> = Lazy::new(|| Mutex::new(Limiter::default()));

#[derive(Debug, PartialEq, Eq)]
enum Admission {
    Print { left_out: u64 },
    LeaveOut,
}

/// Lets a few lines through in each period, and counts the others.
#[derive(Default)]
struct Limiter {
    period_began: Option<Instant>,
    printed: u32,
    left_out: u64,
}

impl Limiter {
    const PERIOD: Duration = Duration::from_secs(10);
    const LINES: u32 = 5;

    fn admit(&mut self, now: Instant) -> Admission {
        if self
            .period_began
            .is_none_or(|began| now.saturating_duration_since(began) >= Self::PERIOD)
        {
            self.period_began = Some(now);
            self.printed = 0;
        }
        if self.printed == Self::LINES {
            self.left_out += 1;
            return Admission::LeaveOut;
        }
        self.printed += 1;
        Admission::Print {
            left_out: std::mem::take(&mut self.left_out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_prints_its_lines_and_the_next_one_says_how_many_were_left_out() {
        let start = Instant::now();
        let mut limiter = Limiter::default();
        for _ in 0..Limiter::LINES {
            assert_eq!(limiter.admit(start), Admission::Print { left_out: 0 });
        }
        for _ in 0..1000 {
            assert_eq!(limiter.admit(start), Admission::LeaveOut);
        }
        let later = start + Limiter::PERIOD;
        assert_eq!(limiter.admit(later), Admission::Print { left_out: 1000 });
        assert_eq!(limiter.admit(later), Admission::Print { left_out: 0 });
    }
}
