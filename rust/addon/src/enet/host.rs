//! An ENet host and its peers, as the objects of several classes share them.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use enet::{ConnectError, Event, Host, HostError, Kind, NoPeer, PeerId, Settings, State};
use godot::builtin::{Callable, Variant};
use indexmap::IndexMap;

use crate::report;

/// The class whose sessions lines are about.
const CLASS: &str = "ENetConnection";

/// A host that is created and destroyed by scripts.
#[derive(Default)]
pub(crate) struct SharedHost {
    active: Mutex<Option<Active>>,
    /// Whether it is among [`TO_FLUSH`].
    is_to_flush: AtomicBool,
}

/// Hosts that have packets to send, at the end of the frame or when any host is serviced: a script may wait for them in the
/// function that sends them, at the other side of a connection.
static TO_FLUSH: Mutex<Vec<Weak<SharedHost>>> = Mutex::new(Vec::new());

fn flush_waiting_hosts() {
    let hosts = mem::take(&mut *lock(&TO_FLUSH));
    for host in hosts.iter().filter_map(Weak::upgrade) {
        host.is_to_flush.store(false, Ordering::Relaxed);
        host.with(Host::flush_what_waits);
    }
}

struct Active {
    host: Host,
    /// In the order in which they were connected.
    peers: IndexMap<PeerId, Arc<Peer>>,
    /// Whether a peer was disconnected whose packets no script takes, and no line says so yet.
    has_dropped: bool,
}

/// The other side of a connection.
pub(crate) struct Peer {
    host: Weak<SharedHost>,
    id: PeerId,
    is_active: AtomicBool,
    player: AtomicI32,
    packets: Mutex<VecDeque<Packet>>,
    /// How many bytes of its packets wait for a script, in its queue or a multiplayer peer's.
    waiting: Arc<AtomicUsize>,
}

/// How many bytes of a peer's packets can wait for a script that takes none: four of the largest packets. The peer is
/// disconnected beyond that.
const MAX_WAITING: usize = 64 << 20;

/// What a packet counts more than its bytes.
const PACKET_OVERHEAD: usize = 64;

/// A packet that was received.
pub(crate) struct Packet {
    pub(crate) bytes: Vec<u8>,
    pub(crate) kind: Kind,
    _waiting: Waiting,
}

/// Counts a packet until it is dropped.
struct Waiting {
    of_peer: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.of_peer.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What [`SharedHost::service`] and [`SharedHost::check_events`] return.
pub(crate) enum Happened {
    /// There is no host.
    Inactive,
    /// The host has failed.
    Failed,
    Nothing,
    Connected {
        peer: Arc<Peer>,
        data: u32,
    },
    Disconnected {
        peer: Arc<Peer>,
        data: u32,
    },
    Received {
        peer: Arc<Peer>,
        channel: u8,
        packet: Packet,
    },
}

/// Locks a mutex whose content is valid after a panic as well.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SharedHost {
    /// Creates the host; `None` if there is one.
    pub(crate) fn create(&self, settings: &Settings) -> Option<Result<(), HostError>> {
        let mut active = lock(&self.active);
        if active.is_some() {
            return None;
        }
        let host = Host::new(settings);
        Some(host.map(|host| {
            *active = Some(Active {
                host,
                peers: IndexMap::new(),
                has_dropped: false,
            });
        }))
    }

    /// Destroys the host, without a word to its peers, which are inactive then; `false` if there is none.
    pub(crate) fn destroy(&self) -> bool {
        let Some(active) = lock(&self.active).take() else {
            return false;
        };
        for peer in active.peers.values() {
            peer.deactivate();
        }
        true
    }

    pub(crate) fn is_active(&self) -> bool {
        lock(&self.active).is_some()
    }

    /// Calls the host; `None` if there is none. The call must not print.
    pub(crate) fn with<R>(&self, call: impl FnOnce(&mut Host) -> R) -> Option<R> {
        lock(&self.active).as_mut().map(|it| call(&mut it.host))
    }

