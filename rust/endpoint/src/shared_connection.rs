//! A connection that several threads use.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Instant;

use dtls::{ClientContext, ConfigError};

use crate::acceptor::Acceptor;
use crate::connection::{Connection, Receive, SendError, Status};
use crate::event::{DropCause, Event};
use crate::fail_point::fail_point;
use crate::handshake_pool::Work;
use crate::lock::lock;
use crate::registration::Registration;
use crate::timeouts::Timeouts;
use crate::transport::{Break, Received, Transport};

/// How many old datagrams are discarded at the most, however fast more arrive.
const DISCARDED_DATAGRAMS: usize = 4096;

/// Why a client's connection was not begun.
#[derive(Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// The connection is in use.
    InUse,
    /// The session could not begin.
    Config(ConfigError),
}

/// A connection behind a lock. Its status and its packet count are published, so that reading them takes no lock.
///
/// A deferred transport ([`Transport::is_deferred`]) may run code of the owner's that drops the connection. Methods that
/// may call one take `&Arc<Self>`, from callers that hold a reference until the method returns.
#[derive(Default)]
pub struct SharedConnection {
    connection: Mutex<Connection>,
    status: AtomicU8,
    packets: AtomicU32,
    /// Whether a poll does nothing as long as there are no `arrivals`.
    waits: AtomicBool,
    arrivals: OnceLock<udp::QueueProbe>,
    has_restart: AtomicBool,
    /// Whether a thread of the pool polls it, or will soon.
    is_in_pool: AtomicBool,
    /// What that thread's poll returned, for the next poll of the owner's.
    pending_events: Mutex<Vec<Event>>,
    has_pending_events: AtomicBool,
    has_receive_failed: AtomicBool,
    /// Of a server's connection: its place in the server's registry.
    registration: OnceLock<Box<dyn Registration>>,
}

impl SharedConnection {
    /// Where the connection stands, as of the last call that changed it.
    pub fn status(&self) -> Status {
        Status::from_number(self.status.load(Ordering::Acquire))
    }

    /// How many received packets wait, as of the last call that changed it.
    pub fn packet_count(&self) -> u32 {
        self.packets.load(Ordering::Acquire)
    }

    /// See [`Connection::timeouts`].
    pub fn timeouts(&self) -> Timeouts {
        self.lock().timeouts()
    }

    /// See [`Connection::set_timeouts`].
    pub fn set_timeouts(&self, timeouts: Timeouts) {
        self.lock().set_timeouts(timeouts);
    }

