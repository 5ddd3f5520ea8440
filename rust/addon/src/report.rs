//! What the addon prints: one readable line for each mistake, and a limited number for what remote peers cause. All of it
//! while nothing is locked: a printed line can call a script's logger.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use endpoint::{Event, LineLimiter, Side};
use godot::global::{godot_error, godot_print, godot_warn};
use log::Level;
use once_cell::sync::Lazy;

use crate::logger;

static LIMITER: Lazy<Mutex<LineLimiter>> = Lazy::new(Mutex::default);

/// Prints a mistake of the script's: what was called, and what is wrong with it. From a `#[func]` that takes `&self`, by
/// way of [`calls::after`](crate::ffi::calls::after).
pub(crate) fn mistake(what: &str, why: impl std::fmt::Display) {
    godot_error!("{what}: {why}.");
}

/// Prints what may be a mistake.
pub(crate) fn warning(what: &str, why: impl std::fmt::Display) {
    godot_warn!("{what}: {why}.");
}

/// Prints what happened to connections, and what was logged before.
pub(crate) fn events(events: impl IntoIterator<Item = Event>) {
    logger::print_waiting();
    for event in events {
        match event.side() {
            _ if matches!(event, Event::Established { .. }) => info(|| event.to_string()),
            Side::Client => mistake("PacketPeerDTLS", event),
            Side::Server => limited(&event),
        }
    }
}

/// Prints that keys, certificates and roots were read for a client's or a server's options: this costs milliseconds, and
/// is done once for many connections.
pub(crate) fn made_context(side: &str) {
    info(|| format!("context made for a {side}"));
}

/// Prints a line if `OPENSSL_DTLS_LOG` asks for `info`.
fn info(what: impl FnOnce() -> String) {
    if logger::is_enabled(Level::Info) {
        godot_print!("OpenSSL DTLS: {}", what());
    }
}

/// Prints what a remote peer caused, unless such lines were many lately.
fn limited(event: &Event) {
    let admitted = LIMITER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .admit(Instant::now());
    match admitted {
        Some(0) => godot_warn!("DTLSServer: {event}."),
        Some(others) => {
            godot_warn!("DTLSServer: {event}. ({others} more like it were not shown.)");
        }
        None => {}
    }
}