    /// Calls the host, and sends what is queued: packets that follow many others at the end of the frame, with those. A
    /// thread other than the main one has no such end, and sends all at once. `None` if there is no host.
    pub(crate) fn with_flush<R>(self: &Arc<Self>, call: impl FnOnce(&mut Host) -> R) -> Option<R> {
        let is_main_thread = godot::init::is_main_thread();
        let (result, waits) = self.with(|host| {
            let waits = host.flush_soon();
            if waits && !is_main_thread {
                host.flush();
            }
            (call(host), waits && is_main_thread)
        })?;
        if waits && !self.is_to_flush.swap(true, Ordering::Relaxed) {
            let mut hosts = lock(&TO_FLUSH);
            hosts.push(Arc::downgrade(self));
            let is_first = hosts.len() == 1;
            drop(hosts);
            if is_first {
                let flush = |_: &[&Variant]| flush_waiting_hosts();
                Callable::from_sync_fn("openssl_dtls", flush).call_deferred(&[]);
            }
        }
        Some(result)
    }

    /// Connects to another host.
    pub(crate) fn connect(
        self: &Arc<Self>,
        connect: impl FnOnce(&mut Host) -> Result<PeerId, ConnectError>,
    ) -> Option<Result<Arc<Peer>, ConnectError>> {
        let mut active = lock(&self.active);
        let active = active.as_mut()?;
        let connected = connect(&mut active.host);
        Some(connected.map(|id| Arc::clone(active.peer(self, id))))
    }

    /// The peers, also those that have become inactive since the last [`SharedHost::service`]; `None` without a host.
    pub(crate) fn peers(&self) -> Option<Vec<Arc<Peer>>> {
        let active = lock(&self.active);
        let peers = active.as_ref()?.peers.values();
        Some(peers.cloned().collect())
    }

    /// Receives and sends what there is, and returns one event. Prints what happened to the sessions.
    pub(crate) fn service(self: &Arc<Self>) -> Happened {
        flush_waiting_hosts();
        let mut guard = lock(&self.active);
        let Some(active) = guard.as_mut() else {
            return Happened::Inactive;
        };
        active.peers.retain(|_, peer| peer.is_active());
        let happened = match active.host.service(Instant::now()) {
            Ok(event) => Ok(active.happened(self, event)),
            Err(error) => Err(error),
        };
        let of_sessions = active.host.take_endpoint_events();
        let has_dropped = mem::take(&mut active.has_dropped);
        drop(guard);
        report::events_of(CLASS, CLASS, of_sessions);
        if has_dropped {
            let mega = MAX_WAITING >> 20;
            let why = format_args!(
                "a peer is disconnected, since {mega} MB of its packets wait: take them with get_packet()"
            );
            report::limited(CLASS, &why);
        }
        happened.unwrap_or_else(|error| {
            report::mistake(CLASS, error);
            Happened::Failed
        })
    }

    /// Returns one event of those that wait.
    pub(crate) fn check_events(self: &Arc<Self>) -> Happened {
        let mut guard = lock(&self.active);
        let Some(active) = guard.as_mut() else {
            return Happened::Inactive;
        };
        let event = active.host.check_events();
        active.happened(self, event)
    }
}

impl Active {
    fn peer(&mut self, host: &Arc<SharedHost>, id: PeerId) -> &Arc<Peer> {
        let new = || Peer {
            host: Arc::downgrade(host),
            id,
            is_active: AtomicBool::new(true),
            player: AtomicI32::new(0),
            packets: Mutex::default(),
            waiting: Arc::default(),
        };
        self.peers.entry(id).or_insert_with(|| Arc::new(new()))
    }

