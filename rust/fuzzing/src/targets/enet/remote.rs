//! The other end of a connection. It has the state of an ENet peer; what it sends is decided by the fuzzer's input.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use rusty_enet::{Compressor as _, RangeCoder};

use super::memory::Memory;
use super::steps::{Packet, Terms};

const SENT_TIME: u16 = 0x8000;
const COMPRESSED: u16 = 0x4000;
const UNCONNECTED: u16 = 0xfff;
/// The channel of commands that belong to none.
const NO_CHANNEL: u8 = 0xff;
const TO_ACKNOWLEDGE: u8 = 0x80;
const MOST_COMMANDS: usize = 32;
const MTU: usize = 1392;
const DATAGRAM: usize = 4096;
/// Larger datagrams are sent as they are, which each host accepts: compressing takes long.
const MOST_COMPRESSED: usize = 256;
const FRAGMENT_OVERHEAD: usize = 28;

/// The size of each command's fixed part, by its number.
const SIZES: [usize; 13] = [0, 8, 48, 44, 8, 4, 6, 8, 24, 8, 12, 16, 24];

pub(super) struct Remote {
    pub(super) address: SocketAddr,
    /// The host's number of this peer, and of the session.
    peer: u16,
    session: u8,
    mtu: usize,
    coder: Option<RangeCoder>,
    /// What the host waits for: channel, sequence number, the time at which it was sent.
    unacknowledged: VecDeque<(u8, u16, u16)>,
    /// The newest connect of the host's, whole.
    asked: Option<Vec<u8>>,
    /// The newest sequence numbers of each channel.
    reliable: [u16; 256],
    unreliable: [u16; 256],
    group: u16,
    /// Bytes that have arrived at the host, decompressed.
    pub(super) arrived: usize,
}

impl Remote {
    pub(super) fn new(address: SocketAddr, is_compressed: bool) -> Self {
        Self {
            address,
            peer: UNCONNECTED,
            session: 0,
            mtu: MTU,
            coder: is_compressed.then(RangeCoder::new),
            unacknowledged: VecDeque::new(),
            asked: None,
            reliable: [0; 256],
            unreliable: [0; 256],
            group: 0,
            arrived: 0,
        }
    }

    pub(super) fn set_compression(&mut self, is_compressed: bool) {
        self.coder = is_compressed.then(RangeCoder::new);
    }

    /// Delivers a datagram of these commands.
    pub(super) fn send(&mut self, network: &Memory, commands: &[u8], clock: Duration) {
        let peer = self.peer;
        self.send_to(network, peer, commands, clock);
    }

    fn send_to(&mut self, network: &Memory, peer: u16, commands: &[u8], clock: Duration) {
        let session = u16::from(self.session & 3) << 12;
        let mut first = peer | SENT_TIME | if peer == UNCONNECTED { 0 } else { session };
        self.arrived += 4 + commands.len();
        let mut body = commands;
        let mut compressed = [0; MOST_COMPRESSED];
        if let Some(coder) = &mut self.coder
            && commands.len() <= MOST_COMPRESSED
        {
            let size = coder.compress(&[commands], commands.len(), &mut compressed);
            if size > 0 && size < commands.len() {
                body = &compressed[..size];
                first |= COMPRESSED;
            }
        }
        let mut datagram = Vec::with_capacity(4 + body.len());
        datagram.extend(first.to_be_bytes());
        datagram.extend((clock.as_millis() as u16).to_be_bytes());
        datagram.extend(body);
        network.deliver(self.address, datagram);
    }

    /// Notes what the host has sent to this peer.
    pub(super) fn note(&mut self, datagram: &[u8]) {
        let Some((first, rest)) = datagram.split_first_chunk() else {
            return;
        };
        let first = u16::from_be_bytes(*first);
        let (time, body) = match rest.split_first_chunk() {
            Some((time, body)) if first & SENT_TIME != 0 => (u16::from_be_bytes(*time), body),
            _ => (0, rest),
        };
        let mut decompressed = [0; DATAGRAM];
        let mut commands = body;
        if first & COMPRESSED != 0
            && let Some(coder) = &mut self.coder
        {
            let size = coder.decompress(body, &mut decompressed);
            assert!(size > 0, "the host's datagram is not compressed as it says");
            commands = &decompressed[..size];
        }
        while let Some(kind) = commands.first() {
            let size = SIZES[usize::from(kind & 0xf)];
            let at = |offset: usize| u16::from_be_bytes([commands[offset], commands[offset + 1]]);
            let data = match kind & 0xf {
                6 => at(4),
                7..=9 | 12 => at(6),
                _ => 0,
            };
            match kind & 0xf {
                2 => {
                    self.asked = Some(commands[..size].to_vec());
                    if self.peer == UNCONNECTED {
                        self.peer = at(4);
                    }
                }
                3 => {
                    self.peer = at(4);
                    // What it calls outgoing is this side's.
                    self.session = commands[7];
                    self.mtu = usize::from(at(10));
                }
                _ => {}
            }
            if kind & TO_ACKNOWLEDGE != 0 && self.unacknowledged.len() < 4096 {
                self.unacknowledged.push_back((commands[1], at(2), time));
            }
            commands = &commands[size + usize::from(data)..];
        }
    }

