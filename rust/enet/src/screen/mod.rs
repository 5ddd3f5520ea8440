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
//! - So is the time that a peer's packets and acknowledgements take: ENet searches lists for each.
//! - What is to be acknowledged says when it was sent, as ENet's own datagrams do. ENet would keep a peer for ever that
//!   disconnects without: it waits until it has sent an acknowledgement, and makes none without that time.
//! - A server acknowledges nothing before it has answered a connect, as ENet's own do: a connect that is acknowledged and
//!   never answered would wait for ever.
//! - ENet gets the fragments of an unreliable packet when all have arrived: see [`pieces`].
//! - The number of channels that a server answers with does not change ENet's: it would free the channels' memory with
//!   another size than it allocated.

mod acknowledgements;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use acknowledgements::Acknowledgements;
pub use waiting::MAX_WAITING_PACKETS;
use waiting::{Place, Waiting};

use crate::pieces::{self, Pieces, Position};
use crate::wire::{self, Body, Command, DATAGRAM, Header, OWN_CHANNEL, UNCONNECTED};

/// The time for which there are bounds of what peers may make ENet search.
const PERIOD: Duration = Duration::from_millis(10);

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
    /// ENet gets what [`Screen::hold_pieces`] leaves of it.
    Hold,
    /// It is dropped.
    Drop,
    /// ENet has searched enough for this peer: it is to be checked again in the next period.
    Later,
    /// It asks for a connection, and there is no room: the peer that it names is to be refused.
    Refuse { peer: u16 },
}

/// What is known of the peers, for the checks.
pub(crate) struct Screen {
    slots: Vec<Option<Slot>>,
    used: usize,
    started: Instant,
    /// How many times [`PERIOD`] has passed.
    period: u64,
    /// Of each address that has a peer.
    acknowledgements: HashMap<SocketAddr, Acknowledgements>,
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
    pieces: Pieces,
}

impl Screen {
    pub(crate) fn new(peers: usize, now: Instant) -> Self {
        Self {
            slots: (0..peers).map(|_| None).collect(),
            used: 0,
            started: now,
            period: 0,
            acknowledgements: HashMap::new(),
            connecting: Vec::new(),
            peers_of_address: usize::MAX,
        }
    }

    /// From now on, each address is a DTLS session's.
    pub(crate) fn bound_sessions(&mut self) {
        self.peers_of_address = PEERS_OF_SESSION;
    }

    /// To be called before datagrams are checked. Returns whether a period has begun.
    pub(crate) fn begin(&mut self, now: Instant) -> bool {
        self.connecting.clear();
        let elapsed = now.saturating_duration_since(self.started);
        let period = (elapsed.as_millis() / PERIOD.as_millis()) as u64;
        period != std::mem::replace(&mut self.period, period)
    }

    /// A peer at `slot` that this side connects to.
    pub(crate) fn connect(&mut self, slot: u16, address: SocketAddr, channels: usize) {
        self.set(slot, address, channels, 0, true);
    }

    /// No peer is at `slot` any more.
    pub(crate) fn remove(&mut self, slot: u16) -> Option<SocketAddr> {
        let removed = self.slots.get_mut(usize::from(slot))?.take()?;
        self.used -= 1;
        if !self.has_address(removed.address) {
            self.acknowledgements.remove(&removed.address);
        }
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
        self.acknowledgements.entry(address).or_default();
        *place = Some(Slot {
            address,
            fragment: fragment_size(mtu),
            channels,
            asked: channels,
            is_client,
            waiting: Waiting::default(),
            pieces: Pieces::default(),
        });
    }