    /// See [`Connection::protocol`].
    pub fn protocol(&self) -> Option<&'static str> {
        self.lock().protocol()
    }

    /// See [`Connection::cipher`].
    pub fn cipher(&self) -> Option<&'static str> {
        self.lock().cipher()
    }

    /// See [`Connection::last_authenticated`].
    pub fn last_authenticated(&self) -> Option<Instant> {
        self.lock().last_authenticated()
    }

    /// See [`Connection::is_open`].
    pub fn is_open(&self) -> bool {
        self.lock().is_open()
    }

    /// Discards what the transport has received, and begins a client's connection on it: [`Connection::connect`]. A
    /// cookie in an older datagram would be taken for this session's.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect(
        self: &Arc<Self>,
        transport: Arc<dyn Transport>,
        context: &ClientContext,
        host: &str,
        now: Instant,
    ) -> Result<(), ConnectError> {
        if self.is_open() {
            return Err(ConnectError::InUse);
        }
        discard_arrived(&*transport);
        self.run(|connection| {
            // Another thread may have been faster.
            if connection.is_open() {
                return Err(ConnectError::InUse);
            }
            connection
                .connect(transport, context, host, now)
                .map_err(ConnectError::Config)
        })
    }

    /// See [`Connection::disconnect`].
    pub fn disconnect(self: &Arc<Self>, now: Instant) {
        self.run(|connection| connection.disconnect(now));
    }

    /// Whether it is known, without a lock, that a poll would do nothing.
    pub fn has_nothing_to_do(&self) -> bool {
        self.waits.load(Ordering::Acquire)
            && !self.has_pending_events.load(Ordering::Acquire)
            && self.arrivals.get().is_some_and(udp::QueueProbe::is_empty)
    }

    /// See [`Connection::poll`]. Where many handshakes of a server run at once, a thread of its pool does it, and a later
    /// poll returns that thread's events.
    pub fn poll(self: &Arc<Self>, now: Instant) -> Vec<Event> {
        if self.has_nothing_to_do() {
            return Vec::new();
        }
        let mut events = self.take_pending_events();
        if self.is_in_pool.load(Ordering::Acquire) {
            return events;
        }
        let connection = self.lock();
        if connection.deferred().is_none() {
            events.extend(self.advance(connection, now));
            return events;
        }
        drop(connection);
        self.fetch();
        events.extend(self.run(|connection| connection.poll(now)));
        events
    }

    /// Passes the oldest packet to `take` if one waits, without a look at the network. `None`, and nothing has happened, if
    /// none waits, if the transport is deferred, or if the last [`receive`](Self::receive) failed: an owner that keeps
    /// that error calls `receive` again.
    pub fn take_waiting<R>(&self, take: impl FnOnce(&[u8]) -> R) -> Option<(R, Option<Event>)> {
        if self.has_receive_failed.load(Ordering::Relaxed) {
            return None;
        }
        let mut connection = self.lock();
        if connection.deferred().is_some() {
            return None;
        }
        connection.take_waiting(take)
    }

    /// See [`Connection::receive`].
    pub fn receive<R>(self: &Arc<Self>, now: Instant, take: impl FnOnce(&[u8]) -> R) -> Receive<R> {
        self.fetch();
        let received = self.run(|connection| connection.receive(now, take));
        let has_failed = !matches!(received, Receive::Packet(..));
        self.has_receive_failed.store(has_failed, Ordering::Relaxed);
        received
    }

    /// See [`Connection::send`].
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send(self: &Arc<Self>, packet: &[u8]) -> Result<(), SendError> {
        self.run(|connection| connection.send(packet))
    }

    /// To be called when the owner's object ends: after it, no poll of a registry passes the object's token on.
    pub fn forget_owner(&self) {
        if let Some(registration) = self.registration.get() {
            registration.forget_owner();
        }
    }

    /// Begins a server's connection, or goes on with the session of a restarted client.
    pub(crate) fn accept(
        self: &Arc<Self>,
        transport: Arc<dyn Transport>,
        acceptor: Arc<Acceptor>,
        now: Instant,
    ) -> Option<Event> {
        if let Some(address) = transport.client_address()
            && let Some(session) = acceptor.take_restarted(address, now)
        {
            self.lock().resume(transport, acceptor, session);
            return None;
        }
        transport.fetch();
        let mut connection = self.lock();
        connection.accept(Arc::clone(&transport), acceptor);
        let event = self.advance(connection, now);
        transport.flush();
        event
    }

    /// See [`Connection::drop_handshake`].
    pub(crate) fn drop_handshake(self: &Arc<Self>, cause: DropCause) -> Option<Event> {
        self.run(|connection| connection.drop_handshake(cause))
    }

    /// See [`Connection::has_restart`].
    pub(crate) fn has_restart(&self) -> bool {
        self.has_restart.load(Ordering::Acquire)
    }

    /// Keeps its place in a registry, for good: a connection is accepted by one server, once.
    pub(crate) fn register(&self, registration: Box<dyn Registration>) {
        let _ = self.registration.set(registration);
    }

    /// Polls the locked connection, or leaves that to the pool.
    fn advance(self: &Arc<Self>, mut connection: Locked<'_>, now: Instant) -> Option<Event> {
        let event = connection.verify_client(now);
        let Some(pool) = connection.pool_for_next_poll(now) else {
            return event.or_else(|| connection.poll(now));
        };
        drop(connection);
        if self.is_in_pool.swap(true, Ordering::AcqRel) || pool.submit(Arc::clone(self) as _) {
            return event;
        }
        self.is_in_pool.store(false, Ordering::Release);
        self.lock().poll(now)
    }

    fn take_pending_events(&self) -> Vec<Event> {
        if !self.has_pending_events.load(Ordering::Acquire) {
            return Vec::new();
        }
        self.has_pending_events.store(false, Ordering::Relaxed);
        std::mem::take(&mut *lock(&self.pending_events))
    }

    /// Runs `work` on the locked connection, and flushes a deferred transport after that.
    fn run<R>(self: &Arc<Self>, work: impl FnOnce(&mut Connection) -> R) -> R {
        let mut connection = self.lock();
        let before = connection.deferred();
        let result = work(&mut connection);
        let deferred = before.or_else(|| connection.deferred());
        drop(connection);
        if let Some(transport) = deferred {
            transport.flush();
        }
        result
    }

    /// Fetches what has arrived at a deferred transport, if the connection takes datagrams.
    fn fetch(&self) {
        let connection = self.lock();
        let deferred = connection.deferred();
        let takes_datagrams = connection.takes_datagrams();
        drop(connection);
        if let Some(transport) = deferred.filter(|_| takes_datagrams) {
            transport.fetch();
        }
    }

    fn lock(&self) -> Locked<'_> {
        let connection = self.connection.lock().unwrap_or_else(|poisoned| {
            // A panic left it half changed, so that nothing of it can be used.
            let mut connection = poisoned.into_inner();
            connection.abandon();
            self.connection.clear_poison();
            connection
        });
        Locked {
            connection,
            shared: self,
        }
    }
}

