//! The connections that a server has accepted: those whose handshakes are unfinished, which are bounded in number, and
//! those that something arrived for.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use slotmap::{DefaultKey, Key, KeyData, SlotMap};

use crate::acceptor::address_limits::Network;
use crate::connection::Status;
use crate::event::{DropCause, Event};
use crate::lock::lock;
use crate::registration::Registration;
use crate::shared_connection::SharedConnection;
use crate::transport::Transport;

/// How many unfinished handshakes a server keeps unless set. Each takes about 70 KB until it is finished.
pub const MAX_HANDSHAKES: usize = 1024;

/// How often connections are polled that nothing arrived for: they may have been silent for too long, or their
/// listener may have been stopped.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(1);

/// What [`PeerRegistry::poll`] returns.
pub struct Polled<R> {
    /// What `hold` made of the tokens of the connections that have packets, or another status than before.
    pub changed: Vec<R>,
    /// What happened to any of them.
    pub events: Vec<Event>,
}

/// A server's connections, each with a token of its owner's. The registry does not keep them alive.
#[derive(Default)]
pub struct PeerRegistry {
    entries: Mutex<Entries>,
}

struct Entries {
    all: SlotMap<DefaultKey, Entry>,
    /// Oldest first; some are finished by now.
    unfinished: VecDeque<u64>,
    max_handshakes: usize,
    listeners: Vec<Weak<udp::Listener>>,
    /// Whether listeners note which peers something arrived for. Begins with the first poll, so that servers whose owner
    /// polls each connection do not pay for it.
    is_watching: bool,
    /// Those that the next poll includes whether or not anything arrives: they had packets left, or a restarted client,
    /// or no listener notes their datagrams.
    due: Vec<u64>,
    round: u64,
    swept_at: Option<Instant>,
}

impl Default for Entries {
    fn default() -> Self {
        Self {
            all: SlotMap::new(),
            unfinished: VecDeque::new(),
            max_handshakes: MAX_HANDSHAKES,
            listeners: Vec::new(),
            is_watching: false,
            due: Vec::new(),
            round: 0,
            swept_at: None,
        }
    }
}

struct Entry {
    /// The owner's token; `None` once its object has begun to end.
    owner: Option<u64>,
    connection: Weak<SharedConnection>,
    /// For the limits of each address.
    network: Option<Network>,
    /// If a listener notes what arrives for it.
    transport: Option<Weak<dyn Transport>>,
    /// As of the last poll.
    status: Status,
    /// The last round that polled it.
    round: u64,
}

/// A connection's place in a registry, removed when it is dropped.
struct Guard {
    registry: Weak<PeerRegistry>,
    id: u64,
}

impl Registration for Guard {
    fn forget_owner(&self) {
        if let Some(registry) = self.registry.upgrade()
            && let Some(entry) = registry.entries().all.get_mut(key(self.id))
        {
            entry.owner = None;
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(registry) = self.registry.upgrade() {
            // It is dropped after the lock.
            let _entry = registry.entries().all.remove(key(self.id));
        }
    }
}

/// An entry's id, which listeners have as the token of its UDP peer, is the number of its key.
fn key(id: u64) -> DefaultKey {
    KeyData::from_ffi(id).into()
}

impl PeerRegistry {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        lock(&self.entries)
    }

    /// How many handshakes may be unfinished.
    pub fn max_handshakes(&self) -> usize {
        self.entries().max_handshakes
    }

    /// Sets how many handshakes may be unfinished, and drops the oldest if there are more. To be called while no
    /// connection is locked.
    pub fn set_max_handshakes(&self, max: usize) -> Vec<Event> {
        self.entries().max_handshakes = max;
        self.drop_oldest_handshakes()
    }

    /// Adds a connection whose handshake is unfinished; if there are too many of those, the oldest is dropped. To be
    /// called while no connection is locked.
    pub(crate) fn add(
        self: &Arc<Self>,
        connection: &Arc<SharedConnection>,
        owner: u64,
        transport: &Arc<dyn Transport>,
        listener: Option<Weak<udp::Listener>>,
    ) -> Vec<Event> {
        let mut entries = self.entries();
        if let Some(listener) = listener
            && !entries.listeners.iter().any(|it| it.ptr_eq(&listener))
        {
            entries.listeners.retain(|it| it.strong_count() > 0);
            entries.listeners.push(listener);
        }
        let is_noted = transport.accepted_peer().is_some();
        let id = entries.all.insert(Entry {
            owner: Some(owner),
            connection: Arc::downgrade(connection),
            network: transport.remote().map(|remote| Network::of(remote.ip())),
            transport: is_noted.then(|| Arc::downgrade(transport)),
            status: Status::Handshaking,
            round: 0,
        });
        let id = id.data().as_ffi();
        entries.unfinished.push_back(id);
        let is_watching = entries.is_watching;
        drop(entries);
        if is_watching {
            watch(&**transport, id);
        }
        connection.register(Box::new(Guard {
            registry: Arc::downgrade(self),
            id,
        }));
        self.drop_oldest_handshakes()
    }

    fn drop_oldest_handshakes(&self) -> Vec<Event> {
        let (oldest, seen) = self.entries().take_excess_handshakes();
        let drop_one = |it: Arc<SharedConnection>| it.drop_handshake(DropCause::Total);
        let events = oldest.into_iter().filter_map(drop_one).collect();
        drop(seen);
        events
    }

    /// Drops the oldest unfinished handshake with a client of one network. To be called while no connection is locked.
    pub(crate) fn drop_oldest_handshake_of(&self, network: Network) -> Option<Event> {
        let (oldest, seen) = self.entries().oldest_handshake_of(network);
        let event = oldest.and_then(|it| it.drop_handshake(DropCause::Address));
        drop(seen);
        event
    }

