//! When a flight is sent again (RFC 6347 section 4.2.4.1).
//!
//! A pure type: it takes the time as a value and reads no clock. OpenSSL's own timer is off, see
//! docs/decisions/retransmission.md.

use std::time::{Duration, Instant};

/// How many times a server sends a flight that its client does not ask for again, copies included.
pub(crate) const MOST_UNASKED: u32 = 8;

/// The retransmission from which on datagrams fit every path (RFC 6347 section 4.1.1.1).
pub(crate) const BACK_OFF_AT: u32 = 2;

/// The times at which a flight is sent again until it is answered.
///
/// Retransmissions come after 1, 2, 4 ... times the first wait, up to a longest wait. From the second on, copies of what
/// was sent last are sent in equal steps between them.
pub(crate) struct RetransmissionSchedule {
    first: Duration,
    longest: Duration,
    /// 1, or 2 for a flight that is copied twice as often.
    density: u32,
    /// The wait before the next retransmission.
    wait: Duration,
    retransmissions: u32,
    retransmit_at: Option<Instant>,
    copy_at: Option<Instant>,
    copy_gap: Duration,
}

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// The flight, with new record numbers.
    Retransmission,
    /// The flight, byte for byte as it was sent last: a receiver that has it drops it as a replay (RFC 6347 section
    /// 4.1.2.6).
    Copy,
}

impl RetransmissionSchedule {
    /// A schedule of a handshake that may take `limit`. Nothing is due before [`begin`](Self::begin).
    pub(crate) fn new(first: Duration, limit: Duration) -> Self {
        Self {
            first,
            longest: longest_wait(first, limit),
            density: 1,
            wait: first,
            retransmissions: 0,
            retransmit_at: None,
            copy_at: None,
            copy_gap: Duration::ZERO,
        }
    }

    /// A flight was sent for the first time. One with few bytes, as a client's to a server that has sent a cookie, is
    /// copied twice as often.
    pub(crate) fn begin(&mut self, is_small: bool, now: Instant) {
        self.density = if is_small { 2 } else { 1 };
        self.retransmissions = 0;
        self.wait_for(self.first, now);
    }

    /// No flight waits for an answer any more.
    pub(crate) fn stop(&mut self) {
        self.retransmit_at = None;
        self.copy_at = None;
    }

    /// How many retransmissions of the flight were due until now.
    pub(crate) fn retransmissions(&self) -> u32 {
        self.retransmissions
    }

    /// When something is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        [self.retransmit_at, self.copy_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// What is due now, if anything is; it is not due again.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Due> {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| now >= at);
        if is_due(self.retransmit_at) {
            self.retransmissions += 1;
            self.wait_for(self.wait.saturating_mul(2).min(self.longest), now);
            return Some(Due::Retransmission);
        }
        is_due(self.copy_at).then(|| {
            let next = now + self.copy_gap;
            // None right before a retransmission.
            let is_early = |at| next + self.copy_gap / 2 < at;
            self.copy_at = self.retransmit_at.is_some_and(is_early).then_some(next);
            Due::Copy
        })
    }

    fn wait_for(&mut self, wait: Duration, now: Instant) {
        self.wait = wait;
        self.retransmit_at = Some(now + wait);
        let parts = match self.retransmissions {
            0 | 1 => 0,
            2 => 3,
            _ => 4,
        };
        let gap = wait.checked_div(self.density * parts);
        self.copy_gap = gap.unwrap_or_default();
        self.copy_at = gap.map(|gap| now + gap);
    }
}

/// The longest wait of a handshake that may take `limit`. With waits of up to a minute, as the RFC allows, a player on a
/// bad network would wait for most of the limit while nothing is sent.
fn longest_wait(first: Duration, limit: Duration) -> Duration {
    (limit / 10).clamp(first, Duration::from_secs(60).max(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(1);
    const LIMIT: Duration = Duration::from_secs(60);

    /// What is due within so many seconds, with the milliseconds at which it is.
    fn run(
        schedule: &mut RetransmissionSchedule,
        began: Instant,
        seconds: u64,
    ) -> Vec<(u128, Due)> {
        let mut all = Vec::new();
        while let Some(at) = schedule.next() {
            if at > began + Duration::from_secs(seconds) {
                break;
            }
            assert_eq!(schedule.take_due(at - Duration::from_nanos(1)), None);
            let due = schedule.take_due(at).expect("it is due when it says");
            all.push(((at - began).as_millis(), due));
        }
        all
    }

    fn retransmissions(all: &[(u128, Due)]) -> Vec<u128> {
        let of_kind = all.iter().filter(|(_, due)| *due == Due::Retransmission);
        of_kind.map(|(at, _)| *at).collect()
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let began = Instant::now();
        let mut schedule = RetransmissionSchedule::new(FIRST, LIMIT);
        assert_eq!(schedule.next(), None);
        schedule.begin(false, began);
        let all = run(&mut schedule, began, 20);
        assert_eq!(retransmissions(&all), [1000, 3000, 7000, 13_000, 19_000]);
        assert_eq!(schedule.retransmissions(), 5);
    }

    #[test]
    fn copies_are_due_between_retransmissions_from_the_second_on() {
        let began = Instant::now();
        let mut schedule = RetransmissionSchedule::new(FIRST, LIMIT);
        schedule.begin(false, began);
        let all: Vec<u128> = run(&mut schedule, began, 13)
            .iter()
            .map(|it| it.0)
            .collect();
        assert_eq!(
            all,
            [1000, 3000, 4333, 5666, 7000, 8500, 10_000, 11_500, 13_000]
        );
        schedule.begin(true, began);
        let small = run(&mut schedule, began, 13).len();
        assert_eq!(small, 2 + 5 + 1 + 7 + 1);
    }

    #[test]
    fn a_late_call_returns_one_retransmission_and_the_next_wait_begins_there() {
        let began = Instant::now();
        let mut schedule = RetransmissionSchedule::new(FIRST, LIMIT);
        schedule.begin(false, began);
        let late = began + Duration::from_secs(100);
        assert_eq!(schedule.take_due(late), Some(Due::Retransmission));
        assert_eq!(schedule.take_due(late), None);
        assert_eq!(schedule.next(), Some(late + Duration::from_secs(2)));
    }

    #[test]
    fn nothing_is_due_after_stop_and_the_next_flight_begins_with_the_first_wait() {
        let began = Instant::now();
        let mut schedule = RetransmissionSchedule::new(FIRST, LIMIT);
        schedule.begin(false, began);
        run(&mut schedule, began, 20);
        schedule.stop();
        assert_eq!(schedule.next(), None);
        assert_eq!(schedule.take_due(began + Duration::from_secs(100)), None);
        schedule.begin(false, began);
        assert_eq!(schedule.next(), Some(began + Duration::from_secs(1)));
    }
}
