//! Datagrams in order, one behind the other in one piece of memory.

#[derive(Default)]
pub(crate) struct Datagrams {
    bytes: Vec<u8>,
    /// Where each datagram ends in `bytes`.
    ends: Vec<usize>,
}

impl Datagrams {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Adds one datagram; gives the place where it lies, for changes.
    pub(crate) fn push(&mut self, datagram: &[u8]) -> &mut [u8] {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagram);
        self.ends.push(self.bytes.len());
        &mut self.bytes[start..]
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

    pub(crate) fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.bytes[start..end])
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Gives back the memory that nothing lies in.
    pub(crate) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// Forgets all, and keeps so many bytes of memory.
    pub(crate) fn clear(&mut self, keep: usize) {
        self.ends.clear();
        self.bytes.clear();
        self.bytes.shrink_to(keep);
        self.ends.shrink_to(1);
    }
}
