//! `cargo bench -p udp`: the cost of delivering a datagram, by the number of sockets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use udp::{BindAddress, DatagramSocket, Listener};

/// Only Linux has all of 127.0.0.0/8 for the clients.
const SOCKETS: &[usize] = match cfg!(target_os = "linux") {
    true => &[10, 100, 1000, 10_000, 100_000],
    false => &[10, 100, 1000, 10_000],
};
/// How many of the clients send in each round: so many small datagrams fit into a default receive buffer.
const ACTIVE: usize = 100;
const PORTS: usize = 10_000;
const FIRST_PORT: usize = 20_000;

fn main() {
    divan::main();
}

/// Polling and receiving, for each datagram.
#[divan::bench(args = SOCKETS, sample_size = 1, sample_count = 300)]
fn deliver(bencher: Bencher<'_, '_>, count: usize) {
    let setup = Setup::new(count);
    let active = setup.active.len();
    let mut packet = Vec::new();
    bencher
        .counter(ItemsCount::new(active))
        .with_inputs(|| setup.send())
        .bench_local_refs(|_| {
            setup.listener.poll().unwrap();
            for (_, peer) in &setup.active {
                setup.take(peer, &mut packet);
            }
        });
}

/// As [`deliver`], with a reply to each, for a listener on one address and for one on all: the latter reads the local
/// address of each datagram and sets it for each reply.
#[divan::bench(args = [false, true], sample_size = 1, sample_count = 1000)]
fn echo_on_every_address(bencher: Bencher<'_, '_>, on_every: bool) {
    let setup = Setup::on(100, on_every);
    let mut packet = Vec::new();
    bencher
        .counter(ItemsCount::new(setup.active.len()))
        .with_inputs(|| {
            let mut buffer = [0; 64];
            for (socket, _) in &setup.active {
                while socket.recv(&mut buffer).is_ok() {}
            }
            setup.send();
        })
        .bench_local_refs(|_| {
            setup.listener.poll().unwrap();
            for (_, peer) in &setup.active {
                setup.take(peer, &mut packet);
                peer.send(&packet).unwrap();
            }
        });
}

struct Setup {
    listener: Listener,
    active: Vec<(UdpSocket, Arc<DatagramSocket>)>,
    /// Their clients send nothing.
    _others: Vec<Arc<DatagramSocket>>,
}

impl Setup {
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
        // The active ones are distributed evenly.
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
