//! Datagrams that wait to be sent.

/// Datagrams in order, one behind the other in one piece of memory.
#[derive(Clone, Default)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    /// Where each datagram ends in `bytes`.
    ends: Vec<usize>,
}

impl Outgoing {
    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Lets `write` append one datagram to the bytes; after an error, nothing may have been appended.
    pub(crate) fn push_with<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        write(&mut self.bytes)?;
        self.ends.push(self.bytes.len());
        Ok(())
    }

    pub(crate) fn push(&mut self, datagram: &[u8]) -> &mut [u8] {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagram);
        self.ends.push(self.bytes.len());
        &mut self.bytes[start..]
    }

    /// All but the first `count` datagrams, in no more memory than they need.
    pub(crate) fn after(&self, count: usize) -> Self {
        let mut rest = Self::default();
        for datagram in self.iter().skip(count) {
            rest.push(datagram);
        }
        rest.bytes.shrink_to_fit();
        rest.ends.shrink_to_fit();
        rest
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| &self.bytes[start..end])
    }

    /// Hands every datagram to `send`, in order, and forgets it.
    pub(crate) fn drain(&mut self, send: impl FnMut(&[u8])) {
        /// An idle session keeps no more than one packet's worth.
        const KEEP: usize = 2048;
        self.iter().for_each(send);
        self.ends.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEEP);
        self.ends.shrink_to(1);
    }
}
