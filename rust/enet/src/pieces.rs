//! Fragments of unreliable packets, which ENet gets when all of a packet's have arrived.
//!
//! ENet counts a packet's bytes as waiting from its first fragment on, and does not take them back when it drops the packet
//! since a newer one has overtaken it. After 32 MB of packets that lost a fragment, a connection would accept nothing any
//! more, and end.

use std::collections::{BTreeMap, VecDeque};

use crate::wire::{COMMANDS, Command, DATAGRAM, Fragment, MAX_PACKET};

/// How many packets of a peer may lack fragments. Each command is compared with each of them.
const MAX_PACKETS: usize = 64;

/// How many bytes of fragments may wait, unless they are one packet's.
const MAX_BYTES: usize = 4 << 20;

/// What a fragment takes beside its data.
const OVERHEAD: usize = 64;

/// The fragments of one peer.
#[derive(Default)]
pub(crate) struct Pieces {
    /// The oldest first.
    packets: VecDeque<Partial>,
    bytes: usize,
}

struct Partial {
    position: Position,
    count: u32,
    total: u32,
    /// Commands, by the number of the fragment.
    pieces: BTreeMap<u32, Box<[u8]>>,
    bytes: usize,
}

/// Where an unreliable packet stands among the others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) channel: u8,
    /// The number of the reliable packet before it.
    pub(crate) reliable: u16,
    /// Its own, or that of its first fragment.
    pub(crate) number: u16,
}

impl Position {
    fn is_before(self, other: Self) -> bool {
        self.channel == other.channel
            && match other.reliable.wrapping_sub(self.reliable) {
                0 => self.number <= other.number,
                distance => distance <= i16::MAX.cast_unsigned(),
            }
    }
}

impl Pieces {
    /// Takes a fragment, `bytes`, out of a datagram. Returns all of its packet, in their order, if none is lacking now.
    pub(crate) fn add(
        &mut self,
        command: &Command,
        fragment: &Fragment,
        bytes: &[u8],
    ) -> Option<impl Iterator<Item = Box<[u8]>> + use<>> {
        if fragment.total as usize > MAX_PACKET {
            return None;
        }
        let position = Position {
            channel: command.channel,
            reliable: command.number,
            number: fragment.start,
        };
        let known = self.packets.iter().rposition(|it| it.position == position);
        let at = known.unwrap_or_else(|| {
            self.packets.push_back(Partial {
                position,
                count: fragment.count,
                total: fragment.total,
                pieces: BTreeMap::new(),
                bytes: 0,
            });
            self.packets.len() - 1
        });
        let partial = &mut self.packets[at];
        if (partial.count, partial.total) != (fragment.count, fragment.total) {
            return None;
        }
        if partial
            .pieces
            .insert(fragment.number, bytes.into())
            .is_none()
        {
            partial.bytes += bytes.len() + OVERHEAD;
            self.bytes += bytes.len() + OVERHEAD;
        }
        if partial.pieces.len() == partial.count as usize {
            let complete = std::mem::take(&mut partial.pieces);
            self.overtake(position);
            return Some(complete.into_values());
        }
        while self.packets.len() > MAX_PACKETS || self.bytes > MAX_BYTES && self.packets.len() > 1 {
            self.bytes -= self.packets.pop_front().map_or(0, |it| it.bytes);
        }
        None
    }

    /// The packet at this position is complete: those before it are not wanted any more.
    pub(crate) fn overtake(&mut self, position: Position) {
        let bytes = &mut self.bytes;
        self.packets.retain(|it| {
            let is_kept = !it.position.is_before(position);
            *bytes -= if is_kept { 0 } else { it.bytes };
            is_kept
        });
    }
}

