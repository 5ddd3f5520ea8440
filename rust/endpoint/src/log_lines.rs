//! `log` events that wait to be printed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use log::{LevelFilter, Log, Metadata, Record};

use crate::lock::lock;

/// The most lines that wait. More are counted and dropped.
const MAX_WAITING: usize = 1000;

/// A logger that keeps lines, for an owner that cannot print where they are logged: on any thread, and while a connection
/// is locked.
pub struct LogLines {
    crates: &'static [&'static str],
    waiting: Mutex<Waiting>,
    has_waiting: AtomicBool,
}

struct Waiting {
    lines: Vec<String>,
    dropped: u64,
}

impl LogLines {
    /// A logger for the events of these crates alone.
    pub const fn new(crates: &'static [&'static str]) -> Self {
        let waiting = Waiting {
            lines: Vec::new(),
            dropped: 0,
        };
        Self {
            crates,
            waiting: Mutex::new(waiting),
            has_waiting: AtomicBool::new(false),
        }
    }

    /// The level that a setting's text asks for: `error`, `warn`, `info`, `debug` or `trace`. Nothing is logged for an empty
    /// one, `0` or `off`, and `info` for anything else.
    pub fn level_of(setting: &str) -> LevelFilter {
        match setting {
            "" | "0" => LevelFilter::Off,
            level => level.parse().unwrap_or(LevelFilter::Info),
        }
    }

    /// Whether lines wait. Takes no lock.
    pub fn has_waiting(&self) -> bool {
        self.has_waiting.load(Ordering::Acquire)
    }

    /// Takes the lines in their order; the last says how many were dropped.
    pub fn take(&self) -> Vec<String> {
        let mut waiting = lock(&self.waiting);
        self.has_waiting.store(false, Ordering::Relaxed);
        let mut lines = std::mem::take(&mut waiting.lines);
        match std::mem::take(&mut waiting.dropped) {
            0 => {}
            dropped => lines.push(format!("{dropped} more lines were not kept.")),
        }
        lines
    }
}

impl Log for LogLines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        let name = target.split("::").next().unwrap_or(target);
        self.crates.contains(&name)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = record.level().as_str().to_lowercase();
        let line = format!("{level}: {}: {}", record.target(), record.args());
        let mut waiting = lock(&self.waiting);
        if waiting.lines.len() < MAX_WAITING {
            waiting.lines.push(line);
        } else {
            waiting.dropped += 1;
        }
        self.has_waiting.store(true, Ordering::Release);
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use log::Level;

    use super::*;

    #[test]
    fn a_setting_names_a_level_and_anything_else_is_info() {
        for (setting, level) in [
            ("", LevelFilter::Off),
            ("0", LevelFilter::Off),
            ("off", LevelFilter::Off),
            ("1", LevelFilter::Info),
            ("yes", LevelFilter::Info),
            ("error", LevelFilter::Error),
            ("DEBUG", LevelFilter::Debug),
            ("trace", LevelFilter::Trace),
        ] {
            assert_eq!(LogLines::level_of(setting), level, "{setting}");
        }
    }

    #[test]
    fn lines_are_bounded_and_those_of_other_crates_are_left_out() {
        let logger = LogLines::new(&["endpoint"]);
        let log = |target| {
            let mut record = Record::builder();
            logger.log(&record.target(target).level(Level::Debug).build());
        };
        log("other");
        assert!(!logger.has_waiting());
        for _ in 0..MAX_WAITING + 5 {
            log("endpoint::part");
        }
        assert!(logger.has_waiting());
        let lines = logger.take();
        assert_eq!(lines.len(), MAX_WAITING + 1);
        assert!(lines[0].starts_with("debug: endpoint::part: "));
        assert_eq!(lines[MAX_WAITING], "5 more lines were not kept.");
        assert!(!logger.has_waiting());
        log("endpoint");
        assert_eq!(logger.take().len(), 1);
    }
}
