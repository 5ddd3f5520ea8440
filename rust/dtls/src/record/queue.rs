//! Byte strings in order, one behind the other in one piece of memory, which is [`spare`] when there are none.

use crate::record::buffer_pool as spare;

/// Before each stands its length.
type Length = u32;
const LENGTH: usize = size_of::<Length>();

/// Datagrams or packets, oldest first.
#[derive(Default)]
pub(crate) struct Queue {
    memory: Vec<u8>,
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

    /// How many bytes they have together.
    pub(crate) fn bytes(&self) -> usize {
        self.memory.len() - self.start - self.count * LENGTH
    }

    /// Bytes of the strings and of the lengths before them: what many short ones take.
    pub(crate) fn held(&self) -> usize {
        self.memory.len() - self.start
    }

    /// Adds one; gives the place where it lies, for changes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> &mut [u8] {
        let begin = self.begin();
        self.memory.extend_from_slice(bytes);
        self.end(begin);
        &mut self.memory[begin..]
    }

    /// Lets `write` append one to the memory; after an error, the queue is as before.
    pub(crate) fn push_with<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let begin = self.begin();
        let written = write(&mut self.memory);
        match written {
            Ok(()) => self.end(begin),
            Err(_) => self.memory.truncate(begin - LENGTH),
        }
        self.rest();
        written
    }

    /// Hands the oldest to `take`, and forgets it.
    pub(crate) fn pop<R>(&mut self, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let (oldest, next) = self.at(self.start)?;
        let taken = take(oldest);
        self.start = next;
        self.count -= 1;
        self.rest();
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

    /// Hands each to `take`, oldest first, and forgets them.
    pub(crate) fn drain(&mut self, take: impl FnMut(&[u8])) {
        self.iter().for_each(take);
        self.clear();
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
        self.rest();
    }

    /// Makes room for a length; gives the place behind it.
    fn begin(&mut self) -> usize {
        if self.memory.capacity() == 0 {
            self.memory = spare::take();
        } else if self.start > self.memory.len() / 2 {
            self.memory.drain(..self.start);
            self.start = 0;
        }
        self.memory.extend_from_slice(&[0; LENGTH]);
        self.memory.len()
    }

    fn end(&mut self, begin: usize) {
        // Nobody seals or receives gigabytes at once.
        let length = (self.memory.len() - begin) as Length;
        self.memory[begin - LENGTH..begin].copy_from_slice(&length.to_ne_bytes());
        self.count += 1;
    }

    /// What begins there, and where the next one does.
    fn at(&self, start: usize) -> Option<(&[u8], usize)> {
        let (length, rest) = self.memory.get(start..)?.split_first_chunk()?;
        let length = Length::from_ne_bytes(*length) as usize;
        Some((rest.get(..length)?, start + LENGTH + length))
    }

    /// Lets go of the memory if nothing lies in it.
    fn rest(&mut self) {
        if self.count == 0 {
            self.start = 0;
            spare::give(std::mem::take(&mut self.memory));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    #[test]
    fn it_is_a_queue_of_byte_strings() {
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
            assert_eq!(queue.is_empty(), queue.memory.capacity() == 0);
        }
    }
}
