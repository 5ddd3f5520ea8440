//! How much one address may acknowledge.

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
}

impl Acknowledgements {
    /// So many commands were sent that are to be acknowledged, repeated ones included.
    pub(super) fn sent(&mut self, commands: usize) {
        self.owed += commands;
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
        acknowledgements.sent(40);
        assert!(acknowledgements.take(40, 0));
        assert!(!acknowledgements.take(1, 0));
        assert!(acknowledgements.take(20, 1));
        assert!(!acknowledgements.take(DOUBLED - 19, 1));
        assert!(acknowledgements.take(DOUBLED - 20, 1));
    }
}
