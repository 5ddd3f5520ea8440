//! Prints `log` events through Godot, if the environment variable `OPENSSL_DTLS_LOG` asks for them.
//!
//! A printed line runs scripts' `Logger`s, which may call any connection. So [`print_waiting`] prints the lines where nothing
//! is locked: at the end of a method.

use std::cell::Cell;

use endpoint::LogLines;
use godot::global::godot_print;
use log::{Level, LevelFilter};

static LINES: LogLines = LogLines::new(&["drop_in", "dtls", "endpoint", "udp"]);

thread_local! {
    /// Whether this thread prints lines. What a script's `Logger` causes meanwhile waits for the next call.
    static IS_PRINTING: Cell<bool> = const { Cell::new(false) };
}

/// Begins to keep lines, if they are asked for.
pub(crate) fn install() {
    let level = LogLines::level_of(&std::env::var("OPENSSL_DTLS_LOG").unwrap_or_default());
    if level != LevelFilter::Off {
        // It fails after a reload of the extension, when this logger is set already.
        let _ = log::set_logger(&LINES);
        log::set_max_level(level);
    }
}

/// Whether lines of this level are printed.
pub(crate) fn is_enabled(level: Level) -> bool {
    level <= log::max_level()
}

/// Prints the lines that were logged. To be called while nothing is locked, and outside of gdext's borrows.
pub(crate) fn print_waiting() {
    if LINES.has_waiting() && !IS_PRINTING.replace(true) {
        for line in LINES.take() {
            godot_print!("OpenSSL DTLS: {line}");
        }
        IS_PRINTING.set(false);
    }
}