    /// An event with its peer. Events of peers that a script has reset or disconnected in the meantime are left out.
    fn happened(&mut self, host: &Arc<SharedHost>, event: Option<Event>) -> Happened {
        let mut event = event;
        loop {
            match event {
                None => return Happened::Nothing,
                Some(Event::Connect { peer, data }) => {
                    let peer = Arc::clone(self.peer(host, peer));
                    return Happened::Connected { peer, data };
                }
                Some(Event::Disconnect { peer, data }) => {
                    // Others keep their places in the order.
                    if let Some(peer) = self.peers.shift_remove(&peer)
                        && peer.deactivate()
                    {
                        return Happened::Disconnected { peer, data };
                    }
                }
                Some(Event::Receive {
                    peer,
                    channel,
                    packet,
                    kind,
                }) => {
                    let peer = self.peers.get(&peer).filter(|peer| peer.is_active());
                    if let Some(peer) = peer.cloned() {
                        let Some(packet) = peer.count(packet.into_vec(), kind) else {
                            return self.drop_unread(peer);
                        };
                        return Happened::Received {
                            peer,
                            channel,
                            packet,
                        };
                    }
                }
            }
            event = self.host.check_events();
        }
    }
}

impl Active {
    /// Disconnects a peer whose packets no script takes.
    fn drop_unread(&mut self, peer: Arc<Peer>) -> Happened {
        // It is gone already where it fails.
        let _ = self.host.disconnect_now(peer.id, 0);
        self.peers.shift_remove(&peer.id);
        peer.deactivate();
        self.has_dropped = true;
        Happened::Disconnected { peer, data: 0 }
    }
}

impl Peer {
    /// Counts a packet that a script is to take; `None` if too many bytes wait.
    fn count(&self, bytes: Vec<u8>, kind: Kind) -> Option<Packet> {
        let size = bytes.len() + PACKET_OVERHEAD;
        let before = self.waiting.fetch_add(size, Ordering::Relaxed);
        let waiting = Waiting {
            of_peer: Arc::clone(&self.waiting),
            bytes: size,
        };
        (before + size <= MAX_WAITING).then_some(Packet {
            bytes,
            kind,
            _waiting: waiting,
        })
    }

    /// Whether it can still be used: neither it nor its host is gone.
    pub(crate) fn is_active(&self) -> bool {
        self.is_active.load(Ordering::Acquire)
    }

    /// Returns whether it was active.
    pub(crate) fn deactivate(&self) -> bool {
        self.is_active.swap(false, Ordering::AcqRel)
    }

    /// Identifies it among all peers of its host, also those that are gone.
    pub(crate) fn id(&self) -> PeerId {
        self.id
    }

    /// Calls its host; `None` if it is inactive. The call must not print.
    pub(crate) fn with<R>(&self, call: impl FnOnce(&mut Host, PeerId) -> R) -> Option<R> {
        let host = self.host.upgrade().filter(|_| self.is_active())?;
        host.with(|host| call(host, self.id))
    }

    /// Calls what ends its connection. A peer that the host forgets at once, without an event, is inactive then: one that is
    /// not connected yet, too.
    pub(crate) fn end(
        &self,
        end: impl FnOnce(&mut Host, PeerId) -> Result<(), NoPeer>,
    ) -> Option<()> {
        let is_gone = self.with(|host, id| {
            // Of a peer that is gone already, too.
            let _ = end(host, id);
            host.state(id) == State::Disconnected
        })?;
        if is_gone {
            self.deactivate();
        }
        Some(())
    }

    /// Its id in the multiplayer API, 0 for none.
    pub(crate) fn player(&self) -> i32 {
        self.player.load(Ordering::Relaxed)
    }

    pub(crate) fn set_player(&self, id: i32) {
        self.player.store(id, Ordering::Relaxed);
    }

    pub(crate) fn queue(&self, packet: Packet) {
        lock(&self.packets).push_back(packet);
    }

    /// How many packets wait, and what kind the oldest is of.
    pub(crate) fn queued(&self) -> (usize, Option<Kind>) {
        let packets = lock(&self.packets);
        (packets.len(), packets.front().map(|packet| packet.kind))
    }

    pub(crate) fn take(&self) -> Option<Packet> {
        lock(&self.packets).pop_front()
    }
}
