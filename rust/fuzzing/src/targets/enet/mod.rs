//! An ENet host and a peer of it: whatever the peer sends, a packet has no byte that did not arrive, the host stays usable,
//! and what it holds is bounded and freed.
//!
//! The host is a server or a client. The peer is the fuzzer's: see [`remote`].

mod memory;
mod remote;
mod seeds;
mod steps;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use enet::{Event, Host, Kind, MAX_PACKET, MAX_QUEUED, PeerId, Settings, State};

use crate::held;
use crate::steps::Bytes;
use memory::{Memory, address};
use remote::Remote;
pub(crate) use seeds::seeds;
use steps::{Step, Terms};

/// Steps and bytes beyond these only take time.
const MOST_STEPS: usize = 100;
const MOST_BYTES: usize = 10_000;
const MOST_SILENT_ROUNDS: usize = 12;
/// The largest packets: the peer's, in fragments at each MTU, and the owner's, larger than the smallest window.
const PACKET: usize = 3_000;
const SENT_PACKET: usize = 6_000;
const CHANNELS: usize = 4;
const PEERS: usize = 2;

/// The bits of an input's first byte.
const COMPRESSED: u8 = 1;
/// The host is the one that connects.
const CLIENT: u8 = 2;
const LIMITED: u8 = 4;
/// The handshake is left to the steps.
const BARE: u8 = 8;

/// Of the host and a peer that does what it likes: `docs/limits.md`.
const MOST_HELD: usize = {
    const WAITING: usize = 32 << 20;
    // Fragments of a byte each cost more than their packet.
    const PIECES: usize = (4 << 20) + MAX_PACKET;
    PEERS * (WAITING + MAX_PACKET + PIECES + MAX_QUEUED) + (1 << 20)
};

/// AddressSanitizer fills new memory with it.
const NEVER_WRITTEN: u8 = 0xbe;

/// See the module.
pub(crate) fn run(input: &[u8]) {
    let before = held::bytes();
    run_input(input);
    if held::bytes() != before {
        // What is made once in a thread is there now.
        let before = held::bytes();
        run_input(input);
        assert_eq!(held::bytes(), before, "memory is left");
    }
}

/// Runs the target; returns the sizes of the packets that arrived.
pub(crate) fn run_input(input: &[u8]) -> Vec<usize> {
    let mut bytes = Bytes(input);
    let mut run = Run::new(bytes.byte());
    for _ in 0..MOST_STEPS {
        let Some(step) = Step::read(&mut bytes).filter(|_| !run.is_spent()) else {
            break;
        };
        run.step(&step);
        run.service();
    }
    run.end();
    run.packets
}

struct Run {
    host: Host,
    network: Memory,
    remote: Remote,
    flags: u8,
    start: Instant,
    clock: Duration,
    /// The newest peer.
    peer: Option<PeerId>,
    /// Whether a datagram had the byte that marks memory which was never written.
    has_mark: bool,
    held_before: usize,
    /// Bytes that have arrived from former remotes.
    arrived: usize,
    received: usize,
    /// What the owner's packets count as.
    sent: usize,
    packets: Vec<usize>,
}

impl Run {
    fn new(flags: u8) -> Self {
        held::take_peak();
        let held_before = held::bytes();
        let network = Memory::default();
        let bandwidth = if flags & LIMITED != 0 { 20_000 } else { 0 };
        let settings = Settings {
            peer_limit: PEERS,
            channel_limit: CHANNELS,
            incoming_bandwidth: bandwidth,
            outgoing_bandwidth: bandwidth,
            ..Settings::default()
        };
        let start = Instant::now();
        let mut host = Host::on_carrier(Box::new(network.clone()), &settings, start).unwrap();
        if flags & COMPRESSED != 0 {
            host.use_range_coder();
        }
        let mut run = Self {
            host,
            network,
            remote: Remote::new(address(2), flags & COMPRESSED != 0),
            flags,
            start,
            clock: Duration::ZERO,
            peer: None,
            has_mark: false,
            held_before,
            arrived: 0,
            received: 0,
            sent: 0,
            packets: Vec::new(),
        };
        if flags & CLIENT != 0 {
            run.peer = run.host.connect(address(2), CHANNELS, 7).ok();
            run.service();
        }
        if flags & BARE == 0 {
            run.make_connection();
        }
        run
    }

    fn is_spent(&self) -> bool {
        self.remote.arrived + self.sent >= MOST_BYTES
    }

    fn make_connection(&mut self) {
        let (network, clock) = (&self.network, self.clock);
        if self.flags & CLIENT == 0 {
            self.remote.connect(network, &Terms::USUAL, clock);
            self.service();
            self.remote.acknowledge(&self.network, 0, clock);
        } else {
            self.remote.verify(network, &Terms::USUAL, clock);
        }
        self.service();
        let peer = self.peer.expect("a peer is connected");
        assert_eq!(self.host.state(peer), State::Connected);
    }