impl Work for SharedConnection {
    fn run(&self) {
        let mut connection = self.lock();
        fail_point("on a thread of the handshake pool");
        if connection.deferred().is_some() {
            // The owner has used it again meanwhile; deferred transports are for the owner's threads.
            return;
        }
        let event = connection.poll(Instant::now());
        drop(connection);
        if let Some(event) = event {
            lock(&self.pending_events).push(event);
            self.has_pending_events.store(true, Ordering::Release);
        }
    }

    fn finished(&self) {
        // Before this thread waits for more work.
        dtls::forget_keys();
        self.is_in_pool.store(false, Ordering::Release);
    }
}

impl Connection {
    fn deferred(&self) -> Option<Arc<dyn Transport>> {
        let transport = self.transport().filter(|it| it.is_deferred());
        transport.map(Arc::clone)
    }
}

fn discard_arrived(transport: &dyn Transport) {
    let mut datagram = Vec::new();
    transport.fetch();
    for _ in 0..DISCARDED_DATAGRAMS {
        match transport.receive(&mut datagram) {
            Received::Datagram | Received::Broken(Break::Refused) => {}
            Received::Nothing | Received::Broken(Break::Closed) => break,
        }
    }
}

/// A locked connection. When it is unlocked, what it has become is published.
struct Locked<'a> {
    connection: MutexGuard<'a, Connection>,
    shared: &'a SharedConnection,
}

impl Deref for Locked<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let (connection, shared) = (&self.connection, self.shared);
        let packets = u32::try_from(connection.packet_count()).unwrap_or(u32::MAX);
        shared.packets.store(packets, Ordering::Release);
        shared
            .status
            .store(connection.status() as u8, Ordering::Release);
        let waits = connection.waits_for().is_some_and(|udp_peer| {
            // A connection that is used again may have another UDP peer than it had first.
            match shared.arrivals.get() {
                Some(known) => udp_peer.owns_probe(known),
                None => udp_peer
                    .queue_probe()
                    .is_some_and(|it| shared.arrivals.set(it).is_ok()),
            }
        });
        shared.waits.store(waits, Ordering::Release);
        shared
            .has_restart
            .store(connection.has_restart(), Ordering::Release);
    }
}
