//! `cargo bench -p udp`: what it costs to hand a datagram to its peer, among so many others.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use udp::{BindAddress, DatagramSocket, Listener};

/// Only Linux has all of 127.0.0.0/8 for clients to be at.
const PEERS: &[usize] = match cfg!(target_os = "linux") {
    true => &[10, 100, 1000, 10_000, 100_000],
    false => &[10, 100, 1000, 10_000],
};
/// How many of the peers send in each round: as many small datagrams fit into a socket's default buffer.
const ACTIVE: usize = 100;
const PORTS: usize = 10_000;
const FIRST_PORT: usize = 20_000;

fn main() {
    divan::main();
}

/// Polling and taking, for each of the datagrams that some peers sent.
#[divan::bench(args = PEERS, sample_size = 1, sample_count = 300)]
fn deliver(bencher: Bencher<'_, '_>, count: usize) {
    let world = World::new(count);
    let active = world.active.len();
    let mut packet = Vec::new();
    bencher
        .counter(ItemsCount::new(active))
        .with_inputs(|| world.send())
        .bench_local_refs(|_| {
            world.listener.poll().unwrap();
            for (_, peer) in &world.active {
                world.take(peer, &mut packet);
            }
        });
}

/// As [`deliver`], and an answer to each, for a listener on one address and one on every address: the latter learns with
/// each datagram where it came to, and says with each answer where it is from.
#[divan::bench(args = [false, true], sample_size = 1, sample_count = 1000)]
fn echo_on_every_address(bencher: Bencher<'_, '_>, on_every: bool) {
    let world = World::on(100, on_every);
    let mut packet = Vec::new();
    bencher
        .counter(ItemsCount::new(world.active.len()))
        .with_inputs(|| {
            let mut buffer = [0; 64];
            for (socket, _) in &world.active {
                while socket.recv(&mut buffer).is_ok() {}
            }
            world.send();
        })
        .bench_local_refs(|_| {
            world.listener.poll().unwrap();
            for (_, peer) in &world.active {
                world.take(peer, &mut packet);
                peer.send(&packet).unwrap();
            }
        });
}

struct World {
    listener: Listener,
    active: Vec<(UdpSocket, Arc<DatagramSocket>)>,
    /// They have nothing to say.
    _others: Vec<Arc<DatagramSocket>>,
}

impl World {
    fn new(count: usize) -> Self {
        Self::on(count, false)
    }

    fn on(count: usize, on_every_address: bool) -> Self {
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let listener = Listener::new();
        let address = match on_every_address {
            true => BindAddress::Ip(Ipv4Addr::UNSPECIFIED.into()),
            false => BindAddress::Ip(host),
        };
        listener.listen(0, address).unwrap();
        let server = SocketAddr::new(host, listener.local_port());
        // The active ones are spread evenly.
        let every = count / count.min(ACTIVE);
        let (mut active, mut others) = (Vec::new(), Vec::new());
        for number in 0..count {
            let socket = client(number);
            socket.send_to(&[7; 64], server).unwrap();
            let peer = loop {
                listener.poll().unwrap();
                if let Some(peer) = listener.accept() {
                    break peer;
                }
            };
            peer.receive(&mut Vec::new()).unwrap();
            match number % every {
                0 => active.push((socket, peer)),
                _ => others.push(peer),
            }
        }
        for (socket, _) in &active {
            socket.connect(server).unwrap();
            socket.set_nonblocking(true).unwrap();
        }
        Self {
            listener,
            active,
            _others: others,
        }
    }

    fn send(&self) {
        for (socket, _) in &self.active {
            socket.send(&[7; 64]).unwrap();
        }
    }

    fn take(&self, peer: &DatagramSocket, packet: &mut Vec<u8>) {
        while peer.receive(packet).is_err() {
            self.listener.poll().unwrap();
        }
    }
}

/// The socket of one client, at an address of its own.
fn client(number: usize) -> UdpSocket {
    let host = Ipv4Addr::new(127, 0, 0, 1 + (number / PORTS) as u8);
    UdpSocket::bind((host, (FIRST_PORT + number % PORTS) as u16)).unwrap()
}