    fn step(&mut self, step: &Step<'_>) {
        let (network, remote, clock) = (&self.network, &mut self.remote, self.clock);
        match step {
            Step::Raw(from, datagram) => {
                remote.arrived += match datagram.first() {
                    // Decompressed, it has as many bytes as a datagram can have.
                    Some(first) if first & 0x40 != 0 => {
                        self.has_mark = true;
                        4096
                    }
                    _ => datagram.len(),
                };
                self.has_mark |= datagram.contains(&NEVER_WRITTEN);
                network.deliver(address(2 + (from & 1)), datagram.to_vec());
            }
            Step::Commands(commands) => {
                self.has_mark |= commands.contains(&NEVER_WRITTEN);
                remote.send(network, commands, clock);
            }
            Step::Packet(packet) => {
                let packet = steps::Packet {
                    length: packet.length % PACKET,
                    ..*packet
                };
                remote.send_packet(network, &packet, clock);
            }
            Step::Wait(by) => self.clock += *by,
            Step::Send(how, length) => {
                if let Some(peer) = self.peer {
                    let kind = Kind::from_flags(u32::from(how & 0xf));
                    let packet = vec![1; length % SENT_PACKET];
                    // Compressing takes the time of many times as many bytes.
                    self.sent += packet.len() << (self.flags & COMPRESSED);
                    let _ = self.host.send(peer, how >> 4, &packet, kind);
                }
            }
            Step::Acknowledge(count) => remote.acknowledge(network, *count, clock),
            Step::Lose => remote.lose(),
            Step::Connect(terms) => remote.connect(network, terms, clock),
            Step::Verify(terms) => remote.verify(network, terms, clock),
            Step::Call(method, with) => self.call(*method, *with),
        }
    }

    /// The owner calls a method.
    fn call(&mut self, method: u8, with: u8) {
        let host = &mut self.host;
        let number = u32::from(with);
        match method % 18 {
            0 => host.set_bandwidth_limit(number * 100, number * 100),
            1 => host.set_channel_limit(with.into()),
            2 if with & 1 == 0 => host.flush(),
            2 => {
                for _ in 0..with {
                    let _ = host.flush_soon();
                }
            }
            3 => host.broadcast(with & 7, &[2; 100], Kind::from_flags(number >> 4)),
            4 => {
                let _ = host.socket_send(address(9), &[with; 3]);
            }
            5 => {
                if let Ok(peer) = host.connect(address(2 + with % 2), (with >> 1).into(), number) {
                    self.peer = Some(peer);
                }
            }
            6 => {
                self.flags ^= COMPRESSED;
                let is_compressed = self.flags & COMPRESSED != 0;
                self.remote.set_compression(is_compressed);
                match is_compressed {
                    true => host.use_range_coder(),
                    false => host.set_compressor(None),
                }
            }
            7 => {
                if let Some(event) = host.check_events() {
                    self.note(event);
                }
            }
            method => self.call_for_peer(method, number),
        }
    }

    fn call_for_peer(&mut self, method: u8, with: u32) {
        let Some(peer) = self.peer else {
            return;
        };
        let host = &mut self.host;
        let _ = match method {
            8 => host.disconnect(peer, with),
            9 | 10 => host.disconnect_later(peer, with),
            11 => host.disconnect_now(peer, with),
            12 => host.reset(peer),
            13 => host.ping(peer),
            14 => host.set_ping_interval(peer, with * 10),
            15 => host.set_timeout(peer, with & 0x3f, with * 50, with * 100),
            16 => host.configure_throttle(peer, with * 50, with & 7, with >> 5),
            _ => {
                let _ = host.statistic(peer, enet::PeerStatistic::PacketLoss);
                Ok(())
            }
        };
    }

    /// Services the host until it has no event, and looks at what it did.
    fn service(&mut self) {
        // Each event is of something that has arrived, or of a peer.
        for _ in 0..20_000 {
            let now = self.start + self.clock;
            let event = self.host.service(now).expect("ENet does not panic");
            let Some(event) = event else {
                self.check();
                return;
            };
            self.note(event);
        }
        panic!("the host has events without end");
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Connect { peer, .. } => {
                assert_eq!(self.host.state(peer), State::Connected);
                self.peer = Some(peer);
            }
            Event::Disconnect { peer, .. } => {
                assert_eq!(self.host.state(peer), State::Disconnected);
            }
            Event::Receive { packet, .. } => {
                let is_marked = packet.contains(&NEVER_WRITTEN);
                assert!(self.has_mark || !is_marked, "memory that nobody wrote");
                self.received += packet.len();
                self.packets.push(packet.len());
            }
        }
    }

    fn check(&mut self) {
        assert!(
            self.received <= self.arrived + self.remote.arrived,
            "a packet has bytes that did not arrive"
        );
        for (to, datagram) in self.network.take_sent() {
            assert!(datagram.len() <= 1392, "a datagram that exceeds the MTU");
            if to == self.remote.address {
                self.remote.note(&datagram);
            }
        }
        assert!(self.host.peers().count() <= PEERS);
        let held = held::take_peak().saturating_sub(self.held_before);
        assert!(held <= MOST_HELD, "{held} bytes are held");
    }

    /// Nothing holds a peer for ever that does not answer, and after all that the host serves others.
    fn end(&mut self) {
        if let Some(peer) = self.peer {
            let _ = self.host.set_timeout(peer, 0, 0, 0);
            let _ = self.host.ping(peer);
        }
        // Times that a peer acknowledges are its own, so that its round trips may seem to take a minute, and a timeout is five
        // of them.
        for round in 0..MOST_SILENT_ROUNDS {
            self.clock += Duration::from_secs(31);
            self.service();
            // Half-open ones are no peers yet, and are gone by then.
            if round > 1 && self.host.peers().next().is_none() {
                break;
            }
        }
        let left: Vec<_> = self.host.peers().map(|it| self.host.state(it)).collect();
        assert_eq!(left, [], "peers that do not answer are kept");
        self.arrived = self.remote.arrived;
        self.remote = Remote::new(address(3), self.flags & COMPRESSED != 0);
        self.flags &= !CLIENT;
        self.make_connection();
        let packet = steps::Packet {
            flags: 1,
            channel: 0,
            skip: 0,
            length: 2000,
            lost: 0,
        };
        self.remote.send_packet(&self.network, &packet, self.clock);
        self.service();
        assert_eq!(self.packets.pop(), Some(2000), "others are not served");
    }
}
