//! A network in memory that loses, delays and doubles datagrams.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use enet::{Carrier, Event, Host, Kind, PeerId, Settings, State, Statistic};
use testkit::SeededRng;

const TICK: Duration = Duration::from_millis(10);
const DELAY: Duration = Duration::from_millis(80);
const PACKETS: u32 = 400;

struct InFlight {
    due: Instant,
    from: SocketAddr,
    to: SocketAddr,
    datagram: Vec<u8>,
}

struct Network {
    now: Instant,
    rng: SeededRng,
    loss: f64,
    in_flight: VecDeque<InFlight>,
}

#[derive(Clone)]
struct Port {
    network: Arc<Mutex<Network>>,
    address: SocketAddr,
}

impl Carrier for Port {
    fn receive(&mut self, into: &mut Vec<u8>) -> Option<SocketAddr> {
        let mut network = self.network.lock().unwrap();
        let now = network.now;
        let is_due = |it: &InFlight| it.to == self.address && it.due <= now;
        let at = network.in_flight.iter().position(is_due)?;
        let arrived = network.in_flight.remove(at)?;
        *into = arrived.datagram;
        Some(arrived.from)
    }

    fn send(&mut self, to: SocketAddr, datagram: &[u8]) {
        let mut network = self.network.lock().unwrap();
        let loss = network.loss;
        let copies = 1 + usize::from(network.rng.chance(0.05));
        for _ in 0..copies {
            if network.rng.chance(loss) {
                continue;
            }
            let extra = Duration::from_millis(network.rng.below(40));
            let due = network.now + DELAY + extra;
            network.in_flight.push_back(InFlight {
                due,
                from: self.address,
                to,
                datagram: datagram.to_vec(),
            });
        }
    }
}

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, number], 4242))
}

/// A server at address 1, a client at address 2 that connects to it, and the network between them, which loses a tenth.
struct Hosts {
    network: Arc<Mutex<Network>>,
    server: Host,
    client: Host,
    /// The server, as the client's peer.
    peer: PeerId,
    start: Instant,
    now: Instant,
}

impl Hosts {
    fn new(seed: u64, start: Instant, channels: usize) -> Self {
        let network = Arc::new(Mutex::new(Network {
            now: start,
            rng: SeededRng::new(seed),
            loss: 0.1,
            in_flight: VecDeque::new(),
        }));
        let [server, mut client] = [1, 2].map(|number| {
            let network = Arc::clone(&network);
            let address = address(number);
            let port = Box::new(Port { network, address });
            Host::on_carrier(port, &Settings::default(), start).unwrap()
        });
        let peer = client.connect(address(1), channels, 0).unwrap();
        Self {
            network,
            server,
            client,
            peer,
            start,
            now: start,
        }
    }

    fn is_connected(&self) -> bool {
        self.client.state(self.peer) == State::Connected
    }

    /// Sends a packet from the client.
    fn send(&mut self, channel: u8, packet: &[u8], kind: Kind) {
        self.client.send(self.peer, channel, packet, kind).unwrap();
    }

    /// Lets a tick pass, and services both. Returns the server's events; `None` once it is over `limit`.
    fn tick(&mut self, limit: Duration) -> Option<Vec<Event>> {
        self.now += TICK;
        if self.now - self.start >= limit {
            return None;
        }
        self.network.lock().unwrap().now = self.now;
        while self.client.service(self.now).unwrap().is_some() {}
        let mut events = Vec::new();
        while let Some(event) = self.server.service(self.now).unwrap() {
            events.push(event);
        }
        Some(events)
    }
}

/// Thousands are in flight, and what is repeated of them is looked for among those that wait.
#[test]
fn a_burst_of_small_packets_crosses_a_bad_network() {
    const BURST: u32 = 10_000;
    let mut hosts = Hosts::new(0, Instant::now(), 1);
    let mut is_sent = false;
    let mut arrived = 0;
    while arrived < BURST {
        if !is_sent && hosts.is_connected() {
            is_sent = true;
            for number in 0..BURST {
                let packet = [number.to_be_bytes(); 3].concat();
                hosts.send(0, &packet, Kind::Reliable);
            }
        }
        let events = hosts.tick(Duration::from_secs(30));
        for event in events.unwrap_or_else(|| panic!("{arrived}")) {
            if let Event::Receive { packet, .. } = event {
                assert_eq!(*packet, *[arrived.to_be_bytes(); 3].concat());
                arrived += 1;
            }
        }
        assert!(!is_sent || hosts.is_connected());
    }
}

#[test]
fn reliable_packets_arrive_once_and_in_order_on_a_bad_network() {
    let start = Instant::now();
    for seed in 0..5 {
        let mut hosts = Hosts::new(seed, start, 2);
        let (mut next, mut arrived, mut unreliable) = (0, 0, Vec::new());
        while arrived < PACKETS {
            if hosts.is_connected() && next < PACKETS {
                // Every tenth has several fragments.
                let length = if next % 10 == 0 { 6000 } else { 20 };
                let mut packet = next.to_be_bytes().to_vec();
                packet.resize(length, next as u8);
                hosts.send(0, &packet, Kind::Reliable);
                hosts.send(1, &packet, Kind::UnreliableFragment);
                next += 1;
            }
            let events = hosts.tick(Duration::from_secs(120));
            for event in events.unwrap_or_else(|| panic!("{seed}: {arrived}")) {
                let Event::Receive {
                    channel, packet, ..
                } = event
                else {
                    continue;
                };
                let number = u32::from_be_bytes(*packet.first_chunk().unwrap());
                assert!(packet[4..].iter().all(|byte| *byte == number as u8));
                if channel == 0 {
                    assert_eq!(number, arrived, "{seed}");
                    arrived += 1;
                } else {
                    unreliable.push(number);
                }
            }
        }
        // Those may be lost, and are never delivered out of order or twice.
        assert!(unreliable.is_sorted_by(|a, b| a < b), "{seed}");
        let count = unreliable.len() as u32;
        assert!(count > PACKETS / 4 && count < PACKETS, "{seed}: {count}");
    }
}

/// ENet counts 32 MB of them as waiting, and takes nothing more.
#[test]
fn a_connection_outlives_many_unreliable_packets_that_lose_fragments() {
    const PACKET: usize = 20_000;
    let mut hosts = Hosts::new(7, Instant::now(), 2);
    let (mut sent, mut arrived) = (0, 0);
    let mut is_done = false;
    while !is_done {
        if hosts.is_connected() {
            hosts.send(1, &[1; PACKET], Kind::UnreliableFragment);
        }
        let events = hosts.tick(Duration::from_secs(300));
        for event in events.unwrap_or_else(|| panic!("{sent}, {arrived}")) {
            match event {
                Event::Receive { packet, .. } if packet.len() == PACKET => arrived += PACKET,
                Event::Receive { .. } => is_done = true,
                _ => {}
            }
        }
        sent += hosts.client.pop_statistic(Statistic::SentData) as usize;
        if sent > 60_000_000 {
            hosts.send(0, b"done", Kind::Reliable);
            sent = 0;
        }
    }
    // A packet has 15 fragments, and one lost is enough.
    assert!(arrived > 4_000_000 && arrived < 25_000_000, "{arrived}");
}
