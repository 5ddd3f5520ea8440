//! Records that overtook the handshake.

use crate::queue::Queue;

/// Sealed records that arrived before there were keys to open them.
///
/// OpenSSL would keep up to 100 of them in a buffer of 16 KB each, and anyone who guesses the two
/// addresses can make it do so. Here they share a few kilobytes; what does not fit is lost, as on
/// any network.
#[derive(Default)]
pub(crate) struct Early(Queue);

/// How many bytes of sealed records wait during a handshake.
pub(crate) const EARLY_BYTES: usize = 8192;

impl Early {
    pub(crate) fn push(&mut self, record: &[u8]) {
        if self.0.bytes() + record.len() <= EARLY_BYTES {
            self.0.push(record);
        }
    }

    /// All that waited, in order of arrival.
    pub(crate) fn take(&mut self) -> Queue {
        std::mem::take(&mut self.0)
    }
}
