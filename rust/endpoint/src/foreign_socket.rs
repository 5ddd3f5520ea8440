//! UDP sockets of a game engine as transports, by way of two queues.
//!
//! A foreign socket's methods can run code that calls the connection: an engine prints, and a script's logger runs then.
//! So they are called while the connection is not locked: [`Transport::fetch`] before its poll, [`Transport::flush`]
//! after it.
//!
//! Several connections, on several threads, can use the same socket, which does not serialise calls. So each has one
//! [`SharedSocket`], which admits one call at a time and never waits: a second caller, which may run inside the first
//! call, leaves its datagrams to the first, and finds what has arrived in a later poll.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::mem;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Weak};

use crate::lock::{lock, try_lock};
use crate::transport::{Break, Received, Transport};

/// How many bytes are fetched at once at the most, but for the last datagram; as many as an engine's own queue holds.
const FETCHED_BYTES: usize = 65_536;

/// How many datagrams wait at the most for a call that another caller has begun. More are lost, as datagrams may be.
const WAITING_DATAGRAMS: usize = 4096;

/// A UDP socket that is connected to one remote, and whose methods can run code that calls the connection.
pub trait ForeignSocket: Send + 'static {
    /// Replaces the content of `into` by the oldest datagram that has arrived.
    fn receive(&mut self, into: &mut Vec<u8>) -> Received;

    /// Sends one datagram. What the network does not take is lost.
    fn send(&mut self, datagram: &[u8]);

    /// Where the socket is connected to. Runs no code of others.
    fn place(&self) -> Place;
}

/// Where a socket is connected to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Whether it is open and has one remote.
    pub is_connected: bool,
    /// The remote, if it is known.
    pub remote: Option<SocketAddr>,
    /// The local port; 0 if it is not known.
    pub local_port: u16,
}

/// A socket whose methods are called by one thread at a time.
struct SharedSocket<S> {
    /// Locked during a call, which nothing waits for.
    socket: Mutex<S>,
    /// Datagrams that other callers left; whoever is in a call sends them before it returns.
    outgoing: Mutex<VecDeque<Vec<u8>>>,
    /// As of the last call that read it.
    place: Mutex<Place>,
}

impl<S: ForeignSocket> SharedSocket<S> {
    fn new(socket: S) -> Self {
        Self {
            place: Mutex::new(socket.place()),
            socket: Mutex::new(socket),
            outgoing: Mutex::default(),
        }
    }

    /// Calls the socket, and sends the datagrams that other callers leave meanwhile. Does nothing and returns `None`
    /// while another call, perhaps of this very thread, is under way.
    fn call<R>(&self, body: impl FnOnce(&mut S) -> R) -> Option<R> {
        let mut socket = try_lock(&self.socket)?;
        let result = body(&mut socket);
        self.send_waiting(&mut socket);
        drop(socket);
        // A caller that found the socket locked has left its datagrams before that.
        while !lock(&self.outgoing).is_empty() {
            let Some(mut socket) = try_lock(&self.socket) else {
                break;
            };
            self.send_waiting(&mut socket);
        }
        Some(result)
    }

    fn send_waiting(&self, socket: &mut S) {
        loop {
            let outgoing = mem::take(&mut *lock(&self.outgoing));
            if outgoing.is_empty() {
                return;
            }
            for datagram in outgoing {
                socket.send(&datagram);
            }
        }
    }

    fn look(&self, socket: &S) {
        let place = socket.place();
        *lock(&self.place) = place;
    }

    /// Takes what has arrived. `None` if another call is under way: what has arrived stays there.
    fn fetch(&self) -> Option<Fetched> {
        self.call(|socket| {
            let fetched = Fetched::from(socket);
            // An engine can learn a client's remote address from the first datagram.
            if !fetched.datagrams.is_empty() && lock(&self.place).remote.is_none() {
                self.look(socket);
            }
            fetched
        })
    }

