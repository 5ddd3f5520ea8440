//! Checks of received datagrams before ENet gets them.
//!
//! ENet is C code by origin, and trusts its peers in some places. What it lacks is here:
//!
//! - Fragments of a packet must tile it, each but the last as large as the peer's MTU makes them. ENet counts fragments
//!   and not bytes: fragments that overlap would complete a packet with memory in it that was never written, which a
//!   server that relays packets would give away.
//! - A datagram has at most 32 commands, as ENet's own have, and each is complete.
//! - A compressed datagram is decompressed here, into a buffer of its own, so that its commands are checked too.
//! - A DTLS session has two peers at the most. ENet lets one address have all that there is room for.
//! - Packets that wait for older ones are bounded in number. ENet bounds their bytes, and an empty packet has none.
//! - The number of channels that a server answers with does not change ENet's: it would free the channels' memory with
//!   another size than it allocated.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::wire::{self, Body, Command, DATAGRAM, Header, UNCONNECTED};

/// How many packets of a peer may wait for older ones. ENet sends at most 64 KB of reliable packets ahead.
pub const MAX_WAITING_PACKETS: usize = 16_384;

/// What a fragment's datagram has beside the fragment.
pub(crate) const FRAGMENT_OVERHEAD: usize = 28;

/// How many peers a DTLS session may have: one, and the next one of a client that has given up the first without a word.
/// A client needs a handshake for each session, so that it cannot take a server's peers with one.
const PEERS_OF_SESSION: usize = 2;

/// What to do with a datagram.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// ENet gets it.
    Pass,
    /// It is dropped.
    Drop,
    /// It asks for a connection, and there is no room: the peer that it names is to be refused.
    Refuse { peer: u16 },
}

/// What is known of the peers, for the checks.
pub(crate) struct Screen {
    slots: Vec<Option<Slot>>,
    used: usize,
    /// The addresses whose connects were passed on since the last [`Screen::begin`], one for each connect.
    connecting: Vec<SocketAddr>,
    /// How many peers may have the same address.
    peers_of_address: usize,
}

struct Slot {
    address: SocketAddr,
    /// The size of the fragments that the peer sends, all but the last of a packet.
    fragment: usize,
    /// The channels that both sides have.
    channels: usize,
    /// The channels that this side has, for ENet.
    asked: usize,
    /// Whether this side connected.
    is_client: bool,
    waiting: Waiting,
}

impl Screen {
    pub(crate) fn new(peers: usize) -> Self {
        Self {
            slots: (0..peers).map(|_| None).collect(),
            used: 0,
            connecting: Vec::new(),
            peers_of_address: usize::MAX,
        }
    }

    /// From now on, each address is a DTLS session's.
    pub(crate) fn bound_sessions(&mut self) {
        self.peers_of_address = PEERS_OF_SESSION;
    }

    /// To be called before datagrams are checked.
    pub(crate) fn begin(&mut self) {
        self.connecting.clear();
    }

    /// A peer at `slot` that this side connects to.
    pub(crate) fn connect(&mut self, slot: u16, address: SocketAddr, channels: usize) {
        self.set(slot, address, channels, 0, true);
    }

    /// No peer is at `slot` any more.
    pub(crate) fn remove(&mut self, slot: u16) -> Option<SocketAddr> {
        let removed = self.slots.get_mut(usize::from(slot))?.take()?;
        self.used -= 1;
        Some(removed.address)
    }

    /// The address of the peer at `slot`.
    pub(crate) fn address(&self, slot: u16) -> Option<SocketAddr> {
        Some(self.slot(slot)?.address)
    }

    /// The channels of the peer at `slot` that both sides have.
    pub(crate) fn channels(&self, slot: u16) -> usize {
        self.slot(slot).map_or(0, |slot| slot.channels)
    }

    /// Whether any peer has this address.
    pub(crate) fn has_address(&self, address: SocketAddr) -> bool {
        self.slots.iter().flatten().any(|it| it.address == address)
    }

    /// The slots whose peer has this address.
    pub(crate) fn slots_of(&self, address: SocketAddr) -> Vec<u16> {
        let all = (0_u16..).zip(&self.slots);
        let of_address =
            |slot: &Option<Slot>| slot.as_ref().is_some_and(|it| it.address == address);
        all.filter(|(_, slot)| of_address(slot))
            .map(|(number, _)| number)
            .collect()
    }

