//! A queue of byte strings in one buffer, which goes back to the [`buffer_pool`] when the queue is empty.

use crate::record::buffer_pool;

/// Each byte string follows its length.
type Length = u32;
const LENGTH: usize = size_of::<Length>();

/// Datagrams or packets, oldest first.
#[derive(Default)]
pub(crate) struct Queue {
    buffer: Vec<u8>,
    /// Where the oldest begins.
    start: usize,
    count: usize,
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of all byte strings.
    pub(crate) fn bytes(&self) -> usize {
        self.buffer.len() - self.start - self.count * LENGTH
    }

    /// Bytes of all byte strings and their lengths.
    pub(crate) fn held(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Appends one; returns it.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> &mut [u8] {
        let begin = self.begin();
        self.buffer.extend_from_slice(bytes);
        self.end(begin);
        &mut self.buffer[begin..]
    }

    /// Appends the bytes that `write` appends to the buffer; after an error, the queue is as before.
    pub(crate) fn push_with<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let begin = self.begin();
        let written = write(&mut self.buffer);
        match written {
            Ok(()) => self.end(begin),
            Err(_) => self.buffer.truncate(begin - LENGTH),
        }
        self.give_back_if_empty();
        written
    }

    /// Passes the oldest to `take`, and removes it.
    pub(crate) fn pop<R>(&mut self, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let (oldest, next) = self.at(self.start)?;
        let taken = take(oldest);
        self.start = next;
        self.count -= 1;
        self.give_back_if_empty();
        Some(taken)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut at = self.start;
        std::iter::from_fn(move || {
            let (bytes, next) = self.at(at)?;
            at = next;
            Some(bytes)
        })
    }

    /// Passes each to `take`, oldest first, and removes them.
    pub(crate) fn drain(&mut self, take: impl FnMut(&[u8])) {
        self.iter().for_each(take);
        self.clear();
    }

    /// Removes all.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
        self.give_back_if_empty();
    }

    /// Appends room for a length; returns where the byte string begins.
    fn begin(&mut self) -> usize {
        if self.buffer.capacity() == 0 {
            self.buffer = buffer_pool::take();
        } else if self.start > self.buffer.len() / 2 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(&[0; LENGTH]);
        self.buffer.len()
    }

    fn end(&mut self, begin: usize) {
        // A byte string is a datagram or a packet, of less than 4 GiB.
        let length = (self.buffer.len() - begin) as Length;
        self.buffer[begin - LENGTH..begin].copy_from_slice(&length.to_ne_bytes());
        self.count += 1;
    }

    /// The byte string whose length is at `start`, and where the next length is.
    fn at(&self, start: usize) -> Option<(&[u8], usize)> {
        let (length, rest) = self.buffer.get(start..)?.split_first_chunk()?;
        let length = Length::from_ne_bytes(*length) as usize;
        Some((rest.get(..length)?, start + LENGTH + length))
    }

    /// Gives the buffer back if the queue is empty.
    fn give_back_if_empty(&mut self) {
        if self.count == 0 {
            self.start = 0;
            buffer_pool::give(std::mem::take(&mut self.buffer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    #[test]
    fn the_queue_agrees_with_a_list_of_byte_strings() {
        let (mut queue, mut model) = (Queue::default(), VecDeque::new());
        let mut random = 1_u64;
        for step in 0..20_000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let length = (random >> 55) as usize;
            match random >> 33 & 7 {
                0..3 => {
                    let bytes = vec![step as u8; length];
                    assert_eq!(queue.push(&bytes), bytes);
                    model.push_back(bytes);
                }
                3 => {
                    let refused: Result<(), ()> = queue.push_with(|into| {
                        into.extend_from_slice(&[9; 50]);
                        Err(())
                    });
                    assert!(refused.is_err());
                }
                4..7 => assert_eq!(queue.pop(<[u8]>::to_vec), model.pop_front()),
                _ if length < 3 => {
                    queue.clear();
                    model.clear();
                }
                _ => assert!(queue.iter().eq(model.iter().map(Vec::as_slice))),
            }
            assert_eq!(queue.len(), model.len());
            assert_eq!(queue.bytes(), model.iter().map(Vec::len).sum::<usize>());
            assert_eq!(queue.is_empty(), queue.buffer.capacity() == 0);
        }
    }
}
