//! An ENet host and a peer that is connected: whatever the peer sends, a packet has no byte that did not arrive, the host
//! stays usable, and what waits is bounded.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use enet::{Carrier, Event, Host, Kind, PeerId, Settings, State};

use super::MOST_STEPS;
use crate::steps::{Bytes, Step};

const CHANNELS: usize = 4;
/// With this bit in the first byte of an input, datagrams are compressed.
const COMPRESSED: u8 = 1;
/// How the peer's datagrams begin: its number, and that of its session.
const HEADER: [u8; 2] = [0, 0];

#[derive(Default)]
struct Queues {
    arrived: VecDeque<(SocketAddr, Vec<u8>)>,
    sent: Vec<(SocketAddr, Vec<u8>)>,
}

/// A network in memory, with one host on it.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Queues>>);

impl Memory {
    fn deliver(&self, from: SocketAddr, datagram: Vec<u8>) {
        self.0.lock().unwrap().arrived.push_back((from, datagram));
    }

    fn take_sent(&self) -> Vec<Vec<u8>> {
        let sent = std::mem::take(&mut self.0.lock().unwrap().sent);
        sent.into_iter().map(|(_, datagram)| datagram).collect()
    }
}

impl Carrier for Memory {
    fn receive(&mut self, into: &mut Vec<u8>) -> Option<SocketAddr> {
        let (from, datagram) = self.0.lock().unwrap().arrived.pop_front()?;
        *into = datagram;
        Some(from)
    }

    fn send(&mut self, to: SocketAddr, datagram: &[u8]) {
        let mut queues = self.0.lock().unwrap();
        queues.sent.push((to, datagram.to_vec()));
    }
}

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, number], 4242))
}

struct Node {
    host: Host,
    memory: Memory,
}

impl Node {
    fn new(now: Instant, is_compressed: bool) -> Self {
        let memory = Memory::default();
        let settings = Settings {
            peer_limit: 2,
            channel_limit: CHANNELS,
            ..Settings::default()
        };
        let carrier = Box::new(memory.clone());
        let mut host = Host::on_carrier(carrier, &settings, now).unwrap();
        if is_compressed {
            host.use_range_coder();
        }
        Self { host, memory }
    }

    /// Services the host until it has no event, and returns those it had.
    fn service(&mut self, now: Instant) -> Vec<Event> {
        let next = || self.host.service(now).expect("ENet does not panic");
        std::iter::from_fn(next).collect()
    }
}

/// A host, and a peer of it that is connected.
struct Connected {
    host: Node,
    peer: Node,
    at_host: PeerId,
    at_peer: PeerId,
    now: Instant,
}

impl Connected {
    fn new(is_compressed: bool) -> Self {
        let now = Instant::now();
        let mut host = Node::new(now, is_compressed);
        let mut peer = Node::new(now, is_compressed);
        let at_peer = peer.host.connect(address(1), CHANNELS, 7).unwrap();
        let mut at_host = None;
        for _ in 0..3 {
            peer.service(now);
            for datagram in peer.memory.take_sent() {
                host.memory.deliver(address(2), datagram);
            }
            for event in host.service(now) {
                if let Event::Connect { peer, .. } = event {
                    at_host = Some(peer);
                }
            }
            for datagram in host.memory.take_sent() {
                peer.memory.deliver(address(1), datagram);
            }
        }
        Self {
            host,
            peer,
            at_host: at_host.expect("the peer is connected"),
            at_peer,
            now,
        }
    }
}

/// See the module.
pub(crate) fn run(input: &[u8]) {
    run_input(input);
}

