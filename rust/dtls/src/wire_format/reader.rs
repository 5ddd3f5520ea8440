//! Reads fields in network byte order.

use super::big_endian;

/// The unread rest of a slice. Each read returns `None` where the slice is too short.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads from the first byte on.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes that are not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    /// An unsigned integer of `bytes` bytes, at most 4.
    pub fn number(&mut self, bytes: usize) -> Option<usize> {
        Some(big_endian(self.take(bytes)?) as usize)
    }

    /// A vector whose length comes first, in `length_bytes` bytes (RFC 5246 section 4.3).
    pub fn vector(&mut self, length_bytes: usize) -> Option<&'a [u8]> {
        let length = self.number(length_bytes)?;
        self.take(length)
    }
}
