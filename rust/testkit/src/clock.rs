//! Simulated time.

use std::time::{Duration, Instant};

/// A clock that stands still until it is advanced.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    now: Instant,
}

impl Clock {
    /// A clock that stands at `start`.
    pub fn new(start: Instant) -> Self {
        Self { start, now: start }
    }

    /// The time that it shows.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The time since it was made.
    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Moves it forward.
    pub fn advance(&mut self, by: Duration) {
        self.now += by;
    }

    /// Moves it forward to `time`; it stays where it is if that has passed.
    pub fn advance_to(&mut self, time: Instant) {
        self.now = self.now.max(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_forward_only_when_it_is_advanced() {
        let start = Instant::now();
        let mut clock = Clock::new(start);
        clock.advance(Duration::from_secs(3600));
        clock.advance_to(start + Duration::from_secs(1));
        assert_eq!(clock.now(), start + Duration::from_secs(3600));
        assert_eq!(clock.elapsed(), Duration::from_secs(3600));
    }
}