    fn send(&self, datagrams: Vec<Vec<u8>>) {
        let mut outgoing = lock(&self.outgoing);
        let room = WAITING_DATAGRAMS.saturating_sub(outgoing.len());
        outgoing.extend(datagrams.into_iter().take(room));
        drop(outgoing);
        let _ = self.call(|_| ());
    }
}

/// What a socket had.
struct Fetched {
    datagrams: VecDeque<Vec<u8>>,
    /// What came instead of the next datagram.
    end: Received,
}

impl Fetched {
    fn from(socket: &mut impl ForeignSocket) -> Self {
        let mut datagrams = VecDeque::new();
        let mut bytes = 0;
        let mut end = Received::Nothing;
        while bytes < FETCHED_BYTES {
            let mut datagram = Vec::new();
            end = socket.receive(&mut datagram);
            if end != Received::Datagram {
                break;
            }
            bytes += datagram.len().max(1);
            datagrams.push_back(datagram);
            end = Received::Nothing;
        }
        Self { datagrams, end }
    }
}

/// The foreign sockets that are in use, by what identifies each.
pub struct ForeignSockets<K, S>(Mutex<HashMap<K, Weak<SharedSocket<S>>>>);

impl<K, S> Default for ForeignSockets<K, S> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, S: ForeignSocket> ForeignSockets<K, S> {
    /// A transport over the socket of that key, which `socket` gives if no transport of it is in use. To be called while
    /// no connection is locked.
    pub fn transport(&self, key: K, socket: impl FnOnce() -> S) -> ForeignTransport<S> {
        let mut sockets = lock(&self.0);
        let known = sockets.get(&key).and_then(Weak::upgrade);
        let shared = known.unwrap_or_else(|| {
            sockets.retain(|_, socket| socket.strong_count() > 0);
            let new = Arc::new(SharedSocket::new(socket()));
            sockets.insert(key, Arc::downgrade(&new));
            new
        });
        drop(sockets);
        let _ = shared.call(|socket| shared.look(socket));
        ForeignTransport {
            socket: shared,
            arrived: Mutex::new(Fetched {
                datagrams: VecDeque::new(),
                end: Received::Nothing,
            }),
            outgoing: Mutex::default(),
        }
    }
}

/// A foreign socket, with what was fetched from it and what is to be sent through it.
pub struct ForeignTransport<S> {
    socket: Arc<SharedSocket<S>>,
    arrived: Mutex<Fetched>,
    outgoing: Mutex<Vec<Vec<u8>>>,
}

impl<S: ForeignSocket> Transport for ForeignTransport<S> {
    fn receive(&self, into: &mut Vec<u8>) -> Received {
        let mut arrived = lock(&self.arrived);
        match arrived.datagrams.pop_front() {
            Some(datagram) => {
                *into = datagram;
                Received::Datagram
            }
            None => mem::replace(&mut arrived.end, Received::Nothing),
        }
    }

    fn send(&self, datagram: &[u8]) -> Result<(), Break> {
        lock(&self.outgoing).push(datagram.to_vec());
        Ok(())
    }

    fn remote(&self) -> Option<SocketAddr> {
        lock(&self.socket.place).remote
    }

    fn local_port(&self) -> u16 {
        lock(&self.socket.place).local_port
    }

    fn is_connected(&self) -> bool {
        lock(&self.socket.place).is_connected
    }

    /// The engine's server presents the client with its next datagram, once the script has dropped this peer.
    fn replace(&self, _first: &[u8]) -> bool {
        true
    }

    fn is_deferred(&self) -> bool {
        true
    }

    fn fetch(&self) {
        if !lock(&self.arrived).datagrams.is_empty() {
            return;
        }
        if let Some(mut fetched) = self.socket.fetch() {
            let mut arrived = lock(&self.arrived);
            arrived.datagrams.append(&mut fetched.datagrams);
            arrived.end = fetched.end;
        }
    }

    fn flush(&self) {
        let outgoing = mem::take(&mut *lock(&self.outgoing));
        if !outgoing.is_empty() {
            self.socket.send(outgoing);
        }
    }
}
