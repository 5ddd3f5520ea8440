//! Whether anybody listens where a client connects to.
//!
//! The machine at the other end refuses a datagram to a port that no socket has (ICMP port unreachable; `ECONNREFUSED` on
//! a connected socket). One refusal proves little: the server may be about to start, as when the editor runs
//! several instances of a project. So the client's flight goes out once more, [`PATIENCE`] after the first refusal and
//! whatever its retransmission timer says; if that is refused too, nobody listens there.

use std::time::{Duration, Instant};

/// How long a server may take to start after a client was refused.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a client that is connecting knows of the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    /// Nothing was refused since the other end was heard last.
    None,
    /// A datagram was refused, first at this time.
    Suspected { since: Instant },
    /// The flight went out again, [`PATIENCE`] after that.
    Tested { since: Instant },
    /// That was refused as well.
    Certain,
}

impl Absence {
    /// A datagram that had been sent was refused.
    pub(super) fn hear_refusal(&mut self, now: Instant) {
        *self = match *self {
            Self::None => Self::Suspected { since: now },
            Self::Suspected { since } => Self::Suspected { since },
            Self::Tested { .. } | Self::Certain => Self::Certain,
        };
    }

    /// A datagram came from the other end.
    pub(super) fn hear_answer(&mut self) {
        *self = Self::None;
    }

    /// A datagram was not sent, because the refusal of an earlier one was reported in its place.
    pub(super) fn hear_late_refusal(&mut self, now: Instant) {
        *self = match *self {
            Self::None => Self::Suspected { since: now },
            Self::Suspected { since } | Self::Tested { since } => Self::Suspected { since },
            Self::Certain => Self::Certain,
        };
    }

    /// Whether the flight is to go out now, to find out; the caller sends it.
    pub(super) fn begin_test(&mut self, now: Instant) -> bool {
        match *self {
            Self::Suspected { since } if now >= since + PATIENCE => {
                *self = Self::Tested { since };
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

    /// Refused at `start`, and the flight sent again after the patience.
    fn tested(start: Instant) -> Absence {
        let mut absence = Absence::None;
        absence.hear_refusal(start);
        assert!(absence.begin_test(start + PATIENCE));
        absence
    }

    #[test]
    fn refusals_within_the_patience_prove_nothing_however_many_they_are() {
        let start = Instant::now();
        let mut absence = Absence::None;
        for millisecond in 0..1000 {
            let now = start + millisecond * SOON;
            absence.hear_refusal(now);
            absence.hear_late_refusal(now);
            assert!(!absence.begin_test(now));
        }
        assert_eq!(absence, Absence::Suspected { since: start });
        // Not even one that is heard later, as long as nothing was sent later.
        absence.hear_refusal(start + 10 * PATIENCE);
        assert_eq!(absence, Absence::Suspected { since: start });
    }

    #[test]
    fn a_refusal_of_what_was_sent_after_the_patience_is_certain() {
        let start = Instant::now();
        let mut absence = tested(start);
        assert!(!absence.begin_test(start + 2 * PATIENCE), "once");
        absence.hear_refusal(start + PATIENCE + SOON);
        assert_eq!(absence, Absence::Certain);
    }

    #[test]
    fn an_earlier_refusal_that_kept_the_test_from_being_sent_has_it_sent_again() {
        let start = Instant::now();
        let mut absence = tested(start);
        absence.hear_late_refusal(start + PATIENCE);
        assert!(absence.begin_test(start + PATIENCE + SOON));
        absence.hear_refusal(start + PATIENCE + 2 * SOON);
        assert_eq!(absence, Absence::Certain);
    }

    #[test]
    fn whoever_answers_is_there() {
        let start = Instant::now();
        let mut absence = tested(start);
        absence.hear_answer();
        absence.hear_refusal(start + 2 * PATIENCE);
        let since = start + 2 * PATIENCE;
        assert_eq!(absence, Absence::Suspected { since });
    }
}