    /// Notes what a datagram that ENet sends says about a peer: the answer to a new one, and what is to be acknowledged.
    pub(crate) fn note_sent(&mut self, address: SocketAddr, datagram: &[u8]) {
        let Some(header) = Header::read(datagram) else {
            return;
        };
        let mut is_reliable = false;
        for command in wire::commands(&datagram[header.size..]) {
            let Some(command) = command else {
                return;
            };
            is_reliable |= command.is_reliable;
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
        if !is_reliable {
            return;
        }
        let Some(acknowledgements) = self.acknowledgements.get_mut(&address) else {
            return;
        };
        let all = wire::commands(&datagram[header.size..]).flatten();
        for command in all.filter(|it| it.is_reliable) {
            acknowledgements.sent();
            if command.channel == OWN_CHANNEL {
                acknowledgements.sent_own(command.number);
            }
        }
    }

    /// Whether the peer at `slot` leaves too much unacknowledged that ENet itself has sent, and is to be given up.
    pub(crate) fn withholds(&self, slot: u16) -> bool {
        let address = self.address(slot);
        let acknowledgements = address.and_then(|it| self.acknowledgements.get(&it));
        acknowledgements.is_some_and(Acknowledgements::are_withheld)
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
        let period = self.period;
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
        let commands = &mut datagram[header.size..];
        slot.waiting.begin(period);
        let searched_for = |command: Command| slot.waiting.searched_for(&command);
        let searched = wire::commands(commands).flatten().map(searched_for).sum();
        if !slot.waiting.may_search(searched) {
            return Verdict::Later;
        }
        let is_answer = |command: &Command| matches!(command.body, Body::Acknowledge { .. });
        let answers = wire::commands(commands).flatten().filter(is_answer).count();
        if answers > 0
            && let Some(acknowledgements) = self.acknowledgements.get_mut(&from)
        {
            if !acknowledgements.take(answers, period) {
                log::trace!(target: "enet", "dropped a datagram of {from}: it acknowledges what was not sent");
                return Verdict::Drop;
            }
            for command in wire::commands(commands).flatten() {
                if let Body::Acknowledge { number } = command.body
                    && command.channel == OWN_CHANNEL
                {
                    acknowledgements.take_own(number);
                }
            }
        }
        self.slot_mut(header.peer).map_or(Verdict::Drop, |slot| {
            slot.check(commands, header.has_time, searched)
        })
    }

    /// Takes the fragments of unreliable packets out of a datagram, and returns its size then, if there is something left for
    /// ENet. `complete` gets datagrams with the fragments of the packets that are complete now.
    pub(crate) fn hold_pieces(
        &mut self,
        datagram: &mut [u8],
        complete: impl FnMut(Vec<u8>),
    ) -> Option<usize> {
        let header = Header::read(datagram);
        let Some((header, slot)) =
            header.and_then(|header| Some((header.size, self.slot_mut(header.peer)?)))
        else {
            return Some(datagram.len());
        };
        let head = wire::plain_head(datagram);
        let kept = slot.hold_pieces(&mut datagram[header..], head, complete);
        (kept > 0).then_some(header + kept)
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
    fn check(&mut self, commands: &mut [u8], has_time: bool, searched: usize) -> Verdict {
        // The first pass changes nothing that a dropped datagram must not.
        let mut fragment = self.fragment;
        let mut ahead = 0;
        let mut is_progress = false;
        let mut answer = None;
        let mut verdict = Verdict::Pass;
        for command in wire::commands(commands) {
            let Some(command) = command else {
                return Verdict::Drop;
            };
            if command.is_reliable && !has_time {
                return Verdict::Drop;
            }
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
                Body::Acknowledge { .. } if self.is_client && fragment == 0 => {
                    return Verdict::Drop;
                }
                Body::Fragment(ref piece) if !piece.tiles(fragment) => return Verdict::Drop,
                Body::Fragment(ref piece) if !piece.is_reliable => {
                    if command.is_reliable {
                        return Verdict::Drop;
                    }
                    verdict = Verdict::Hold;
                }
                _ => {}
            }
            match self.waiting.place_of(&command) {
                Place::Known => {}
                Place::Next => is_progress = true,
                Place::Ahead => ahead += 1,
            }
        }
        if ahead > 0 && !is_progress && !self.waiting.has_room_for(ahead) {
            log::trace!(target: "enet", "dropped a datagram of {}: too many packets wait", self.address);
            return Verdict::Drop;
        }
        self.fragment = fragment;
        self.waiting.search(searched);
        for command in wire::commands(commands).flatten() {
            self.waiting.note(&command);
            if verdict == Verdict::Pass {
                self.overtake(&command);
            }
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
        verdict
    }

    /// Forgets the fragments of the unreliable packets that this one overtakes.
    fn overtake(&mut self, command: &Command) {
        if let Body::Unreliable { number } = command.body {
            self.pieces.overtake(Position {
                channel: command.channel,
                reliable: command.number,
                number,
            });
        }
    }

    /// See [`Screen::hold_pieces`].
    fn hold_pieces(
        &mut self,
        commands: &mut [u8],
        head: [u8; 2],
        mut complete: impl FnMut(Vec<u8>),
    ) -> usize {
        let all = commands.to_vec();
        let mut kept = 0;
        for command in wire::commands(&all).flatten() {
            let bytes = &all[command.range.clone()];
            match &command.body {
                Body::Fragment(piece) if !piece.is_reliable => {
                    if let Some(pieces) = self.pieces.add(&command, piece, bytes) {
                        pieces::datagrams(head, pieces, &mut complete);
                    }
                }
                _ => {
                    self.overtake(&command);
                    commands[kept..kept + bytes.len()].copy_from_slice(bytes);
                    kept += bytes.len();
                }
            }
        }
        kept
    }
}
