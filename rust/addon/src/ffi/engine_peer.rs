//! The engine's UDP peers as transports, by way of two queues.
//!
//! The engine's methods print, and a script's logger may call the DTLS peer then. So they are called while the connection
//! is not locked: [`Transport::fetch`] before its poll, [`Transport::flush`] after it.
//!
//! The engine does not serialise calls into one of its peers, and several objects of ours, on several
//! threads, can use the same one. So each has one [`EnginePeer`], which admits one call at a time and
//! never waits: a second caller, which may be a logger inside the first call, leaves its datagrams to
//! the first, and finds what has arrived in a later poll.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use endpoint::{Break, Received, Transport};
use godot::builtin::PackedByteArray;
use godot::classes::PacketPeerUdp;
use godot::obj::{Gd, InstanceId};
use once_cell::sync::Lazy;

/// How many bytes are fetched at once at the most, but for the last datagram; as many as the engine's
/// own queue holds.
const FETCHED_BYTES: usize = 65_536;

/// How many datagrams wait at the most for a call that another caller has begun. More are lost, as
/// datagrams may be.
const WAITING_DATAGRAMS: usize = 4096;

/// Every engine peer that is in use.
static PEERS: Lazy<Mutex<HashMap<InstanceId, Weak<EnginePeer>>>> = Lazy::new(Mutex::default);

/// One of the engine's UDP peers, whose methods are called by one thread at a time.
struct EnginePeer {
    id: InstanceId,
    /// Called in [`EnginePeer::new`], before anything else has this value, and by [`EnginePeer::call`].
    object: Gd<PacketPeerUdp>,
    calls: Mutex<Calls>,
}

#[derive(Default)]
struct Calls {
    /// Whether a thread is inside [`EnginePeer::call`].
    is_busy: bool,
    /// Datagrams that other threads left, which that thread sends before it returns.
    outgoing: VecDeque<Vec<u8>>,
    /// These three as of the last call that read them.
    is_connected: bool,
    remote: Option<SocketAddr>,
    local_port: u16,
}

// SAFETY: `Gd` is neither `Send` nor `Sync` since the object behind it may not be. This one's methods
// are called in two places: in `new`, under the lock of `PEERS` and before any other thread can have the
// value, and in `call`, which `Calls::is_busy` admits one thread to at a time; that flag is read and
// written under a mutex, which orders what those threads do. Cloning and dropping a `Gd` counts
// references, which the engine does atomically. `PEERS` holds one value for each object, so that there is
// no second flag for the same one.
unsafe impl Send for EnginePeer {}
// SAFETY: as for `Send`.
unsafe impl Sync for EnginePeer {}

impl EnginePeer {
    /// The value for an object: the same one as long as any is in use.
    fn of(object: Gd<PacketPeerUdp>) -> Arc<Self> {
        let id = object.instance_id();
        let mut peers = PEERS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = peers.get(&id).and_then(Weak::upgrade) {
            return known;
        }
        let new = Arc::new(Self::new(id, object));
        peers.insert(id, Arc::downgrade(&new));
        new
    }

    fn new(id: InstanceId, object: Gd<PacketPeerUdp>) -> Self {
        let this = Self {
            id,
            object: object.clone(),
            calls: Mutex::default(),
        };
        this.look_at(&object);
        this
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the engine's peer, and sends the datagrams that other threads leave meanwhile. Does nothing and
    /// returns `None` while another call, perhaps of this very thread, is under way.
    fn call<R>(&self, body: impl FnOnce(&mut Gd<PacketPeerUdp>) -> R) -> Option<R> {
        if mem::replace(&mut self.calls().is_busy, true) {
            return None;
        }
        let turn = Turn(self);
        let mut object = self.object.clone();
        let result = body(&mut object);
        loop {
            let mut calls = self.calls();
            if calls.outgoing.is_empty() {
                // Under the same lock: a thread that leaves datagrams after this finds no call under way.
                calls.is_busy = false;
                mem::forget(turn);
                break;
            }
            let outgoing = mem::take(&mut calls.outgoing);
            drop(calls);
            for datagram in outgoing {
                object.put_packet(&PackedByteArray::from(datagram.as_slice()));
            }
        }
        Some(result)
    }

    /// Takes what has arrived. `None` if another call is under way: what has arrived stays there.
    fn fetch(&self) -> Option<Fetched> {
        self.call(|peer| {
            let fetched = Fetched::from(peer);
            // The engine knows a client's remote address once a datagram has come from it.
            if self.calls().remote.is_none() && !fetched.datagrams.is_empty() {
                self.look_at(peer);
            }
            fetched
        })
    }

    /// Sends datagrams. What the network does not take is lost, as datagrams may be.
    fn send(&self, datagrams: Vec<Vec<u8>>) {
        let mut calls = self.calls();
        let room = WAITING_DATAGRAMS.saturating_sub(calls.outgoing.len());
        calls.outgoing.extend(datagrams.into_iter().take(room));
        drop(calls);
        let _ = self.call(|_| ());
    }

    /// Asks the engine's peer where it is connected to, unless another call is under way.
    fn look(&self) {
        let _ = self.call(|peer| self.look_at(peer));
    }

    /// Part of a call, and of `new`: none of these methods of the engine prints, or runs a script.
    fn look_at(&self, peer: &Gd<PacketPeerUdp>) {
        let is_connected = peer.is_socket_connected();
        let ip = peer.get_packet_ip().to_string().parse().ok();
        let port = u16::try_from(peer.get_packet_port()).ok();
        let local_port = u16::try_from(peer.get_local_port()).unwrap_or(0);
        let mut calls = self.calls();
        calls.is_connected = is_connected;
        calls.local_port = local_port;
        calls.remote = ip.zip(port).map(|(ip, port)| SocketAddr::new(ip, port));
    }
}

impl Drop for EnginePeer {
    fn drop(&mut self) {
        let mut peers = PEERS.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have made a new one meanwhile.
        if peers.get(&self.id).is_some_and(|it| it.strong_count() == 0) {
            peers.remove(&self.id);
        }
    }
}

/// Ends a call in which something panicked.
struct Turn<'a>(&'a EnginePeer);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.calls().is_busy = false;
    }
}