    /// The slots that are taken.
    pub(crate) fn taken(&self) -> Vec<u16> {
        let all = (0_u16..).zip(&self.slots);
        all.filter(|(_, slot)| slot.is_some())
            .map(|(number, _)| number)
            .collect()
    }

    fn slot(&self, slot: u16) -> Option<&Slot> {
        self.slots.get(usize::from(slot))?.as_ref()
    }

    fn slot_mut(&mut self, slot: u16) -> Option<&mut Slot> {
        self.slots.get_mut(usize::from(slot))?.as_mut()
    }

    fn set(&mut self, slot: u16, address: SocketAddr, channels: usize, mtu: u32, is_client: bool) {
        let Some(place) = self.slots.get_mut(usize::from(slot)) else {
            return;
        };
        self.used += usize::from(place.is_none());
        *place = Some(Slot {
            address,
            fragment: fragment_size(mtu),
            channels,
            asked: channels,
            is_client,
            waiting: Waiting::default(),
        });
    }

    /// Notes what a datagram that ENet sends says about a peer: the answer to a new one.
    pub(crate) fn note_sent(&mut self, address: SocketAddr, datagram: &[u8]) {
        let Some(header) = Header::read(datagram) else {
            return;
        };
        for command in wire::commands(&datagram[header.size..]) {
            let Some(command) = command else {
                return;
            };
            if let Body::VerifyConnect {
                peer,
                mtu,
                channels,
                ..
            } = command.body
            {
                // It is repeated until it is acknowledged.
                if self
                    .slot(peer)
                    .is_none_or(|slot| slot.address != address || slot.is_client)
                {
                    self.set(peer, address, channels as usize, mtu, false);
                } else if let Some(slot) = self.slot_mut(peer)
                    && slot.waiting.is_unused()
                {
                    slot.fragment = fragment_size(mtu);
                    slot.channels = channels as usize;
                }
            }
        }
    }

    /// A reliable packet of this length was taken from ENet.
    pub(crate) fn delivered(&mut self, slot: u16, channel: u8, length: usize) {
        if let Some(slot) = self.slot_mut(slot) {
            let fragments = match slot.fragment {
                fragment if length > fragment && fragment > 0 => length.div_ceil(fragment),
                _ => 1,
            };
            slot.waiting.delivered(channel, fragments);
        }
    }

    /// Checks a datagram, which is not compressed.
    pub(crate) fn check(&mut self, from: SocketAddr, datagram: &mut [u8]) -> Verdict {
        let Some(header) = Header::read(datagram) else {
            return Verdict::Drop;
        };
        if datagram.len() > DATAGRAM {
            return Verdict::Drop;
        }
        if header.peer == UNCONNECTED {
            return self.check_connect(from, &datagram[header.size..]);
        }
        let Some(slot) = self.slot_mut(header.peer) else {
            return Verdict::Drop;
        };
        if slot.address != from {
            // ENet sends to a broadcast address, and then to the address that answers.
            match slot.address {
                SocketAddr::V4(it) if it.ip().is_broadcast() && slot.is_client => {
                    slot.address = from;
                }
                _ => return Verdict::Drop,
            }
        }
        slot.check(&mut datagram[header.size..])
    }

    fn check_connect(&mut self, from: SocketAddr, commands: &[u8]) -> Verdict {
        let mut all = wire::commands(commands);
        let Some(Some(Command {
            body: Body::Connect { peer },
            ..
        })) = all.next()
        else {
            return Verdict::Drop;
        };
        if all.next().is_some() {
            // ENet sends it alone.
            return Verdict::Drop;
        }
        let passed = self.connecting.iter().filter(|it| **it == from).count();
        let known = passed + self.slots_of(from).len();
        if known == 0 && self.used >= self.slots.len() {
            return Verdict::Refuse { peer };
        }
        if known >= self.peers_of_address {
            return Verdict::Drop;
        }
        self.connecting.push(from);
        Verdict::Pass
    }
}

fn fragment_size(mtu: u32) -> usize {
    (mtu as usize).saturating_sub(FRAGMENT_OVERHEAD)
}

