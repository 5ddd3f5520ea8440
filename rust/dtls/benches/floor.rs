//! What `cargo xtask bench` sets beside its own figures: the same work by libssl and UDP sockets alone, in one thread.
//!
//! `cargo bench -p dtls --bench floor [-- full]` prints a line `FLOOR ` and JSON for each: the name of the benchmark's
//! row, and the samples.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::Instant;

use pki::KeyKind;

use support::bare::{self, Contexts, Memory};

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
}

/// Takes samples; the first is not counted.
fn row(name: &str, count: usize, mut sample: impl FnMut() -> f64) {
    let samples: Vec<f64> = (0..=count).map(|_| sample()).skip(1).collect();
    println!(r#"FLOOR {{"name":"{name}","samples":{samples:?}}}"#);
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

/// A connected UDP socket that does not wait.
struct Socket(UdpSocket);

impl Socket {
    fn pair() -> io::Result<(Self, Self)> {
        let one = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        one.connect(other.local_addr()?)?;
        other.connect(one.local_addr()?)?;
        one.set_nonblocking(true)?;
        other.set_nonblocking(true)?;
        Ok((Self(one), Self(other)))
    }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.recv(into)
    }
}

impl Write for Socket {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.0.send(datagram)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server's socket, for one client after the other.
struct ServerSocket(Rc<UdpSocket>);

impl ServerSocket {
    fn new() -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        Ok(Self(Rc::new(socket)))
    }

    /// A new client's end, and the server's for whoever sends next.
    fn pair(&self) -> io::Result<(Socket, Served)> {
        let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        client.connect(self.0.local_addr()?)?;
        client.set_nonblocking(true)?;
        let served = Served {
            socket: Rc::clone(&self.0),
            client: None,
        };
        Ok((Socket(client), served))
    }
}

/// A server's end for one client.
struct Served {
    socket: Rc<UdpSocket>,
    client: Option<SocketAddr>,
}

impl Read for Served {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (length, from) = self.socket.recv_from(into)?;
        self.client = Some(from);
        Ok(length)
    }
}

impl Write for Served {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        let client = self.client.ok_or(io::ErrorKind::NotConnected)?;
        self.socket.send_to(datagram, client)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
