//! Reading of network byte order, for the few fields that are read before OpenSSL sees a datagram.

/// What is left to read of a slice; each read gives `None` where the slice ends too early.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    /// An unsigned integer of 1, 2, 3 or more bytes, at most 4.
    pub(crate) fn number(&mut self, bytes: usize) -> Option<usize> {
        let head = self.take(bytes)?;
        Some(
            head.iter()
                .fold(0, |sum, &byte| sum << 8 | usize::from(byte)),
        )
    }

    /// A vector whose length stands before it in `bytes` bytes (RFC 5246 section 4.3).
    pub(crate) fn vector(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let length = self.number(bytes)?;
        self.take(length)
    }
}
