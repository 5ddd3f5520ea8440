//! When a client begins its handshake again with another hello, and which failures end it.
//!
//! Until the Finished messages are verified, a handshake fails over plain text, which may be damaged on the way or come
//! from anyone who can send to the socket. So a client ends over such a failure only when several attempts in a row have
//! failed for the same reason. RFC 6347 section 4.2.8 lets a server take a client that begins again.

use std::time::{Duration, Instant};

use crate::failure::Failure;

/// A client's attempts of one handshake.
pub(crate) struct Attempts {
    /// How many attempts came before this one.
    number: u64,
    began_at: Instant,
    /// The least time between the beginning of two attempts that fail, from the second on.
    pause: Duration,
    /// Why the last attempt failed, and how many in a row failed for this reason.
    suspicion: Option<(Failure, u32)>,
    next_at: Option<Instant>,
}

impl Attempts {
    /// The first attempt begins.
    pub(crate) fn new(pause: Duration, now: Instant) -> Self {
        Self {
            number: 0,
            began_at: now,
            pause,
            suspicion: None,
            next_at: None,
        }
    }

    /// The next attempt begins; returns how many came before it.
    pub(crate) fn begin_next(&mut self, now: Instant) -> u64 {
        self.number += 1;
        self.began_at = now;
        self.next_at = None;
        self.number
    }

    pub(crate) fn is_first(&self) -> bool {
        self.number == 0
    }

    pub(crate) fn began_at(&self) -> Instant {
        self.began_at
    }

    /// When the next attempt begins, if this one failed.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.next_at
    }

    /// Whether an attempt failed for a reason that was not believed.
    pub(crate) fn has_suspicion(&self) -> bool {
        self.suspicion.is_some()
    }

    /// The reason for which the last attempt failed, if one did.
    pub(crate) fn take_suspicion(&mut self) -> Option<Failure> {
        self.suspicion.take().map(|(failure, _)| failure)
    }

    /// The attempt failed: returns the failure if it ends the handshake. Otherwise the next attempt begins at
    /// [`next_at`](Self::next_at).
    pub(crate) fn fail(&mut self, failure: Failure, now: Instant) -> Option<Failure> {
        let in_a_row = match &self.suspicion {
            Some((last, count)) if *last == failure => count + 1,
            _ => 1,
        };
        if in_a_row >= needed(&failure) {
            return Some(failure);
        }
        self.suspicion = Some((failure, in_a_row));
        // Someone who provokes failures gets one hello for each pause.
        self.next_at = Some(if self.is_first() {
            now
        } else {
            now + self.pause
        });
        None
    }
}

/// How many attempts in a row must fail for this reason.
fn needed(failure: &Failure) -> u32 {
    match failure {
        // A trusted authority's signature over it is valid: the server presents this certificate.
        Failure::Certificate(certificate) if certificate.is_intact() => 1,
        // Its signature is wrong: no server presents it.
        Failure::Certificate(certificate) if certificate.is_damaged() => u32::MAX,
        Failure::Certificate(_) => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(why: &str) -> Failure {
        Failure::Protocol(why.to_owned())
    }

    #[test]
    fn a_failure_ends_the_handshake_when_three_attempts_in_a_row_have_it() {
        let now = Instant::now();
        let mut attempts = Attempts::new(Duration::from_secs(1), now);
        for why in ["a", "b", "b", "a", "a"] {
            assert_eq!(attempts.fail(failure(why), now), None);
            attempts.begin_next(now);
        }
        assert_eq!(attempts.fail(failure("a"), now), Some(failure("a")));
    }

    #[test]
    fn the_second_attempt_begins_at_once_and_later_ones_after_a_pause() {
        let now = Instant::now();
        let pause = Duration::from_secs(1);
        let mut attempts = Attempts::new(pause, now);
        assert_eq!(attempts.next_at(), None);
        attempts.fail(failure("a"), now);
        assert_eq!(attempts.next_at(), Some(now));
        assert_eq!(attempts.begin_next(now), 1);
        assert_eq!(attempts.next_at(), None);
        attempts.fail(failure("a"), now);
        assert_eq!(attempts.next_at(), Some(now + pause));
    }

    #[test]
    fn the_last_reason_is_kept_until_it_is_taken() {
        let now = Instant::now();
        let mut attempts = Attempts::new(Duration::from_secs(1), now);
        assert!(!attempts.has_suspicion());
        attempts.fail(failure("a"), now);
        attempts.begin_next(now);
        assert!(attempts.has_suspicion());
        assert_eq!(attempts.take_suspicion(), Some(failure("a")));
        assert!(!attempts.has_suspicion());
    }
}
