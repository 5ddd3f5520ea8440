//! A relay between a UDP client and a UDP server that keeps what passes.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

pub(crate) mod records;

/// The largest payload of a UDP datagram over IPv4.
const LARGEST: usize = 65_507;
/// How long each socket is waited for; also how soon the relay's end is noticed.
const TURN: Duration = Duration::from_millis(2);
/// Datagrams beyond this many are passed on but not kept.
const MOST_KEPT: usize = 10_000;

/// Which way a datagram went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Direction {
    /// From the client.
    ToServer,
    /// From the server.
    ToClient,
}

/// One datagram that passed.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    /// Time since the tap was set.
    pub(crate) at: Duration,
    /// Which way it went.
    pub(crate) direction: Direction,
    /// Its whole payload.
    pub(crate) bytes: Vec<u8>,
}

/// A relay on a loopback port, for one client at a time: answers go to whoever sent last.
pub(crate) struct Tap {
    address: SocketAddr,
    kept: Arc<Mutex<Vec<Datagram>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Tap {
    /// Starts relaying to `server` from a free port of 127.0.0.1.
    pub(crate) fn set(server: SocketAddr) -> Result<Self> {
        let front = socket()?;
        let back = socket()?;
        back.connect(server)
            .context("the tap cannot reach the server's address")?;
        let address = front.local_addr()?;
        let kept = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let relay = Relay {
            front,
            back,
            kept: kept.clone(),
            started: Instant::now(),
        };
        let thread = thread::spawn({
            let stop = stop.clone();
            move || relay.run(&stop)
        });
        Ok(Self {
            address,
            kept,
            stop,
            thread: Some(thread),
        })
    }

    /// Where the client shall send to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has passed so far, in order, up to 10,000 datagrams.
    pub(crate) fn datagrams(&self) -> Vec<Datagram> {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn socket() -> Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(TURN))?;
    Ok(socket)
}

struct Relay {
    front: UdpSocket,
    back: UdpSocket,
    kept: Arc<Mutex<Vec<Datagram>>>,
    started: Instant,
}

impl Relay {
    fn run(&self, stop: &AtomicBool) {
        let mut buffer = vec![0; LARGEST];
        let mut client = None;
        while !stop.load(Ordering::Relaxed) {
            while let Some((size, from)) = receive(&self.front, &mut buffer) {
                client = Some(from);
                self.keep(Direction::ToServer, &buffer[..size]);
                // A server that is not there yet is the client's business.
                let _ = self.back.send(&buffer[..size]);
            }
            while let Some((size, _)) = receive(&self.back, &mut buffer) {
                self.keep(Direction::ToClient, &buffer[..size]);
                if let Some(client) = client {
                    let _ = self.front.send_to(&buffer[..size], client);
                }
            }
        }
    }

    fn keep(&self, direction: Direction, bytes: &[u8]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST_KEPT {
            kept.push(Datagram {
                at: self.started.elapsed(),
                direction,
                bytes: bytes.to_vec(),
            });
        }
    }
}

/// The next datagram; nothing if none comes soon. Errors tell of earlier sends, and are passed over.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
    match socket.recv_from(buffer) {
        Ok(received) => Some(received),
        Err(error) => {
            if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
                thread::sleep(TURN);
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_of_every_size_pass_both_ways_and_are_kept() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        for socket in [&server, &client] {
            socket
                .set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
        }
        let tap = Tap::set(server.local_addr().unwrap()).unwrap();
        let mut buffer = vec![0; LARGEST];
        for size in [0, 1, 1_200, LARGEST] {
            let sent = vec![7; size];
            client.send_to(&sent, tap.address()).unwrap();
            let (received, from) = server.recv_from(&mut buffer).unwrap();
            assert_eq!(buffer[..received], sent);
            server.send_to(&buffer[..received], from).unwrap();
            let (received, from) = client.recv_from(&mut buffer).unwrap();
            assert_eq!((received, from), (size, tap.address()));
        }
        let kept = tap.datagrams();
        assert_eq!(kept.len(), 8);
        assert_eq!(kept[0].direction, Direction::ToServer);
        assert_eq!(kept[1].direction, Direction::ToClient);
        assert_eq!(kept[7].bytes.len(), LARGEST);
        assert!(kept[0].at <= kept[7].at);
    }
}
