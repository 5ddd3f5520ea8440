//! What the addon prints: one readable line for each mistake, a limited number for what remote peers cause, and `log` events
//! if the environment variable `OPENSSL_DTLS_LOG` asks for them.
//!
//! A printed line runs scripts' `Logger`s, which may call any object. So everything here is called while nothing is locked
//! and gdext has nothing borrowed; logged lines wait until the end of a method.

use std::cell::Cell;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use endpoint::{Event, LineLimiter, LogLines, Side};
use godot::global::{godot_error, godot_print, godot_warn};
use log::LevelFilter;
use once_cell::sync::Lazy;

static LIMITER: Lazy<Mutex<LineLimiter>> = Lazy::new(Mutex::default);
static LOGGED: LogLines = LogLines::new(&["drop_in", "dtls", "endpoint", "enet", "udp"]);

thread_local! {
    /// Whether this thread prints logged lines. What a script's `Logger` causes meanwhile waits for the next call.
    static IS_PRINTING: Cell<bool> = const { Cell::new(false) };
}

/// Prints a mistake of the script's: what was called, and what is wrong with it. From a `#[func]` that takes `&self`, by
/// way of [`calls::after`](crate::ffi::calls::after).
pub(crate) fn mistake(what: &str, why: impl Display) {
    godot_error!("{what}: {why}.");
}

/// Prints what happened to connections, and what was logged before.
pub(crate) fn events(events: impl IntoIterator<Item = Event>) {
    events_of("PacketPeerDTLS", "DTLSServer", events);
}

/// As [`events`], of the clients and servers of these classes.
pub(crate) fn events_of(client: &str, server: &str, events: impl IntoIterator<Item = Event>) {
    logged();
    for event in events {
        match event.side() {
            _ if matches!(event, Event::Established { .. }) => info(|| event.to_string()),
            Side::Client => mistake(client, event),
            Side::Server => limited(server, &event),
        }
    }
}

/// Prints what a remote peer caused, unless such lines were many lately.
pub(crate) fn limited(class: &str, event: &dyn Display) {
    let mut limiter = LIMITER.lock().unwrap_or_else(PoisonError::into_inner);
    let admitted = limiter.admit(Instant::now());
    drop(limiter);
    match admitted {
        Some(0) => godot_warn!("{class}: {event}."),
        Some(others) => {
            godot_warn!("{class}: {event}. ({others} more like it were not shown.)");
        }
        None => {}
    }
}

/// Prints a line if `OPENSSL_DTLS_LOG` asks for `info`.
pub(crate) fn info(what: impl FnOnce() -> String) {
    if LevelFilter::Info <= log::max_level() {
        godot_print!("OpenSSL DTLS: {}", what());
    }
}

/// Begins to keep logged lines, if they are asked for.
pub(crate) fn install_logger() {
    let level = LogLines::level_of(&std::env::var("OPENSSL_DTLS_LOG").unwrap_or_default());
    if level != LevelFilter::Off {
        // It fails after a reload of the extension, when this logger is set already.
        let _ = log::set_logger(&LOGGED);
        log::set_max_level(level);
    }
}

/// Prints the lines that were logged.
pub(crate) fn logged() {
    if LOGGED.has_waiting() && !IS_PRINTING.replace(true) {
        for line in LOGGED.take() {
            godot_print!("OpenSSL DTLS: {line}");
        }
        IS_PRINTING.set(false);
    }
}
