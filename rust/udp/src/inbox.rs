//! A bounded queue of datagrams in one ring of bytes.
//!
//! The ring grows with what is queued, and a large one is freed when it is drained: an idle socket holds little memory,
//! and a busy one allocates nothing per datagram.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::address::{canonical, mapped};

/// What each queued datagram counts beyond its payload, in bytes. It bounds the number of empty datagrams, and it is
/// what the engine's ring buffer stores with each packet (`PacketPeerUDP::store_packet`).
pub const DATAGRAM_OVERHEAD: usize = 24;

/// The size in bytes of the queue of a socket that was accepted, connected or not bound, counted with
/// [`DATAGRAM_OVERHEAD`]. The last byte stays free, as in the engine's ring buffer.
pub const DEFAULT_INBOX_BYTES: usize = 65_536;

/// A drained ring no larger than this is kept for the next datagrams.
const KEPT_WHEN_DRAINED: usize = 4096;

/// The largest ring that can be asked for, as the engine's.
const MAX_RING_BITS: u32 = 30;

pub(crate) struct Inbox {
    ring: VecDeque<u8>,
    datagrams: usize,
    limit: usize,
    dropped: u64,
}

impl Inbox {
    /// An inbox of this many bytes, of which the last stays free.
    pub(crate) fn of_size(bytes: usize) -> Inbox {
        Inbox::with_limit(bytes.saturating_sub(1))
    }

    /// An inbox as large as the engine's ring buffer for `bind(.., recv_buf_size)`: the next power of two above it.
    pub(crate) fn for_receive_buffer(receive_buffer: usize) -> Inbox {
        let bits = (usize::BITS - receive_buffer.leading_zeros()).min(MAX_RING_BITS);
        Inbox::with_limit((1 << bits) - 1)
    }

    fn with_limit(limit: usize) -> Inbox {
        Inbox {
            ring: VecDeque::new(),
            datagrams: 0,
            limit,
            dropped: 0,
        }
    }

    pub(crate) fn datagrams(&self) -> usize {
        self.datagrams
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.datagrams == 0
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Queues one datagram, or drops it if it does not fit. Returns whether it is queued.
    pub(crate) fn push(&mut self, source: SocketAddr, datagram: &[u8]) -> bool {
        let needed = self.ring.len() + DATAGRAM_OVERHEAD + datagram.len();
        let length = match u16::try_from(datagram.len()) {
            Ok(length) if needed <= self.limit => length,
            _ => {
                self.dropped += 1;
                return false;
            }
        };
        if needed > self.ring.capacity() {
            let target = needed.next_power_of_two().min(self.limit);
            self.ring.reserve_exact(target - self.ring.len());
        }
        self.ring.extend(&encode(length, source));
        self.ring.extend(datagram);
        self.datagrams += 1;
        true
    }

    /// Replaces the content of `into` by the oldest datagram.
    pub(crate) fn pop(&mut self, into: &mut Vec<u8>) -> Option<SocketAddr> {
        if self.datagrams == 0 {
            return None;
        }
        let (front, back) = self.ring.as_slices();
        let mut header = [0; DATAGRAM_OVERHEAD];
        let in_front = DATAGRAM_OVERHEAD.min(front.len());
        header[..in_front].copy_from_slice(&front[..in_front]);
        header[in_front..].copy_from_slice(&back[..DATAGRAM_OVERHEAD - in_front]);
        let (length, source) = decode(&header);
        // What is left of the header lies in `back` only if nothing of the payload lies in `front`.
        let back = &back[DATAGRAM_OVERHEAD - in_front..];
        let front = &front[in_front..];
        let in_front = length.min(front.len());
        into.clear();
        into.extend_from_slice(&front[..in_front]);
        into.extend_from_slice(&back[..length - in_front]);
        self.ring.drain(..DATAGRAM_OVERHEAD + length);
        self.datagrams -= 1;
        if self.datagrams == 0 && self.ring.capacity() > KEPT_WHEN_DRAINED {
            self.ring = VecDeque::new();
        }
        Some(source)
    }

    /// Discards what is queued. The count of dropped datagrams stays.
    pub(crate) fn clear(&mut self) {
        self.ring = VecDeque::new();
        self.datagrams = 0;
    }

    #[cfg(test)]
    fn memory(&self) -> usize {
        self.ring.capacity()
    }
}

/// Length, port, address (IPv4 as IPv4-mapped), scope: exactly [`DATAGRAM_OVERHEAD`] bytes.
fn encode(length: u16, source: SocketAddr) -> [u8; DATAGRAM_OVERHEAD] {
    let (ip, scope) = match mapped(source) {
        SocketAddr::V6(v6) => (*v6.ip(), v6.scope_id()),
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(), 0),
    };
    let mut header = [0; DATAGRAM_OVERHEAD];
    header[0..2].copy_from_slice(&length.to_ne_bytes());
    header[2..4].copy_from_slice(&source.port().to_ne_bytes());
    header[4..20].copy_from_slice(&ip.octets());
    header[20..24].copy_from_slice(&scope.to_ne_bytes());
    header
}

