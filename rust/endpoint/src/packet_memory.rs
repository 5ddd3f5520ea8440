//! Where a packet stays while a caller reads it by a pointer.
//!
//! An engine's interface for packets takes a pointer. The engine copies what is there, or decodes it, which can run a
//! script that takes packets on the same thread. So the memory that pointers lead to is a thread's for good: a later
//! packet may write over an earlier one, but nothing is freed under the reader.

use std::cell::{Cell, RefCell};

/// As large as any datagram, and most packets.
const SMALLEST: usize = 65_536;

/// How many sizes of memory there are, each twice the one before: the last is of 32 MB, twice ENet's largest packet.
const SIZES: usize = 10;

type Memory = Box<[Cell<u8>]>;

thread_local! {
    /// What pointers lead to, by size; the larger ones are made when they are first needed.
    static LENT: RefCell<[Memory; SIZES]> = RefCell::default();
    /// Memory to take packets with, kept for the next one.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lets `fill` write a packet to memory of this thread.
pub fn take<E>(fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<Vec<u8>, E> {
    let mut packet = SPARE.take();
    packet.clear();
    let filled = fill(&mut packet);
    if let Err(error) = filled {
        SPARE.set(packet);
        return Err(error);
    }
    Ok(packet)
}

/// Puts a packet where it can be read by the pointer, whose memory is valid until the thread ends, and unchanged until
/// the next call on the same thread. Returns its length, too, 32 MB at most.
pub fn lend(packet: Vec<u8>) -> (*const u8, usize) {
    let lent = LENT.with_borrow_mut(|sizes| {
        let at = packet.len().div_ceil(SMALLEST).next_power_of_two().ilog2();
        let at = (at as usize).min(SIZES - 1);
        let memory = &mut sizes[at];
        if memory.is_empty() {
            *memory = vec![0; SMALLEST << at].into_iter().map(Cell::new).collect();
        }
        for (to, &byte) in memory.iter().zip(&packet) {
            to.set(byte);
        }
        (memory.as_ptr().cast::<u8>(), packet.len().min(memory.len()))
    });
    if packet.capacity() <= SMALLEST {
        SPARE.set(packet);
    }
    lent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_packet_stays_readable_whatever_is_taken_after_it() {
        let lent = |bytes: &[u8]| {
            let packet = take(|memory| {
                memory.extend_from_slice(bytes);
                Ok::<_, ()>(())
            });
            lend(packet.unwrap())
        };
        let first = lent(b"first");
        // Larger ones, and memory that is swapped for another.
        for size in [0, 10_000, SMALLEST] {
            assert_eq!(lent(&vec![1; size]), (first.0, size));
        }
        let swapped = take(|memory| {
            *memory = b"swapped".to_vec();
            Ok::<_, ()>(())
        });
        assert_eq!(lend(swapped.unwrap()), (first.0, 7));
        assert_eq!(take(|_| Err("none")), Err("none"));
        assert_eq!(lent(b"last"), (first.0, 4));
    }

    #[test]
    fn a_large_packet_has_memory_of_its_size() {
        let (small, _) = lend(vec![1]);
        for size in [SMALLEST + 1, 1 << 20, 1 << 24] {
            let (start, length) = lend(vec![1; size]);
            assert_eq!(length, size);
            assert_ne!(start, small);
            assert_eq!(lend(vec![2; size]).0, start, "the same size again");
        }
        assert_eq!(lend(vec![3; SMALLEST << SIZES]).1, SMALLEST << (SIZES - 1));
        assert_eq!(lend(vec![1]).0, small);
    }
}
