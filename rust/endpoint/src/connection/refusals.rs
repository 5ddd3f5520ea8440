//! Whether a server listens where a client connects to.
//!
//! The host at the other end refuses a datagram to a port that no socket has (ICMP port unreachable; `ECONNREFUSED` on
//! a connected socket). One refusal proves little: the server may be about to start, as when the editor runs
//! several instances of a project. So the client's flight is sent once more, [`RETRY_AFTER`] after the first refusal,
//! whatever its retransmission timer says; if that is refused too, no server listens there, or it is sent again each
//! second, for as long as [`Timeouts::without_listener`](crate::Timeouts::without_listener) says.

use std::time::{Duration, Instant};

/// After how long a client that was refused sends its flight again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What a connecting client knows of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusals {
    /// Nothing was refused since a datagram last arrived.
    None,
    /// A datagram was refused, first at this time.
    Suspected { since: Instant, tests: u32 },
    /// The flight was sent again, [`RETRY_AFTER`] after that and as many tests.
    Tested { since: Instant, tests: u32 },
    /// That was refused as well.
    Certain,
}

impl Refusals {
    fn begin(now: Instant) -> Self {
        Self::Suspected {
            since: now,
            tests: 0,
        }
    }

    /// A datagram that had been sent was refused. It is certain that no server listens once a test was refused, and so much
    /// time has passed since the first refusal.
    pub(super) fn add(&mut self, now: Instant, at_least: Duration) {
        *self = match *self {
            Self::None => Self::begin(now),
            Self::Tested { since, tests } if now < since + at_least => Self::Suspected {
                since,
                tests: tests + 1,
            },
            Self::Tested { .. } => Self::Certain,
            known => known,
        };
    }

    /// A datagram arrived.
    pub(super) fn clear(&mut self) {
        *self = Self::None;
    }

    /// A datagram was not sent, because the refusal of an earlier one was reported in its place.
    pub(super) fn add_late(&mut self, now: Instant) {
        *self = match *self {
            Self::None => Self::begin(now),
            Self::Tested { since, tests } => Self::Suspected { since, tests },
            known => known,
        };
    }

    /// Whether the caller is to send the flight now, as the test.
    pub(super) fn begin_test(&mut self, now: Instant) -> bool {
        match *self {
            Self::Suspected { since, tests } if now >= since + RETRY_AFTER * (tests + 1) => {
                *self = Self::Tested { since, tests };
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    /// Refused at `start`, and tested a second later.
    fn tested(start: Instant) -> Refusals {
        let mut refusals = Refusals::None;
        refusals.add(start, Duration::ZERO);
        assert!(refusals.begin_test(start + RETRY_AFTER));
        refusals
    }

    #[test]
    fn refusals_within_a_second_prove_nothing_however_many_they_are() {
        let start = Instant::now();
        let mut refusals = Refusals::None;
        for millisecond in 0..1000 {
            let now = start + millisecond * SOON;
            refusals.add(now, Duration::ZERO);
            refusals.add_late(now);
            assert!(!refusals.begin_test(now));
        }
        assert_eq!(refusals, Refusals::begin(start));
        // Not even a later one, as long as nothing was sent later.
        refusals.add(start + 10 * RETRY_AFTER, Duration::ZERO);
        assert_eq!(refusals, Refusals::begin(start));
    }

    #[test]
    fn a_refusal_of_what_was_sent_a_second_later_is_certain() {
        let start = Instant::now();
        let mut refusals = tested(start);
        assert!(!refusals.begin_test(start + 2 * RETRY_AFTER), "once");
        refusals.add(start + RETRY_AFTER + SOON, Duration::ZERO);
        assert_eq!(refusals, Refusals::Certain);
    }

    #[test]
    fn an_earlier_refusal_that_kept_the_test_from_being_sent_has_it_sent_again() {
        let start = Instant::now();
        let mut refusals = tested(start);
        refusals.add_late(start + RETRY_AFTER);
        assert!(refusals.begin_test(start + RETRY_AFTER + SOON));
        refusals.add(start + RETRY_AFTER + 2 * SOON, Duration::ZERO);
        assert_eq!(refusals, Refusals::Certain);
    }

    #[test]
    fn a_datagram_from_the_server_clears_refusals() {
        let start = Instant::now();
        let mut refusals = tested(start);
        refusals.clear();
        refusals.add(start + 2 * RETRY_AFTER, Duration::ZERO);
        assert_eq!(refusals, Refusals::begin(start + 2 * RETRY_AFTER));
    }

    #[test]
    fn a_client_with_more_time_is_refused_once_a_second_until_it_is_over() {
        let at_least = 5 * RETRY_AFTER;
        let start = Instant::now();
        let mut refusals = Refusals::None;
        let mut tests = 0;
        for millisecond in 0..10_000 {
            let now = start + millisecond * SOON;
            if refusals == Refusals::Certain {
                assert_eq!((tests, now - start), (5, at_least + SOON));
                return;
            }
            if millisecond == 0 || refusals.begin_test(now) {
                tests += u32::from(millisecond > 0);
                refusals.add(now, at_least);
            }
        }
        panic!("{refusals:?} after {tests} tests");
    }
}
