//! The queue of decrypted packets that wait for the application.

use std::collections::VecDeque;

/// Packets in order of arrival, one behind the other in one piece of memory.
#[derive(Default)]
pub(crate) struct Packets {
    bytes: Vec<u8>,
    /// Where the first waiting packet begins in `bytes`.
    start: usize,
    lengths: VecDeque<usize>,
}

impl Packets {
    pub(crate) fn len(&self) -> usize {
        self.lengths.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    pub(crate) fn waiting_bytes(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Lets `read` write one packet of `length` bytes behind the others; if it gives false, the queue is as before.
    pub(crate) fn push_with(
        &mut self,
        length: usize,
        read: impl FnOnce(&mut [u8]) -> bool,
    ) -> bool {
        self.reclaim();
        let end = self.bytes.len();
        self.bytes.resize(end + length, 0);
        let is_read = read(&mut self.bytes[end..]);
        if !is_read {
            self.bytes.truncate(end);
        } else if length > 0 {
            self.lengths.push_back(length);
        }
        is_read
    }

    /// The oldest packet, which is then no longer in the queue.
    pub(crate) fn pop(&mut self) -> Option<&[u8]> {
        let length = self.lengths.pop_front()?;
        let start = self.start;
        self.start += length;
        Some(&self.bytes[start..start + length])
    }

    /// Uses again the memory of packets that were taken, and gives back what a burst made large.
    fn reclaim(&mut self) {
        const KEEP: usize = 2048;
        if self.is_empty() {
            self.bytes.clear();
            self.start = 0;
            self.bytes.shrink_to(KEEP);
        } else if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }
}