/// Makes datagrams of fragments; `head` is a header without a time.
pub(crate) fn datagrams(
    head: [u8; 2],
    fragments: impl Iterator<Item = Box<[u8]>>,
    mut send: impl FnMut(Vec<u8>),
) {
    let mut datagram = head.to_vec();
    let mut count = 0;
    for fragment in fragments {
        if count == COMMANDS || datagram.len() + fragment.len() > DATAGRAM {
            send(std::mem::replace(&mut datagram, head.to_vec()));
            count = 0;
        }
        datagram.extend_from_slice(&fragment);
        count += 1;
    }
    send(datagram);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{self, Body};

    /// A fragment's command, with a byte of data: of the packet with this number, on channel 0.
    fn command(start: u16, count: u32, number: u32) -> Vec<u8> {
        let mut command = vec![12, 0, 0, 0];
        command.extend(start.to_be_bytes());
        command.extend(1_u16.to_be_bytes());
        for field in [count, number, count, number] {
            command.extend(field.to_be_bytes());
        }
        command.push(number as u8);
        command
    }

    /// Adds it; returns the data of the packet that it completes.
    fn add(pieces: &mut Pieces, bytes: &[u8]) -> Option<Vec<u8>> {
        let parsed = wire::commands(bytes).next().flatten().unwrap();
        let Body::Fragment(fragment) = &parsed.body else {
            panic!("a fragment");
        };
        let complete = pieces.add(&parsed, fragment, bytes)?;
        Some(complete.map(|it| *it.last().unwrap()).collect())
    }

    #[test]
    fn a_packet_is_complete_with_its_last_fragment_and_those_before_it_are_dropped() {
        let mut pieces = Pieces::default();
        assert_eq!(add(&mut pieces, &command(1, 2, 0)), None);
        assert_eq!(add(&mut pieces, &command(2, 3, 2)), None);
        assert_eq!(add(&mut pieces, &command(2, 3, 0)), None);
        assert_eq!(add(&mut pieces, &command(2, 3, 0)), None);
        assert_eq!(add(&mut pieces, &command(3, 2, 0)), None);
        assert_eq!(add(&mut pieces, &command(2, 3, 1)), Some(vec![0, 1, 2]));
        assert_eq!(pieces.packets.len(), 1);
        assert_eq!(add(&mut pieces, &command(3, 2, 1)), Some(vec![0, 1]));
        assert_eq!((pieces.packets.len(), pieces.bytes), (0, 0));
    }

    #[test]
    fn fragments_that_contradict_others_are_dropped() {
        let mut pieces = Pieces::default();
        assert_eq!(add(&mut pieces, &command(1, 2, 0)), None);
        assert_eq!(add(&mut pieces, &command(1, 3, 1)), None);
        assert_eq!(add(&mut pieces, &command(1, 2, 1)), Some(vec![0, 1]));
    }

    #[test]
    fn what_lacks_fragments_is_bounded() {
        let mut pieces = Pieces::default();
        for number in 0..1000 {
            add(&mut pieces, &command(number, 2, 0));
        }
        assert_eq!(pieces.packets.len(), MAX_PACKETS);
        assert_eq!(pieces.packets[0].position.number, 1000 - MAX_PACKETS as u16);
        // One packet may have more than the limit, and the next one takes its place.
        for number in 0..60_000 {
            add(&mut pieces, &command(2000, 70_000, number));
        }
        assert_eq!(pieces.packets.len(), 1);
        assert!(pieces.bytes > MAX_BYTES);
        add(&mut pieces, &command(2001, 2, 0));
        assert_eq!(pieces.packets.len(), 1);
        assert_eq!(pieces.bytes, 25 + OVERHEAD);
    }

    #[test]
    fn fragments_fill_datagrams() {
        let mut sizes = Vec::new();
        let all = (0..70).map(|_| vec![1; 100].into_boxed_slice());
        datagrams([0, 3], all, |datagram| sizes.push(datagram.len()));
        assert_eq!(sizes, [3202, 3202, 602]);
        sizes.clear();
        let all = (0..3).map(|_| vec![1; 2000].into_boxed_slice());
        datagrams([0, 3], all, |datagram| sizes.push(datagram.len()));
        assert_eq!(sizes, [4002, 2002]);
    }
}
