//! An ENet host and its peers, as the objects of several classes share them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use enet::{ConnectError, Event, Host, HostError, Kind, NoPeer, PeerId, Settings, State};
use indexmap::IndexMap;

use crate::report;

/// The class whose sessions lines are about.
const CLASS: &str = "ENetConnection";

/// A host that is created and destroyed by scripts.
#[derive(Default)]
pub(crate) struct SharedHost {
    active: Mutex<Option<Active>>,
}

struct Active {
    host: Host,
    /// In the order in which they were connected.
    peers: IndexMap<PeerId, Arc<Peer>>,
}

/// The other side of a connection.
pub(crate) struct Peer {
    host: Weak<SharedHost>,
    id: PeerId,
    is_active: AtomicBool,
    player: AtomicI32,
    packets: Mutex<VecDeque<Packet>>,
}

/// A packet that was received.
pub(crate) struct Packet {
    pub(crate) bytes: Vec<u8>,
    pub(crate) kind: Kind,
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
        drop(guard);
        report::events_of(CLASS, CLASS, of_sessions);
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
                    if let Some(peer) = self.peers.get(&peer).filter(|peer| peer.is_active()) {
                        return Happened::Received {
                            peer: Arc::clone(peer),
                            channel,
                            packet: Packet {
                                bytes: packet.into_vec(),
                                kind,
                            },
                        };
                    }
                }
            }
            event = self.host.check_events();
        }
    }
}

impl Peer {
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