    /// Polls the listeners, then every connection that something arrived for, whose handshake is unfinished, or that had
    /// packets left. `hold` gets the tokens of those that have packets now or another status than before.
    ///
    /// `hold` is called while the registry is locked: [`SharedConnection::forget_owner`], which the owner calls before the
    /// token loses its meaning, waits for it. It must not call the registry or a connection.
    pub fn poll<R>(&self, now: Instant, mut hold: impl FnMut(u64) -> R) -> Polled<R> {
        let listeners: Vec<_> = {
            let entries = self.entries();
            entries.listeners.iter().filter_map(Weak::upgrade).collect()
        };
        self.watch_all();
        let mut ids = Vec::new();
        for listener in &listeners {
            // A stopped listener has nothing, which its connections notice themselves.
            let _ = listener.poll();
            listener.take_ready(&mut ids);
        }
        let due = self.entries().take_due(ids, now);
        let mut polled = Polled {
            changed: Vec::new(),
            events: Vec::new(),
        };
        for (id, connection) in due {
            polled.events.extend(connection.poll(now));
            let changed = self.entries().change_of(id, &connection, &mut hold);
            polled.changed.extend(changed);
            // The connection is dropped while nothing is locked: this may be the last reference.
        }
        polled
    }

    fn watch_all(&self) {
        let transports: Vec<_> = {
            let mut entries = self.entries();
            if mem::replace(&mut entries.is_watching, true) {
                return;
            }
            let noted = |(key, entry): (DefaultKey, &Entry)| {
                Some((key.data().as_ffi(), entry.transport.as_ref()?.upgrade()?))
            };
            entries.all.iter().filter_map(noted).collect()
        };
        for (id, transport) in transports {
            watch(&*transport, id);
        }
    }
}

fn watch(transport: &dyn Transport, id: u64) {
    if let Some(udp_peer) = transport.accepted_peer() {
        // Nothing arrives any more for one that was closed meanwhile.
        let _ = udp_peer.set_token(Some(id));
    }
}

type Connections = Vec<Arc<SharedConnection>>;

impl Entries {
    fn connection(&self, id: u64) -> Option<Arc<SharedConnection>> {
        self.all.get(key(id))?.connection.upgrade()
    }

    /// Of too many unfinished handshakes the oldest; and every connection that was looked at, to be dropped while the
    /// registry is not locked: the last reference may be among them.
    fn take_excess_handshakes(&mut self) -> (Connections, Connections) {
        if self.unfinished.len() <= self.max_handshakes {
            return Default::default();
        }
        let mut seen = Vec::new();
        let mut unfinished = VecDeque::new();
        for id in mem::take(&mut self.unfinished) {
            let Some(connection) = self.connection(id) else {
                continue;
            };
            match connection.status() {
                Status::Handshaking => unfinished.push_back((id, Arc::clone(&connection))),
                _ if self.is_watching => self.due.push(id),
                _ => {}
            }
            seen.push(connection);
        }
        let excess = unfinished.len().saturating_sub(self.max_handshakes);
        let oldest = unfinished.drain(..excess).map(|(_, it)| it).collect();
        self.unfinished = unfinished.into_iter().map(|(id, _)| id).collect();
        (oldest, seen)
    }

    /// The oldest unfinished handshake of a network; and every connection that was looked at, as in
    /// [`Entries::take_excess_handshakes`].
    fn oldest_handshake_of(
        &self,
        network: Network,
    ) -> (Option<Arc<SharedConnection>>, Connections) {
        let mut seen = Vec::new();
        for &id in &self.unfinished {
            let is_of_network = |entry: &&Entry| entry.network == Some(network);
            let entry = self.all.get(key(id)).filter(is_of_network);
            let Some(connection) = entry.and_then(|entry| entry.connection.upgrade()) else {
                continue;
            };
            if connection.status() == Status::Handshaking {
                return (Some(connection), seen);
            }
            seen.push(connection);
        }
        (None, seen)
    }

    /// Which connections to poll now, each once.
    fn take_due(&mut self, mut ids: Vec<u64>, now: Instant) -> Vec<(u64, Arc<SharedConnection>)> {
        self.round += 1;
        ids.extend(mem::take(&mut self.unfinished));
        ids.append(&mut self.due);
        if self
            .swept_at
            .is_none_or(|at| now.saturating_duration_since(at) >= BETWEEN_SWEEPS)
        {
            self.swept_at = Some(now);
            ids.extend(self.all.keys().map(|key| key.data().as_ffi()));
        }
        let round = self.round;
        let mut due = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(entry) = self.all.get_mut(key(id))
                && mem::replace(&mut entry.round, round) != round
            {
                due.extend(entry.connection.upgrade().map(|it| (id, it)));
            }
        }
        due
    }

    /// What `hold` makes of the owner's token, if the connection has packets or another status.
    fn change_of<R>(
        &mut self,
        id: u64,
        connection: &SharedConnection,
        hold: impl FnOnce(u64) -> R,
    ) -> Option<R> {
        let entry = self.all.get_mut(key(id))?;
        let status = connection.status();
        let has_packets = connection.packet_count() > 0;
        let has_changed = mem::replace(&mut entry.status, status) != status;
        let owner = entry.owner?;
        if status == Status::Handshaking {
            self.unfinished.push_back(id);
        } else if has_packets
            || entry.transport.is_none() && status == Status::Connected
            || connection.has_restart()
        {
            self.due.push(id);
        }
        (has_packets || has_changed).then(|| hold(owner))
    }
}
