//! Prints `log` events through Godot, if the environment variable `OPENSSL_DTLS_LOG` asks for them.
//!
//! An event may be logged on any thread, and while a connection is locked; a printed line runs scripts' `Logger`s, which
//! may call that connection. So the logger keeps lines, and [`print_waiting`] prints them where nothing is locked: at the
//! end of a method.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use godot::global::godot_print;
use log::{Level, LevelFilter, Log, Metadata, Record};

/// `error`, `warn`, `info`, `debug` or `trace`. Unset, empty, `0` or `off`: nothing is logged. Anything else: `info`.
const VARIABLE: &str = "OPENSSL_DTLS_LOG";

/// How many lines are kept until the next method ends. More are counted and dropped.
const MAX_WAITING: usize = 1000;

/// The crates of this project that log. Others are not printed, whatever they have to say.
const TARGETS: [&str; 4] = ["drop_in", "dtls", "endpoint", "udp"];

static LOGGER: Logger = Logger {
    waiting: Mutex::new(Waiting {
        lines: VecDeque::new(),
        dropped: 0,
    }),
    has_waiting: AtomicBool::new(false),
};

thread_local! {
    /// Whether this thread prints lines. What a script's `Logger` causes meanwhile waits for the next call.
    static IS_PRINTING: Cell<bool> = const { Cell::new(false) };
}

struct Logger {
    waiting: Mutex<Waiting>,
    has_waiting: AtomicBool,
}

struct Waiting {
    lines: VecDeque<String>,
    dropped: u64,
}

/// Begins to keep lines, if they are asked for.
pub(crate) fn install() {
    let level = std::env::var(VARIABLE).map_or(LevelFilter::Off, |value| level_of(&value));
    if level != LevelFilter::Off {
        // It fails after a reload of the extension, when this logger is set already.
        let _ = log::set_logger(&LOGGER);
        log::set_max_level(level);
    }
}

/// Whether lines of this level are printed.
pub(crate) fn is_enabled(level: Level) -> bool {
    level <= log::max_level()
}

/// Prints the lines that were logged. To be called while nothing is locked, and outside of gdext's borrows.
pub(crate) fn print_waiting() {
    if !LOGGER.has_waiting.load(Ordering::Acquire) || IS_PRINTING.replace(true) {
        return;
    }
    let (lines, dropped) = {
        let mut waiting = LOGGER.waiting();
        LOGGER.has_waiting.store(false, Ordering::Relaxed);
        let dropped = std::mem::take(&mut waiting.dropped);
        (std::mem::take(&mut waiting.lines), dropped)
    };
    for line in lines {
        godot_print!("OpenSSL DTLS: {line}");
    }
    if dropped > 0 {
        godot_print!("OpenSSL DTLS: {dropped} more lines were not kept.");
    }
    IS_PRINTING.set(false);
}

fn level_of(value: &str) -> LevelFilter {
    match value {
        "" | "0" => LevelFilter::Off,
        level => level.parse().unwrap_or(LevelFilter::Info),
    }
}

impl Logger {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        TARGETS.contains(&target.split("::").next().unwrap_or(target))
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = record.level().as_str().to_lowercase();
        let line = format!("{level}: {}: {}", record.target(), record.args());
        let mut waiting = self.waiting();
        if waiting.lines.len() < MAX_WAITING {
            waiting.lines.push_back(line);
        } else {
            waiting.dropped += 1;
        }
        self.has_waiting.store(true, Ordering::Release);
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_names_a_level_and_anything_else_is_info() {
        for (value, level) in [
            ("", LevelFilter::Off),
            ("0", LevelFilter::Off),
            ("off", LevelFilter::Off),
            ("1", LevelFilter::Info),
            ("yes", LevelFilter::Info),
            ("error", LevelFilter::Error),
            ("DEBUG", LevelFilter::Debug),
            ("trace", LevelFilter::Trace),
        ] {
            assert_eq!(level_of(value), level, "{value}");
        }
    }

    #[test]
    fn lines_are_bounded_and_those_of_other_crates_are_left_out() {
        let logger = Logger {
            waiting: Mutex::new(Waiting {
                lines: VecDeque::new(),
                dropped: 0,
            }),
            has_waiting: AtomicBool::new(false),
        };
        let log = |target| {
            let mut record = Record::builder();
            logger.log(&record.target(target).level(Level::Debug).build());
        };
        log("other");
        assert!(!logger.has_waiting.load(Ordering::Relaxed));
        for _ in 0..MAX_WAITING + 5 {
            log("endpoint");
        }
        let waiting = logger.waiting();
        assert_eq!((waiting.lines.len(), waiting.dropped), (MAX_WAITING, 5));
        assert!(waiting.lines[0].starts_with("debug: endpoint: "));
    }
}