impl Slot {
    fn check(&mut self, commands: &mut [u8]) -> Verdict {
        // The first pass changes nothing that a dropped datagram must not.
        let mut fragment = self.fragment;
        let mut ahead = 0;
        let mut is_progress = false;
        let mut answer = None;
        for command in wire::commands(commands) {
            let Some(command) = command else {
                return Verdict::Drop;
            };
            match command.body {
                Body::VerifyConnect {
                    mtu,
                    channels,
                    channels_at,
                    ..
                } if self.is_client => {
                    if self.fragment == 0 {
                        // Once: pieces of two sizes could leave gaps.
                        fragment = fragment_size(mtu);
                    }
                    answer = Some((channels as usize, channels_at));
                }
                Body::Connect { .. } => return Verdict::Drop,
                Body::Fragment(piece) if !piece.tiles(fragment) => return Verdict::Drop,
                _ => {}
            }
            match self.waiting.place_of(&command) {
                Place::Known => {}
                Place::Next => is_progress = true,
                Place::Ahead => ahead += 1,
            }
        }
        if ahead > 0 && !is_progress && self.waiting.packets + ahead > MAX_WAITING_PACKETS {
            log::trace!(target: "enet", "dropped a datagram of {}: too many packets wait", self.address);
            return Verdict::Drop;
        }
        self.fragment = fragment;
        for command in wire::commands(commands).flatten() {
            self.waiting.note(&command);
        }
        if let Some((channels, at)) = answer
            && channels < self.asked
            && channels > 0
        {
            self.channels = channels;
            if let Some(field) = commands.get_mut(at..at + 4) {
                field.copy_from_slice(&(self.asked as u32).to_be_bytes());
            }
        }
        Verdict::Pass
    }
}

/// The packets that ENet may hold until older ones have arrived, of one peer.
#[derive(Default)]
struct Waiting {
    /// Of each channel, the number of the newest reliable packet, or fragment, that was taken from ENet.
    delivered: HashMap<u8, u16>,
    /// By channel and reliable sequence number.
    ahead: HashMap<(u8, u16), Ahead>,
    packets: usize,
}

#[derive(Default)]
struct Ahead {
    has_reliable: bool,
    unreliable: usize,
}

enum Place {
    /// It takes no further memory: ENet has it, drops it, or delivers it at once.
    Known,
    /// It is the one that others wait for.
    Next,
    /// It may wait.
    Ahead,
}

impl Waiting {
    fn is_unused(&self) -> bool {
        self.delivered.is_empty() && self.ahead.is_empty()
    }

    /// The channel and the number that a packet waits for, how far ahead that is, and whether the packet is reliable.
    fn key(&self, command: &Command) -> Option<((u8, u16), u16, bool)> {
        let (number, is_reliable) = match &command.body {
            Body::Reliable => (command.number, true),
            Body::Fragment(piece) if piece.is_reliable => (piece.start, true),
            Body::Fragment(_) | Body::Unreliable => (command.number, false),
            _ => return None,
        };
        let delivered = self.delivered.get(&command.channel).copied().unwrap_or(0);
        let distance = number.wrapping_sub(delivered);
        Some(((command.channel, number), distance, is_reliable))
    }

    fn place_of(&self, command: &Command) -> Place {
        let Some((key, distance, is_reliable)) = self.key(command) else {
            return Place::Known;
        };
        if distance == 0 || distance > i16::MAX.cast_unsigned() {
            return Place::Known;
        }
        let is_known = self.ahead.get(&key).is_some_and(|it| it.has_reliable);
        match is_reliable {
            true if is_known => Place::Known,
            true if distance == 1 => Place::Next,
            _ => Place::Ahead,
        }
    }

    fn note(&mut self, command: &Command) {
        if matches!(self.place_of(command), Place::Known) {
            return;
        }
        if let Some((key, _, is_reliable)) = self.key(command) {
            let entry = self.ahead.entry(key).or_default();
            match is_reliable {
                true => entry.has_reliable = true,
                false => entry.unreliable += 1,
            }
            self.packets += 1;
        }
    }

