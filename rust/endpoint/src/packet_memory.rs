//! Where a packet stays while a caller reads it by a pointer.
//!
//! An engine's interface for packets takes a pointer. The engine copies what is there, or decodes it, which can run a
//! script that takes packets on the same thread. So the memory that pointers lead to is a thread's for good: a later
//! packet may write over an earlier one, but nothing is freed under the reader.

use std::cell::Cell;

/// As large as any packet, of either class.
const LARGEST: usize = 65_536;

thread_local! {
    /// What pointers lead to.
    static LENT: Box<[Cell<u8>]> = vec![0; LARGEST].into_iter().map(Cell::new).collect();
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
/// the next call on the same thread. Returns its length, too, 65,536 at most.
pub fn lend(packet: Vec<u8>) -> (*const u8, usize) {
    let lent = LENT.with(|lent| {
        for (to, &byte) in lent.iter().zip(&packet) {
            to.set(byte);
        }
        (lent.as_ptr().cast::<u8>(), packet.len().min(LARGEST))
    });
    SPARE.set(packet);
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
        for size in [10_000, LARGEST, LARGEST + 1] {
            assert_eq!(lent(&vec![1; size]), (first.0, size.min(LARGEST)));
        }
        let swapped = take(|memory| {
            *memory = b"swapped".to_vec();
            Ok::<_, ()>(())
        });
        assert_eq!(lend(swapped.unwrap()), (first.0, 7));
        assert_eq!(take(|_| Err("none")), Err("none"));
        assert_eq!(lent(b"last"), (first.0, 4));
    }
}
