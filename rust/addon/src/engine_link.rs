//! One of the engine's UDP peers beneath a DTLS peer, by way of two queues.
//!
//! The engine's methods print, and a script's logger may call the DTLS peer then. So they are called
//! while the DTLS peer is not locked: [`EnginePeer::fetch`] before its step, [`Outbox::send`] after it.
//!
//! The engine does not serialise calls into one of its peers, and several objects of ours, on several
//! threads, can use the same one. So each has one [`EnginePeer`], which admits one call at a time and
//! never waits: a second caller, which may be a logger inside the first call, leaves its datagrams to
//! the first, and finds what has arrived in a later poll.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use godot::builtin::PackedByteArray;
use godot::classes::PacketPeerUdp;
use godot::obj::{Gd, InstanceId};
use once_cell::sync::Lazy;

use crate::address;
use crate::link::{Arrival, Break};

/// How many bytes are fetched at once at the most, but for the last datagram; as many as the engine's
/// own queue holds.
const FETCHED_BYTES: usize = 65_536;

/// How many datagrams wait at the most for a call that another caller has begun. More are lost, as
/// datagrams may be.
const WAITING_DATAGRAMS: usize = 4096;

/// Every engine peer that is in use.
static PEERS: Lazy<Mutex<HashMap<InstanceId, Weak<EnginePeer>>>> = Lazy::new(Mutex::default);

/// One of the engine's UDP peers, whose methods are called by one thread at a time.
pub(crate) struct EnginePeer {
    id: InstanceId,
    /// Called in [`EnginePeer::new`], before anything else has this value, and by [`EnginePeer::call`].
    object: Gd<PacketPeerUdp>,
    calls: Mutex<Calls>,
}

#[derive(Default)]
struct Calls {
    /// Whether a thread is inside [`EnginePeer::call`].
    is_busy: bool,
    /// What that thread sends before it leaves.
    outgoing: VecDeque<Vec<u8>>,
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
    pub(crate) fn of(object: Gd<PacketPeerUdp>) -> Arc<Self> {
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

    /// Calls the engine's peer, and sends what others leave to be sent meanwhile. Does nothing and
    /// returns `None` if somebody, perhaps this very thread, is calling it already.
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
                // Under the same lock: what is left after this finds the peer free.
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
    pub(crate) fn fetch(&self) -> Option<Fetched> {
        self.call(|peer| {
            let fetched = Fetched::from(peer);
            // The engine knows a client's remote address once a datagram has come from it.
            if self.remote().is_none() && !fetched.datagrams.is_empty() {
                self.look_at(peer);
            }
            fetched
        })
    }

    /// Sends datagrams. What the network does not take is lost, as datagrams may be.
    fn send(&self, datagrams: impl Iterator<Item = Vec<u8>>) {
        let mut calls = self.calls();
        let room = WAITING_DATAGRAMS.saturating_sub(calls.outgoing.len());
        calls.outgoing.extend(datagrams.take(room));
        drop(calls);
        let _ = self.call(|_| ());
    }

    /// Whether the engine's peer is connected to a host, as of the latest look at it.
    pub(crate) fn is_connected(&self) -> bool {
        self.calls().is_connected
    }

    /// Whom datagrams go to, where that is known, as of the latest look at it.
    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        self.calls().remote
    }

    /// The local port, as of the latest look at it; 0 if there is none.
    pub(crate) fn local_port(&self) -> u16 {
        self.calls().local_port
    }

    /// Asks the engine's peer where it is connected to, unless another call is under way.
    fn look(&self) {
        let _ = self.call(|peer| self.look_at(peer));
    }

    /// Part of a call, and of `new`: none of these methods of the engine prints, or runs a script.
    fn look_at(&self, peer: &Gd<PacketPeerUdp>) {
        let is_connected = peer.is_socket_connected();
        let ip = address::literal(&peer.get_packet_ip().to_string());
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

/// Ends a call in whose middle something panicked.
struct Turn<'a>(&'a EnginePeer);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.calls().is_busy = false;
    }
}

/// What an engine's UDP peer had.
pub(crate) struct Fetched {
    datagrams: VecDeque<Vec<u8>>,
    /// What came instead of the next datagram.
    end: Arrival,
}

impl Fetched {
    fn from(peer: &mut Gd<PacketPeerUdp>) -> Self {
        let mut datagrams = VecDeque::new();
        let mut bytes = 0;
        let end = loop {
            if bytes >= FETCHED_BYTES {
                break Arrival::Nothing;
            }
            match peer.get_available_packet_count() {
                0 => break Arrival::Nothing,
                1.. => {
                    let datagram = peer.get_packet().to_vec();
                    bytes += datagram.len().max(1);
                    datagrams.push_back(datagram);
                }
                _ if peer.is_bound() => break Arrival::Broken(Break::Refused),
                _ => break Arrival::Broken(Break::Closed),
            }
        };
        Self { datagrams, end }
    }
}

/// An engine's UDP peer, with what was fetched from it.
pub(crate) struct EngineLink {
    peer: Arc<EnginePeer>,
    arrived: VecDeque<Vec<u8>>,
    end: Arrival,
}

impl EngineLink {
    /// To be called while no DTLS peer is locked.
    pub(crate) fn new(peer: Gd<PacketPeerUdp>) -> Self {
        let peer = EnginePeer::of(peer);
        peer.look();
        Self {
            peer,
            arrived: VecDeque::new(),
            end: Arrival::Nothing,
        }
    }

    pub(crate) fn peer(&self) -> &Arc<EnginePeer> {
        &self.peer
    }

    /// Whether everything that was fetched has been taken.
    pub(crate) fn is_drained(&self) -> bool {
        self.arrived.is_empty()
    }

    pub(crate) fn bring(&mut self, mut fetched: Fetched) {
        self.arrived.append(&mut fetched.datagrams);
        self.end = fetched.end;
    }

    /// Takes the oldest datagram that was fetched.
    pub(crate) fn receive(&mut self, into: &mut Vec<u8>) -> Arrival {
        match self.arrived.pop_front() {
            Some(datagram) => {
                *into = datagram;
                Arrival::Datagram
            }
            None => mem::replace(&mut self.end, Arrival::Nothing),
        }
    }
}

/// Datagrams that go out through engine's UDP peers.
#[derive(Default)]
#[must_use]
pub(crate) struct Outbox(Vec<(Arc<EnginePeer>, Vec<u8>)>);

impl Outbox {
    pub(crate) fn push(&mut self, link: &EngineLink, datagram: &[u8]) {
        self.0.push((Arc::clone(&link.peer), datagram.to_vec()));
    }

    /// Sends them: to be called while no DTLS peer is locked.
    pub(crate) fn send(self) {
        let mut rest = self.0.into_iter().peekable();
        while let Some((peer, first)) = rest.next() {
            let more = std::iter::from_fn(|| {
                let next = rest.next_if(|(other, _)| Arc::ptr_eq(other, &peer));
                next.map(|(_, datagram)| datagram)
            });
            let datagrams: Vec<_> = std::iter::once(first).chain(more).collect();
            peer.send(datagrams.into_iter());
        }
    }
}
