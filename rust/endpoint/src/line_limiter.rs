//! How many lines of one kind are printed.

use std::time::{Duration, Instant};

/// Lets a few lines through in each period, and counts the others: for what remote peers cause.
#[derive(Debug)]
pub struct LineLimiter {
    lines: u32,
    period_began: Option<Instant>,
    admitted: u32,
    left_out: u64,
}

impl LineLimiter {
    /// How long a period is.
    pub const PERIOD: Duration = Duration::from_secs(10);
    /// How many lines a period has, unless made with [`with_lines`](Self::with_lines).
    pub const LINES: u32 = 5;

    /// A limiter that lets so many lines through in a period.
    pub(crate) fn with_lines(lines: u32) -> Self {
        Self {
            lines,
            period_began: None,
            admitted: 0,
            left_out: 0,
        }
    }

    /// Whether one more line is printed now: `Some` with the number of lines that were left out since the last, or `None`.
    pub fn admit(&mut self, now: Instant) -> Option<u64> {
        let is_over = |began| now.saturating_duration_since(began) >= Self::PERIOD;
        if self.period_began.is_none_or(is_over) {
            self.period_began = Some(now);
            self.admitted = 0;
        }
        if self.admitted == self.lines {
            self.left_out += 1;
            return None;
        }
        self.admitted += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

impl Default for LineLimiter {
    fn default() -> Self {
        Self::with_lines(Self::LINES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_has_its_lines_and_the_next_one_says_how_many_were_left_out() {
        let start = Instant::now();
        let mut limiter = LineLimiter::default();
        for _ in 0..LineLimiter::LINES {
            assert_eq!(limiter.admit(start), Some(0));
        }
        for _ in 0..1000 {
            assert_eq!(limiter.admit(start), None);
        }
        let later = start + LineLimiter::PERIOD;
        assert_eq!(limiter.admit(later), Some(1000));
        assert_eq!(limiter.admit(later), Some(0));
    }
}
