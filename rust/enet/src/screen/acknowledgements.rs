//! What one address may acknowledge, and must.

use std::collections::HashSet;

/// How many of ENet's own commands may be unacknowledged: pings, and bandwidth limits, one of which is sent in each second
/// in which a peer comes or goes. ENet keeps each until it is acknowledged, and the peer as long as it acknowledges
/// anything.
const MAX_OWN: usize = 4096;

/// How many acknowledgements more than were asked for may come in a period: networks double datagrams.
const DOUBLED: usize = 32;

/// The acknowledgements that an address owes.
///
/// For each, ENet searches the reliable packets that were sent and not acknowledged, which can be thousands. A peer that
/// makes up acknowledgements would have it search all of them each time.
#[derive(Default)]
pub(super) struct Acknowledgements {
    owed: usize,
    period: Option<u64>,
    /// The numbers of ENet's own commands that are not acknowledged.
    own: HashSet<u16>,
}

impl Acknowledgements {
    /// A command was sent that is to be acknowledged, perhaps again.
    pub(super) fn sent(&mut self) {
        self.owed += 1;
    }

    /// One of ENet's own commands was sent.
    pub(super) fn sent_own(&mut self, number: u16) {
        self.own.insert(number);
    }

    /// One of ENet's own commands is acknowledged.
    pub(super) fn take_own(&mut self, number: u16) {
        self.own.remove(&number);
    }

    /// Whether too many of ENet's own commands are not acknowledged.
    pub(super) fn are_withheld(&self) -> bool {
        self.own.len() > MAX_OWN
    }

    /// Takes a datagram's; false if there are too many.
    pub(super) fn take(&mut self, count: usize, period: u64) -> bool {
        if self.period.replace(period) != Some(period) {
            self.owed = self.owed.max(DOUBLED);
        }
        match self.owed.checked_sub(count) {
            Some(left) => {
                self.owed = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_acknowledged_than_was_sent_and_a_few_more() {
        let mut acknowledgements = Acknowledgements::default();
        assert!(acknowledgements.take(DOUBLED, 0));
        assert!(!acknowledgements.take(1, 0));
        (0..40).for_each(|_| acknowledgements.sent());
        assert!(acknowledgements.take(40, 0));
        assert!(!acknowledgements.take(1, 0));
        assert!(acknowledgements.take(20, 1));
        assert!(!acknowledgements.take(DOUBLED - 19, 1));
        assert!(acknowledgements.take(DOUBLED - 20, 1));
    }

    #[test]
    fn own_commands_are_withheld_until_enough_are_acknowledged() {
        let mut acknowledgements = Acknowledgements::default();
        for number in 0..=MAX_OWN as u16 {
            assert!(!acknowledgements.are_withheld());
            acknowledgements.sent_own(number);
            // Sent again.
            acknowledgements.sent_own(number);
        }
        assert!(acknowledgements.are_withheld());
        acknowledgements.take_own(u16::MAX);
        assert!(acknowledgements.are_withheld(), "that one was not sent");
        acknowledgements.take_own(7);
        assert!(!acknowledgements.are_withheld());
    }
}