/// Runs the target; returns the sizes of the packets that arrived.
pub(crate) fn run_input(input: &[u8]) -> Vec<usize> {
    let mut bytes = Bytes(input);
    let flags = bytes.byte();
    let Connected {
        mut host,
        at_host,
        mut now,
        ..
    } = Connected::new(flags & COMPRESSED != 0);
    let mut packets = Vec::new();
    let mut arrived = 0;
    let mut received = 0;
    for _ in 0..MOST_STEPS {
        let Some(step) = Step::read(&mut bytes) else {
            break;
        };
        match step {
            Step::Datagram(datagram) => {
                // Decompressed, it has as many bytes as a datagram can have.
                arrived += match flags & COMPRESSED {
                    0 => datagram.len(),
                    _ => 4096,
                };
                host.memory.deliver(address(2), datagram.to_vec());
            }
            Step::Wait(by) => now += by,
            Step::Send(length) => {
                let kind = Kind::from_flags(length as u32 & 0xf);
                let _ = host
                    .host
                    .send(at_host, length as u8 & 3, &vec![1; length], kind);
            }
            Step::Take => {}
            Step::Close => {
                let _ = host.host.disconnect_later(at_host, 1);
            }
        }
        for event in host.service(now) {
            if let Event::Receive { packet, .. } = event {
                received += packet.len();
                packets.push(packet.len());
            }
        }
        assert!(
            received <= arrived,
            "a packet has bytes that did not arrive"
        );
        host.memory.take_sent();
    }
    // Nothing holds a peer for ever that does not answer.
    if host.host.ping(at_host).is_ok() {
        for _ in 0..64 {
            now += Duration::from_secs(1);
            host.service(now);
        }
        assert_eq!(host.host.state(at_host), State::Disconnected);
    }
    packets
}

/// What an honest peer sends.
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("plain", seed(0)),
        ("compressed", seed(COMPRESSED)),
        ("gaps", gaps()),
    ]
}

/// A peer that would get a packet completed by two fragments of a byte each: ENet counts fragments, not bytes.
fn gaps() -> Vec<u8> {
    let mut bytes = vec![0];
    for number in 0..2_u32 {
        let mut datagram = HEADER.to_vec();
        datagram.extend([0x08, 0, 0, 1, 0, 1, 0, 1]);
        for field in [2, number, 1_000_000, number] {
            datagram.extend(u32::to_be_bytes(field));
        }
        datagram.push(b'x');
        Step::Datagram(&datagram).write(&mut bytes);
    }
    bytes
}

fn seed(flags: u8) -> Vec<u8> {
    let mut ends = Connected::new(flags & COMPRESSED != 0);
    ends.peer.memory.take_sent();
    let mut bytes = vec![flags];
    let kinds = [
        Kind::Reliable,
        Kind::Unreliable,
        Kind::Unsequenced,
        Kind::UnreliableFragment,
    ];
    for (channel, kind) in (0_u8..).zip(kinds) {
        for length in [0, 30, 3000] {
            let host = &mut ends.peer.host;
            let packet: Vec<u8> = (0..length).map(|it| it as u8).collect();
            host.send(ends.at_peer, channel, &packet, kind).unwrap();
            host.flush();
            for datagram in ends.peer.memory.take_sent() {
                Step::Datagram(&datagram).write(&mut bytes);
            }
        }
    }
    Step::Send(3000).write(&mut bytes);
    ends.peer.host.ping(ends.at_peer).unwrap();
    ends.peer.host.set_bandwidth_limit(10_000, 10_000);
    ends.peer
        .host
        .configure_throttle(ends.at_peer, 100, 3, 4)
        .unwrap();
    ends.peer.service(ends.now + Duration::from_secs(2));
    ends.peer.host.disconnect(ends.at_peer, 5).unwrap();
    ends.peer.host.flush();
    for datagram in ends.peer.memory.take_sent() {
        Step::Datagram(&datagram).write(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_honest_peers_packets_all_arrive() {
        for (name, seed) in &seeds()[..2] {
            assert_eq!(seed[4] & 0x3f, HEADER[0], "{name}");
            let mut packets = run_input(seed);
            packets.sort_unstable();
            let expected: Vec<usize> = [0, 30, 3000].into_iter().flat_map(|it| [it; 4]).collect();
            assert_eq!(packets, expected, "{name}");
        }
    }

    #[test]
    fn no_packet_is_completed_that_has_gaps() {
        assert_eq!(run_input(&gaps()), [0; 0]);
    }
}
