//! The cost of a datagram: `cargo run --release -p udp --example figures`.
//!
//! Medians of several rounds over loopback, in microseconds. Sending is not part of the figures of `poll`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use udp::{BindAddress, DatagramSocket, Listener};

const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn main() {
    for length in [64, 1200] {
        println!("{length} bytes");
        let (one, read) = waiting(1, length, 4000);
        println!("  1 waiting:     poll {one:.3}, receive {read:.3}");
        let (many, read) = waiting(1000, length, 60);
        println!("  1,000 waiting: poll {many:.3}, receive {read:.3} a datagram");
        // Alternating, so that other load of the machine affects both.
        let echoes = (0..9).map(|_| (echo(length, false), echo(length, true)));
        let (one, many): (Vec<_>, Vec<_>) = echoes.unzip();
        println!(
            "  echo:          {:.3} a round trip, {:.3} with many sockets on the port",
            middle(one),
            middle(many)
        );
        println!("  plain echo:    {:.3} a round trip", plain_echo(length));
    }
    let (poll, available, receive) = idle();
    println!(
        "idle: Listener::poll {poll:.3}, DatagramSocket::available {available:.3}, DatagramSocket::receive {receive:.3}"
    );
    for length in [64, 1200] {
        a_thousand_clients(length, true);
        a_thousand_clients(length, false);
    }
}

/// All send at once, right after a poll, 60 times a second. The kernel's buffer is Linux's default.
fn a_thousand_clients(length: usize, as_many_as_needed: bool) {
    const TICKS: u32 = 300;
    let listener = Listener::new();
    small_buffers(&listener, as_many_as_needed);
    listener.listen(0, BindAddress::Ip(IP)).unwrap();
    let address = SocketAddr::new(IP, listener.local_port());
    let (clients, peers) = clients(1000, &listener, address);
    let (mut received, mut into, mut polls) = (0, Vec::new(), Vec::new());
    let datagram = vec![7; length];
    let start = Instant::now();
    for tick in 1..=TICKS {
        for client in &clients {
            client.send(&datagram).unwrap();
        }
        let next = start + tick * Duration::from_micros(16_667);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        let at = Instant::now();
        listener.poll().unwrap();
        polls.push(at.elapsed());
        for peer in &peers {
            while peer.receive(&mut into).is_ok() {
                received += 1;
            }
        }
    }
    println!(
        "1,000 clients, {length} bytes, 60 ticks/s, default buffer, {}: {received} of {} received, poll {:.0} us a tick",
        if as_many_as_needed {
            "sockets as needed"
        } else {
            "one socket"
        },
        TICKS * 1000,
        median(polls, 1),
    );
}

/// Linux's default buffer, on one socket or on as many as make up for it.
fn small_buffers(listener: &Listener, as_many_as_needed: bool) {
    listener.set_kernel_buffer(106_496, if as_many_as_needed { 8 << 20 } else { 1 });
}

fn listen() -> (Listener, SocketAddr) {
    let listener = Listener::new();
    listener.listen(0, BindAddress::Any).unwrap();
    listener.set_max_pending(1000);
    let address = SocketAddr::new(IP, listener.local_port());
    (listener, address)
}

fn socket(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((IP, 0)).unwrap();
    socket.connect(to).unwrap();
    socket
}

/// `count` clients of a listener, and their accepted sockets in the same order.
fn clients(
    count: usize,
    listener: &Listener,
    to: SocketAddr,
) -> (Vec<UdpSocket>, Vec<Arc<DatagramSocket>>) {
    let clients: Vec<UdpSocket> = (0..count).map(|_| socket(to)).collect();
    let mut peers = Vec::new();
    for client in &clients {
        client.send(b"hello").unwrap();
        let peer = loop {
            listener.poll().unwrap();
            if let Some(peer) = listener.accept() {
                break peer;
            }
        };
        peer.receive(&mut Vec::new()).unwrap();
        peers.push(peer);
    }
    (clients, peers)
}

/// Microseconds a datagram: for [`Listener::poll`] and for [`DatagramSocket::receive`].
fn waiting(count: usize, length: usize, rounds: usize) -> (f64, f64) {
    let (listener, address) = listen();
    let (clients, peers) = clients(count, &listener, address);
    let datagram = vec![7; length];
    let mut into = Vec::new();
    let (mut polls, mut reads) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        for client in &clients {
            client.send(&datagram).unwrap();
        }
        let start = Instant::now();
        listener.poll().unwrap();
        polls.push(start.elapsed());
        let start = Instant::now();
        for peer in &peers {
            peer.receive(&mut into).unwrap();
        }
        reads.push(start.elapsed());
    }
    (median(polls, count), median(reads, count))
}

/// Client and server in one thread, as in a benchmark in GDScript.
fn echo(length: usize, many_sockets: bool) -> f64 {
    let listener = Listener::new();
    small_buffers(&listener, many_sockets);
    listener.listen(0, BindAddress::Any).unwrap();
    let address = SocketAddr::new(IP, listener.local_port());
    // With more than 64 clients a port with small buffers gets more sockets.
    let (_others, _their_peers) = clients(70, &listener, address);
    let client = DatagramSocket::new();
    client.connect(IP, address.port()).unwrap();
    let datagram = vec![7; length];
    client.send(&datagram).unwrap();
    listener.poll().unwrap();
    let server = listener.accept().unwrap();
    let mut into = Vec::new();
    server.receive(&mut into).unwrap();
    let rounds = (0..60).map(|_| {
        let start = Instant::now();
        for _ in 0..500 {
            client.send(&datagram).unwrap();
            listener.poll().unwrap();
            server.receive(&mut into).unwrap();
            server.send(&into).unwrap();
            client.receive(&mut into).unwrap();
        }
        start.elapsed()
    });
    median(rounds.collect(), 500)
}

/// The same with bare sockets: the lower bound.
fn plain_echo(length: usize) -> f64 {
    let server = UdpSocket::bind((IP, 0)).unwrap();
    let client = socket(server.local_addr().unwrap());
    let datagram = vec![7; length];
    let mut into = vec![0; 2048];
    let rounds = (0..60).map(|_| {
        let start = Instant::now();
        for _ in 0..500 {
            client.send(&datagram).unwrap();
            let (length, from) = server.recv_from(&mut into).unwrap();
            server.send_to(&into[..length], from).unwrap();
            client.recv(&mut into).unwrap();
        }
        start.elapsed()
    });
    median(rounds.collect(), 500)
}

fn idle() -> (f64, f64, f64) {
    let (listener, address) = listen();
    let (_client, peers) = clients(1, &listener, address);
    let mut into = Vec::new();
    (
        repeated(|| listener.poll().unwrap()),
        repeated(|| assert_eq!(peers[0].available(), Ok(0))),
        repeated(|| assert!(peers[0].receive(&mut into).is_err())),
    )
}

fn repeated(mut body: impl FnMut()) -> f64 {
    let rounds = (0..60).map(|_| {
        let start = Instant::now();
        (0..1000).for_each(|_| body());
        start.elapsed()
    });
    median(rounds.collect(), 1000)
}

fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn median(mut times: Vec<Duration>, parts: usize) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e6 / parts as f64
}