    /// Acknowledges the oldest `count` of what the host has sent; 0 for all.
    pub(super) fn acknowledge(&mut self, network: &Memory, count: u8, clock: Duration) {
        let count = match count {
            0 => usize::MAX,
            _ => count.into(),
        };
        let count = count.min(self.unacknowledged.len());
        let mut commands = Vec::with_capacity(MOST_COMMANDS * SIZES[1]);
        for at in 0..count {
            if let Some((channel, number, time)) = self.unacknowledged.pop_front() {
                commands.extend([1, channel]);
                commands.extend(number.to_be_bytes());
                commands.extend(number.to_be_bytes());
                commands.extend(time.to_be_bytes());
            }
            if commands.len() == commands.capacity() || at + 1 == count {
                self.send(network, &commands, clock);
                commands.clear();
            }
        }
    }

    /// What the host has sent never arrived.
    pub(super) fn lose(&mut self) {
        self.unacknowledged.clear();
    }

    /// Asks for a connection.
    pub(super) fn connect(&mut self, network: &Memory, terms: &Terms, clock: Duration) {
        self.forget();
        self.mtu = MTU;
        let mut command = vec![2 | TO_ACKNOWLEDGE, NO_CHANNEL, 0, 1, 0, 0];
        command.extend([terms.sessions; 2]);
        command.extend(terms.fields(MTU));
        for field in [5000, 2, 2, u32::from(terms.id), 7] {
            command.extend(u32::to_be_bytes(field));
        }
        self.send_to(network, UNCONNECTED, &command, clock);
    }

    /// Answers the host's newest connect, if there is one.
    pub(super) fn verify(&mut self, network: &Memory, terms: &Terms, clock: Duration) {
        let Some(asked) = &self.asked else {
            return;
        };
        let mut command = vec![3 | TO_ACKNOWLEDGE, NO_CHANNEL, 0, 1];
        let host_peer = [asked[4], asked[5]];
        // This side's number of the host.
        command.extend([0, 3]);
        command.extend([terms.sessions & 3; 2]);
        command.extend(terms.fields(MTU));
        // What the throttle is set to, and the id of the connection.
        command.extend(&asked[28..44]);
        self.forget();
        self.peer = u16::from_be_bytes(host_peer);
        self.session = terms.sessions;
        self.mtu = match terms.mtu {
            0 => MTU,
            mtu => mtu.clamp(576, MTU),
        };
        self.send(network, &command, clock);
    }

    /// A new connection begins.
    fn forget(&mut self) {
        self.lose();
        self.reliable = [0; 256];
        self.unreliable = [0; 256];
        self.group = 0;
    }

    /// Sends a packet as ENet does, each piece in a datagram of its own.
    pub(super) fn send_packet(&mut self, network: &Memory, packet: &Packet, clock: Duration) {
        let channel = usize::from(packet.channel);
        let size = self.mtu.saturating_sub(FRAGMENT_OVERHEAD).max(1);
        let is_reliable = packet.flags & 1 != 0;
        let is_cut = packet.length > size;
        let counts_reliable = is_reliable || is_cut && packet.flags & 8 == 0;
        let skip = i16::from(packet.skip).cast_unsigned();
        let number = match counts_reliable {
            true => &mut self.reliable,
            false => &mut self.unreliable,
        };
        number[channel] = number[channel].wrapping_add(skip).wrapping_add(1);
        let start = number[channel];
        let pieces = packet.length.div_ceil(size).max(1);
        if counts_reliable {
            number[channel] = start.wrapping_add(pieces as u16 - 1);
            self.unreliable[channel] = 0;
        }
        for piece in 0..pieces {
            if is_cut && packet.lost & 1 << (piece % 8) != 0 {
                continue;
            }
            let offset = piece * size;
            let length = size.min(packet.length - offset);
            let in_order = match counts_reliable {
                true => start.wrapping_add(piece as u16),
                false => self.reliable[channel],
            };
            let kind = match (is_cut, counts_reliable, packet.flags & 2 != 0) {
                (true, true, _) => 8 | TO_ACKNOWLEDGE,
                (true, false, _) => 12,
                (false, true, _) => 6 | TO_ACKNOWLEDGE,
                (false, false, false) => 7,
                (false, false, true) => 9 | 0x40,
            };
            let mut command = Vec::with_capacity(FRAGMENT_OVERHEAD + length);
            command.extend([kind, packet.channel]);
            command.extend(in_order.to_be_bytes());
            match kind & 0xf {
                6 => {}
                9 => {
                    self.group = self.group.wrapping_add(skip).wrapping_add(1);
                    command.extend(self.group.to_be_bytes());
                }
                _ => command.extend(start.to_be_bytes()),
            }
            command.extend((length as u16).to_be_bytes());
            if is_cut {
                for field in [pieces, piece, packet.length, offset] {
                    command.extend((field as u32).to_be_bytes());
                }
            }
            command.extend((0..length).map(|it| it as u8 & 0x7f));
            self.send(network, &command, clock);
        }
    }
}

impl Terms {
    /// The sizes, as a connect and its answer have them.
    fn fields(&self, usual_mtu: usize) -> [u8; 20] {
        let mtu = match self.mtu {
            0 => usual_mtu,
            mtu => mtu,
        };
        let [window, bandwidth] = [self.window, self.bandwidth].map(|it| u32::from(it) << 8);
        let fields = [
            mtu as u32,
            window,
            self.channels.into(),
            bandwidth,
            bandwidth,
        ];
        let mut bytes = [0; 20];
        for (into, field) in bytes.chunks_exact_mut(4).zip(fields) {
            into.copy_from_slice(&field.to_be_bytes());
        }
        bytes
    }
}