fn decode(header: &[u8; DATAGRAM_OVERHEAD]) -> (usize, SocketAddr) {
    let length = u16::from_ne_bytes([header[0], header[1]]);
    let port = u16::from_ne_bytes([header[2], header[3]]);
    let mut ip = [0; 16];
    ip.copy_from_slice(&header[4..20]);
    let scope = u32::from_ne_bytes([header[20], header[21], header[22], header[23]]);
    let source = SocketAddrV6::new(Ipv6Addr::from(ip), port, 0, scope);
    (usize::from(length), canonical(SocketAddr::V6(source)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source() -> SocketAddr {
        "127.0.0.1:1000".parse().unwrap()
    }

    fn fill(inbox: &mut Inbox, length: usize) -> usize {
        while inbox.dropped() == 0 {
            inbox.push(source(), &vec![7; length]);
        }
        inbox.datagrams()
    }

    #[test]
    fn empty_datagrams_are_bounded_too() {
        assert_eq!(
            fill(&mut Inbox::of_size(DEFAULT_INBOX_BYTES), 0),
            65_535 / 24
        );
    }

    #[test]
    fn the_capacities_are_the_engines() {
        // Measured on Godot 4.6.3: three of 40,000 bytes after `bind`, two of 30,000 in an accepted one.
        assert_eq!(fill(&mut Inbox::for_receive_buffer(65_536), 40_000), 3);
        assert_eq!(fill(&mut Inbox::of_size(DEFAULT_INBOX_BYTES), 30_000), 2);
        assert_eq!(fill(&mut Inbox::for_receive_buffer(1024), 100), 16);
        assert_eq!(fill(&mut Inbox::for_receive_buffer(1023), 100), 8);
        assert_eq!(fill(&mut Inbox::for_receive_buffer(0), 0), 0);
    }

    #[test]
    fn the_largest_datagram_fits_and_its_memory_is_freed() {
        let mut inbox = Inbox::of_size(DEFAULT_INBOX_BYTES);
        assert_eq!(inbox.memory(), 0, "an idle inbox holds no memory");
        let datagram = vec![3; 65_507];
        inbox.push(source(), &datagram);
        assert_eq!(inbox.dropped(), 0);
        assert!(inbox.memory() <= DEFAULT_INBOX_BYTES);
        let mut into = Vec::new();
        inbox.pop(&mut into);
        assert_eq!(into, datagram);
        assert_eq!(inbox.memory(), 0);
    }

    #[test]
    fn the_newest_is_dropped_and_the_oldest_kept() {
        let mut inbox = Inbox::for_receive_buffer(100); // 127 bytes
        for byte in 0..6 {
            inbox.push(source(), &[byte; 10]);
        }
        assert_eq!((inbox.datagrams(), inbox.dropped()), (3, 3));
        let mut into = Vec::new();
        for byte in 0..3 {
            assert_eq!(inbox.pop(&mut into), Some(source()));
            assert_eq!(into, [byte; 10]);
        }
        assert_eq!(inbox.pop(&mut into), None);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push(SocketAddr, Vec<u8>),
        Pop,
        Clear,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let addresses = prop_oneof![
            any::<(u32, u16)>().prop_map(|(ip, port)| SocketAddr::from((Ipv4Addr::from(ip), port))),
            any::<(u128, u16, u32)>().prop_map(|(ip, port, scope)| canonical(SocketAddr::V6(
                SocketAddrV6::new(Ipv6Addr::from(ip), port, 0, scope)
            ))),
        ];
        let datagrams = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            (0..5000_usize).prop_map(|length| vec![9; length]),
        ];
        let push = (addresses, datagrams).prop_map(|(from, datagram)| Step::Push(from, datagram));
        prop::collection::vec(
            prop_oneof![6 => push, 5 => Just(Step::Pop), 1 => Just(Step::Clear)],
            0..200,
        )
    }

    proptest! {
        #[test]
        fn it_is_a_queue_that_drops_what_does_not_fit(steps in steps(), receive_buffer in 0..20_000_usize) {
            let mut inbox = Inbox::for_receive_buffer(receive_buffer);
            let mut model = VecDeque::new();
            let (mut used, mut dropped) = (0, 0);
            let mut into = vec![1, 2, 3];
            for step in steps {
                match step {
                    Step::Push(from, datagram) => {
                        inbox.push(from, &datagram);
                        let size = datagram.len() + DATAGRAM_OVERHEAD;
                        if used + size <= inbox.limit {
                            used += size;
                            model.push_back((from, datagram));
                        } else {
                            dropped += 1;
                        }
                    }
                    Step::Pop => {
                        let from = inbox.pop(&mut into);
                        let expected = model.pop_front();
                        prop_assert_eq!(from, expected.as_ref().map(|(from, _)| *from));
                        if let Some((_, datagram)) = expected {
                            used -= datagram.len() + DATAGRAM_OVERHEAD;
                            prop_assert_eq!(&into, &datagram);
                        }
                    }
                    Step::Clear => {
                        inbox.clear();
                        model.clear();
                        used = 0;
                    }
                }
                prop_assert_eq!(inbox.datagrams(), model.len());
                prop_assert_eq!(inbox.dropped(), dropped);
                prop_assert!(inbox.memory() <= inbox.limit);
            }
        }
    }
}