    fn delivered(&mut self, channel: u8, fragments: usize) {
        let delivered = self.delivered.entry(channel).or_default();
        for _ in 0..fragments {
            *delivered = delivered.wrapping_add(1);
            if let Some(gone) = self.ahead.remove(&(channel, *delivered)) {
                self.packets -= usize::from(gone.has_reliable) + gone.unreliable;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MTU: u32 = 128;
    const SIZE: usize = MTU as usize - FRAGMENT_OVERHEAD;

    fn peer() -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], 1))
    }

    /// A screen with a peer at slot 0 that connected, and one more slot.
    fn screen() -> Screen {
        let mut screen = Screen::new(2);
        screen.note_sent(peer(), &verify_connect(0, 8));
        assert_eq!(screen.channels(0), 8);
        screen
    }

    fn verify_connect(slot: u16, channels: u32) -> Vec<u8> {
        let mut datagram = vec![0, 7, 0x83, 0xff, 0, 1];
        datagram.extend(slot.to_be_bytes());
        datagram.extend([0, 0]);
        datagram.extend(MTU.to_be_bytes());
        datagram.extend(0_u32.to_be_bytes());
        datagram.extend(channels.to_be_bytes());
        datagram.resize(2 + 44, 0);
        datagram
    }

    fn connect() -> Vec<u8> {
        let mut datagram = vec![0x0f, 0xff, 0x82, 0xff, 0, 1, 0, 9];
        datagram.resize(2 + 48, 0);
        datagram
    }

    fn check(screen: &mut Screen, commands: &[Vec<u8>]) -> Verdict {
        let mut datagram = vec![0, 0];
        datagram.extend(commands.iter().flatten());
        screen.check(peer(), &mut datagram)
    }

    fn reliable(channel: u8, number: u16) -> Vec<u8> {
        let [high, low] = number.to_be_bytes();
        vec![0x86, channel, high, low, 0, 0]
    }

    fn fragment(length: usize, count: u32, number: u32, total: u32, offset: u32) -> Vec<u8> {
        let mut command = vec![0x88, 0, 0, 1, 0, 1];
        command.extend((length as u16).to_be_bytes());
        for field in [count, number, total, offset] {
            command.extend(field.to_be_bytes());
        }
        command.resize(command.len() + length, 7);
        command
    }

    #[test]
    fn fragments_must_tile_their_packet() {
        let size = SIZE as u32;
        let total = 2 * size + 10;
        for piece in [
            fragment(SIZE, 3, 0, total, 0),
            fragment(SIZE, 3, 1, total, size),
            fragment(10, 3, 2, total, 2 * size),
        ] {
            assert_eq!(check(&mut screen(), &[piece]), Verdict::Pass);
        }
        for (what, piece) in [
            ("overlaps", fragment(SIZE, 3, 1, total, 0)),
            ("is short", fragment(1, 3, 0, total, 0)),
            ("is empty", fragment(0, 3, 2, total, 2 * size)),
            ("has a smaller last one", fragment(9, 3, 2, total, 2 * size)),
            ("is of too few", fragment(SIZE, 2, 0, total, 0)),
            ("is of too many", fragment(SIZE, 4, 0, total, 0)),
            ("is behind the last", fragment(10, 3, 3, total, 3 * size)),
            ("is all of it", fragment(10, 1, 0, 10, 0)),
            ("is of none", fragment(10, 0, 0, total, 0)),
            (
                "overflows",
                fragment(10, u32::MAX, u32::MAX - 1, u32::MAX, u32::MAX - 9),
            ),
        ] {
            assert_eq!(check(&mut screen(), &[piece]), Verdict::Drop, "{what}");
        }
    }

    #[test]
    fn a_datagram_that_is_not_complete_is_dropped() {
        let mut screen = screen();
        for datagram in [
            &[][..],
            &[0],
            // The flag for a time, and no time. ENet computes a length from it.
            &[0x80, 0],
            &[0xc0, 0, 1],
            &[0, 0, 0x86, 0, 0, 1, 0, 1],
            &[0, 0, 0x86, 0, 0],
            &[0, 0, 0],
            &[0, 0, 0x0d, 0, 0, 0],
        ] {
            let verdict = screen.check(peer(), &mut datagram.to_vec());
            assert_eq!(verdict, Verdict::Drop, "{datagram:?}");
        }
        let ping = vec![0x85, 0xff, 0, 1];
        assert_eq!(check(&mut screen, &vec![ping.clone(); 32]), Verdict::Pass);
        assert_eq!(check(&mut screen, &vec![ping; 33]), Verdict::Drop);
        assert_eq!(check(&mut screen, &[]), Verdict::Pass);
    }

    #[test]
    fn others_cannot_send_in_a_peers_name() {
        let mut screen = screen();
        let other = SocketAddr::from(([192, 0, 2, 2], 1));
        let mut datagram = vec![0, 0, 0x85, 0xff, 0, 1];
        assert_eq!(screen.check(peer(), &mut datagram), Verdict::Pass);
        assert_eq!(screen.check(other, &mut datagram), Verdict::Drop);
        datagram[1] = 1;
        assert_eq!(screen.check(peer(), &mut datagram), Verdict::Drop);
        assert_eq!(screen.remove(0), Some(peer()));
        datagram[1] = 0;
        assert_eq!(screen.check(peer(), &mut datagram), Verdict::Drop);
    }

    #[test]
    fn a_full_host_refuses_others_and_answers_its_peers_again() {
        let mut screen = screen();
        let other = SocketAddr::from(([192, 0, 2, 2], 1));
        let third = SocketAddr::from(([192, 0, 2, 3], 1));
        screen.begin();
        assert_eq!(screen.check(other, &mut connect()), Verdict::Pass);
        screen.note_sent(other, &verify_connect(1, 1));
        assert_eq!(
            screen.check(third, &mut connect()),
            Verdict::Refuse { peer: 9 }
        );
        assert_eq!(screen.check(other, &mut connect()), Verdict::Pass);
        assert_eq!(screen.check(peer(), &mut connect()), Verdict::Pass);
        let mut two = connect();
        two.extend([0x85, 0xff, 0, 1]);
        assert_eq!(screen.check(peer(), &mut two), Verdict::Drop);
        screen.remove(1);
        assert_eq!(screen.check(third, &mut connect()), Verdict::Pass);
    }

    #[test]
    fn a_session_has_two_peers_at_most() {
        let mut screen = Screen::new(4);
        screen.begin();
        for _ in 0..3 {
            assert_eq!(screen.check(peer(), &mut connect()), Verdict::Pass);
        }
        screen.bound_sessions();
        screen.begin();
        for verdict in [Verdict::Pass, Verdict::Pass, Verdict::Drop] {
            assert_eq!(screen.check(peer(), &mut connect()), verdict);
        }
        screen.note_sent(peer(), &verify_connect(0, 1));
        screen.note_sent(peer(), &verify_connect(1, 1));
        screen.begin();
        assert_eq!(screen.check(peer(), &mut connect()), Verdict::Drop);
        let other = SocketAddr::from(([192, 0, 2, 2], 1));
        assert_eq!(screen.check(other, &mut connect()), Verdict::Pass);
        screen.remove(0);
        assert_eq!(screen.check(peer(), &mut connect()), Verdict::Pass);
    }

    #[test]
    fn empty_packets_that_wait_are_bounded_and_the_next_one_still_passes() {
        let mut screen = screen();
        let mut passed = 0;
        for number in 2..20_000_u16 {
            passed += usize::from(check(&mut screen, &[reliable(0, number)]) == Verdict::Pass);
        }
        assert_eq!(passed, MAX_WAITING_PACKETS);
        assert_eq!(check(&mut screen, &[reliable(1, 2)]), Verdict::Drop);
        assert_eq!(
            check(&mut screen, &[reliable(0, 2)]),
            Verdict::Pass,
            "ENet has it"
        );
        assert_eq!(
            check(&mut screen, &[reliable(0, 1)]),
            Verdict::Pass,
            "the next one"
        );
        assert_eq!(check(&mut screen, &[reliable(0, 19_999)]), Verdict::Drop);
        for _ in 0..=MAX_WAITING_PACKETS {
            screen.delivered(0, 0, 0);
        }
        assert_eq!(screen.slot(0).unwrap().waiting.packets, 0);
        assert_eq!(check(&mut screen, &[reliable(1, 2)]), Verdict::Pass);
    }

    #[test]
    fn a_packet_of_fragments_counts_as_many_numbers() {
        let mut screen = screen();
        assert_eq!(check(&mut screen, &[reliable(0, 4)]), Verdict::Pass);
        screen.delivered(0, 0, 2 * SIZE + 10);
        let waiting = &screen.slot(0).unwrap().waiting;
        assert_eq!((waiting.delivered[&0], waiting.packets), (3, 1));
    }

    #[test]
    fn fewer_channels_in_an_answer_are_noted_and_hidden_from_enet() {
        let mut screen = Screen::new(1);
        screen.connect(0, peer(), 8);
        let mut answer = verify_connect(3, 2);
        answer[..2].copy_from_slice(&[0, 0]);
        assert_eq!(screen.check(peer(), &mut answer), Verdict::Pass);
        assert_eq!(screen.channels(0), 2);
        assert_eq!(answer[2 + 16..][..4], 8_u32.to_be_bytes());
        // Another one does not change the size of the pieces any more.
        answer[2 + 8..][..4].copy_from_slice(&600_u32.to_be_bytes());
        answer[2 + 16..][..4].copy_from_slice(&1_u32.to_be_bytes());
        assert_eq!(screen.check(peer(), &mut answer), Verdict::Pass);
        assert_eq!(screen.slot(0).unwrap().fragment, SIZE);
        assert_eq!(answer[2 + 16..][..4], 8_u32.to_be_bytes());
    }
}