/// What an engine's UDP peer had.
struct Fetched {
    datagrams: VecDeque<Vec<u8>>,
    /// What came instead of the next datagram.
    end: Received,
}

impl Default for Fetched {
    fn default() -> Self {
        Self {
            datagrams: VecDeque::new(),
            end: Received::Nothing,
        }
    }
}

impl Fetched {
    fn from(peer: &mut Gd<PacketPeerUdp>) -> Self {
        let mut datagrams = VecDeque::new();
        let mut bytes = 0;
        let end = loop {
            if bytes >= FETCHED_BYTES {
                break Received::Nothing;
            }
            match peer.get_available_packet_count() {
                0 => break Received::Nothing,
                1.. => {
                    let datagram = peer.get_packet().to_vec();
                    bytes += datagram.len().max(1);
                    datagrams.push_back(datagram);
                }
                _ if peer.is_bound() => break Received::Broken(Break::Refused),
                _ => break Received::Broken(Break::Closed),
            }
        };
        Self { datagrams, end }
    }
}

/// One of the engine's UDP peers, with what was fetched from it and what is to be sent through it.
pub(crate) struct EngineTransport {
    peer: Arc<EnginePeer>,
    arrived: Mutex<Fetched>,
    outgoing: Mutex<Vec<Vec<u8>>>,
}

impl EngineTransport {
    /// To be called while no connection is locked.
    pub(crate) fn new(peer: Gd<PacketPeerUdp>) -> Self {
        let peer = EnginePeer::of(peer);
        peer.look();
        Self {
            peer,
            arrived: Mutex::default(),
            outgoing: Mutex::default(),
        }
    }

    fn arrived(&self) -> MutexGuard<'_, Fetched> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outgoing(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for EngineTransport {
    fn receive(&self, into: &mut Vec<u8>) -> Received {
        let mut arrived = self.arrived();
        match arrived.datagrams.pop_front() {
            Some(datagram) => {
                *into = datagram;
                Received::Datagram
            }
            None => mem::replace(&mut arrived.end, Received::Nothing),
        }
    }

    fn send(&self, datagram: &[u8]) -> Result<(), Break> {
        self.outgoing().push(datagram.to_vec());
        Ok(())
    }

    fn remote(&self) -> Option<SocketAddr> {
        self.peer.calls().remote
    }

    fn local_port(&self) -> u16 {
        self.peer.calls().local_port
    }

    fn is_connected(&self) -> bool {
        self.peer.calls().is_connected
    }

    /// The engine's server presents the client with its next datagram, once the script has dropped this peer.
    fn replace(&self, _first: &[u8]) -> bool {
        true
    }

    fn is_deferred(&self) -> bool {
        true
    }

    fn fetch(&self) {
        if !self.arrived().datagrams.is_empty() {
            return;
        }
        if let Some(mut fetched) = self.peer.fetch() {
            let mut arrived = self.arrived();
            arrived.datagrams.append(&mut fetched.datagrams);
            arrived.end = fetched.end;
        }
    }

    fn flush(&self) {
        let outgoing = mem::take(&mut *self.outgoing());
        if !outgoing.is_empty() {
            self.peer.send(outgoing);
        }
    }
}
