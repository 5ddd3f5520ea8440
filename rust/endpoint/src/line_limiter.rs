//! How many lines of one kind are printed.

use std::time::{Duration, Instant};

/// Lets a few lines through in each period, and counts the others: for what remote peers cause.
#[derive(Debug, Default)]
pub struct LineLimiter {
    period_began: Option<Instant>,
    admitted: u32,
    left_out: u64,
}

impl LineLimiter {
    /// How long a period is.
    pub const PERIOD: Duration = Duration::from_secs(10);
    /// How many lines a period has.
    pub const LINES: u32 = 5;

    /// Whether one more line is printed now: `Some` with the number of lines that were left out since the last, or `None`.
    pub fn admit(&mut self, now: Instant) -> Option<u64> {
        let is_over = |began| now.saturating_duration_since(began) >= Self::PERIOD;
        if self.period_began.is_none_or(is_over) {
            self.period_began = Some(now);
            self.admitted = 0;
        }
        if self.admitted == Self::LINES {
            self.left_out += 1;
            return None;
        }
        self.admitted += 1;
        Some(std::mem::take(&mut self.left_out))
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
