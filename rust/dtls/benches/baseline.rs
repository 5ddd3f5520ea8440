//! What `cargo xtask bench` sets beside its own figures: the same work by libssl and UDP sockets alone, in one thread.
//!
//! `cargo bench -p dtls --bench baseline [-- full]` prints a line `BASELINE ` and JSON for each: the name of the
//! benchmark's row, and the samples.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use openssl::ssl::SslStream;
use testkit::certificates::KeyKind;

use support::bare::{self, Contexts, Memory};
use support::sockets::{Served, ServerSocket, Socket};

#[allow(unreachable_pub, dead_code, reason = "shared by several benches")]
mod support;

fn main() {
    let full = std::env::args().any(|argument| argument == "full");
    let samples = if full { 13 } else { 5 };
    for (title, key) in [
        ("RSA-2048", KeyKind::Rsa2048),
        ("ECDSA P-256", KeyKind::P256),
    ] {
        let contexts = Contexts::new(key);
        row(&format!("full handshakes, {title}"), samples, || {
            handshakes(&contexts, 50, Memory::pair)
        });
        let server = ServerSocket::new().expect("loopback has room");
        let name = format!("full handshakes over UDP sockets, {title}");
        row(&name, samples, || {
            handshakes(&contexts, 50, || server.pair().expect("loopback has room"))
        });
    }
    let sizes: &[usize] = match full {
        true => &[64, 128, 256, 512, 1024, 1200, 4096, 8192, 16384],
        false => &[64, 512, 1200],
    };
    for &size in sizes {
        row(&format!("echo of {size} bytes"), samples, || {
            echo(size, 3000)
        });
    }
    let counts: &[usize] = match full {
        true => &[10, 50, 200, 500, 1000, 10_000],
        false => &[200, 1000, 10_000],
    };
    for &count in counts {
        let mut crowd = Crowd::new(count);
        let name = format!("server's frame per echoed packet, {count} peers");
        row(&name, (10_000 / count).max(5), || crowd.frame());
    }
}

/// Takes samples; the first is not counted.
fn row(name: &str, count: usize, mut sample: impl FnMut() -> f64) {
    let samples: Vec<f64> = (0..=count).map(|_| sample()).skip(1).collect();
    println!(r#"BASELINE {{"name":"{name}","samples":{samples:?}}}"#);
}

/// Full handshakes a second, both ends, over transports made for each.
fn handshakes<C: Read + Write, S: Read + Write>(
    contexts: &Contexts,
    count: u32,
    pair: impl Fn() -> (C, S),
) -> f64 {
    let begin = Instant::now();
    for _ in 0..count {
        let (client, server) = pair();
        contexts.connect(client, server);
    }
    f64::from(count) / begin.elapsed().as_secs_f64()
}

/// Microseconds from a client's packet to its echo.
fn echo(size: usize, rounds: u32) -> f64 {
    let (client, server) = Socket::pair().expect("loopback has room");
    let (mut client, mut server) = Contexts::new(KeyKind::P256).connect(client, server);
    let packet = vec![7; size];
    let mut into = vec![0; size];
    let begin = Instant::now();
    for _ in 0..rounds {
        client.ssl_write(&packet).expect("the packet is sent");
        while bare::read(&mut server, &mut into).is_none() {}
        server.ssl_write(&into).expect("the echo is sent");
        while bare::read(&mut client, &mut into).is_none() {}
    }
    begin.elapsed().as_secs_f64() * 1e6 / f64::from(rounds)
}

/// A server with many clients on one socket.
struct Crowd {
    socket: ServerSocket,
    served: HashMap<SocketAddr, SslStream<Served>>,
    clients: Vec<SslStream<Socket>>,
}

/// So many small packets fit into the socket's buffer that systems give by default.
const BATCH: usize = 200;

impl Crowd {
    fn new(count: usize) -> Self {
        let contexts = Contexts::new(KeyKind::P256);
        let socket = ServerSocket::new().expect("loopback has room");
        let connect = |_| {
            let (client, served) = socket.pair().expect("as many files can be open");
            let address = client.address().expect("it is bound");
            let (client, served) = contexts.connect(client, served);
            (client, (address, served))
        };
        let (clients, served) = (0..count).map(connect).unzip();
        Self {
            socket,
            served,
            clients,
        }
    }

    /// Microseconds that the server takes for each packet that it echoes, one from each client.
    fn frame(&mut self) -> f64 {
        let mut spent = Duration::ZERO;
        let mut into = [0; 64];
        for clients in self.clients.chunks_mut(BATCH) {
            for client in &mut *clients {
                client.ssl_write(&[7; 64]).expect("the packet is sent");
            }
            let begin = Instant::now();
            while let Some(from) = self.socket.take() {
                let served = self.served.get_mut(&from).expect("it is connected");
                let length = bare::read(served, &mut into).expect("a packet");
                served.ssl_write(&into[..length]).expect("the echo is sent");
            }
            spent += begin.elapsed();
            for client in clients {
                while bare::read(client, &mut into).is_none() {}
            }
        }
        spent.as_secs_f64() * 1e6 / self.clients.len() as f64
    }
}
