//! The link between a listener and one remote address: what the table delivers to and what an accepted peer holds.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use crate::error::Error;
use crate::inbox::Inbox;
use crate::lock::lock;
use crate::path::{LocalAddress, Path};
use crate::port::Port;
use crate::table::Table;

pub(crate) struct Route {
    remote: SocketAddr,
    /// Weak, so that a stopped listener's port is free at once, whoever still holds a peer.
    port: Weak<Port>,
    table: Weak<Mutex<Table>>,
    inbox: Mutex<Inbox>,
    local: Mutex<Local>,
    /// How many datagrams the inbox holds, for those who only want to know; [`SHUT`] in the end. Written with the inbox
    /// locked.
    queued: AtomicUsize,
    /// What the table knows of it beyond the address, and reads and writes locked.
    pub(crate) watch: Watch,
}

/// Whether somebody wants to be told of datagrams: see [`crate::Listener::take_ready`].
#[derive(Default)]
pub(crate) struct Watch {
    is_watched: AtomicBool,
    is_listed: AtomicBool,
    token: AtomicU64,
}

impl Watch {
    /// What to call the route when there is something, or that nobody wants to know.
    pub(crate) fn set(&self, token: Option<u64>) {
        self.token
            .store(token.unwrap_or_default(), Ordering::Relaxed);
        self.is_watched.store(token.is_some(), Ordering::Relaxed);
    }

    /// Whether the route is to be listed now: somebody wants to know and it is not listed yet.
    pub(crate) fn is_to_be_listed(&self) -> bool {
        self.is_watched.load(Ordering::Relaxed) && !self.is_listed.swap(true, Ordering::Relaxed)
    }

    /// The token of a route that is taken from the list.
    pub(crate) fn unlist(&self) -> Option<u64> {
        self.is_listed.store(false, Ordering::Relaxed);
        let token = self.token.load(Ordering::Relaxed);
        self.is_watched.load(Ordering::Relaxed).then_some(token)
    }
}

/// Which of the machine's addresses datagrams come to and answers go out from, where that can be more than one.
#[derive(Default)]
struct Local {
    /// Where the datagram taken last came to; of the first one, until it is taken.
    last: Option<LocalAddress>,
    /// Where answers are to go out from, whatever else is asked: see [`crate::DatagramSocket::pin_local_address`].
    kept: Option<LocalAddress>,
}

/// In place of a count: the listener has stopped or the peer is closed.
const SHUT: usize = usize::MAX;

impl Route {
    /// A route for the sender of a datagram that came this way.
    pub(crate) fn new(path: Path, port: &Arc<Port>, table: Weak<Mutex<Table>>) -> Route {
        Route {
            remote: path.remote,
            port: Arc::downgrade(port),
            table,
            inbox: Mutex::new(Inbox::new()),
            local: Mutex::new(Local {
                last: path.local,
                kept: None,
            }),
            queued: AtomicUsize::new(0),
            watch: Watch::default(),
        }
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// False from the moment the listener stops or the peer is closed.
    pub(crate) fn is_open(&self) -> bool {
        self.queued.load(Ordering::Acquire) != SHUT
    }

    /// How many datagrams wait, without a lock; `None` if it is not open.
    pub(crate) fn queued(&self) -> Option<usize> {
        let queued = self.queued.load(Ordering::Acquire);
        (queued != SHUT).then_some(queued)
    }

    /// Called by the table when it no longer knows this route. What is queued is forgotten.
    pub(crate) fn shut(&self) {
        let mut inbox = lock(&self.inbox);
        inbox.clear();
        self.queued.store(SHUT, Ordering::Release);
    }

    /// The inbox for a change, unless it is shut; counts what it holds afterwards.
    fn change<R>(&self, body: impl FnOnce(&mut Inbox) -> R) -> Option<R> {
        let mut inbox = lock(&self.inbox);
        if !self.is_open() {
            return None;
        }
        let result = body(&mut inbox);
        self.queued.store(inbox.datagrams(), Ordering::Release);
        Some(result)
    }

    /// The listener's port, unless it has stopped.
    pub(crate) fn port(&self) -> Option<Arc<Port>> {
        self.port.upgrade()
    }

    /// Queues a datagram that came to this local address.
    pub(crate) fn deliver(&self, local: Option<LocalAddress>, datagram: &[u8]) {
        // The remote of all is known: the inbox keeps the local addresses in its place.
        self.change(|inbox| inbox.push(LocalAddress::to_socket_addr(local), datagram));
    }

    /// Where the datagram taken last came to.
    pub(crate) fn last_local(&self) -> Option<LocalAddress> {
        lock(&self.local).last
    }

    /// See [`crate::DatagramSocket::pin_local_address`].
    pub(crate) fn pin_local(&self) {
        let mut local = lock(&self.local);
        local.kept = local.last;
    }

    /// Which way a datagram goes out through this port.
    fn path(&self, port: &Port) -> Path {
        let mut path = Path::of(self.remote);
        if port.socket().tells_local() {
            let local = lock(&self.local);
            path.local = local.kept.or(local.last);
        }
        path
    }

    /// As [`Route::path`], for the answer to the datagram taken last.
    fn path_back(&self) -> Path {
        Path {
            remote: self.remote,
            local: self.last_local(),
        }
    }

    #[cfg(test)]
    pub(crate) fn lock_inbox(&self) -> std::sync::MutexGuard<'_, Inbox> {
        lock(&self.inbox)
    }

    pub(crate) fn dropped(&self) -> u64 {
        lock(&self.inbox).dropped()
    }

    pub(crate) fn receive(&self, into: &mut Vec<u8>) -> Result<SocketAddr, Error> {
        if self.queued.load(Ordering::Acquire) == 0 {
            into.clear();
            return Err(Error::Unavailable);
        }
        let Some(local) = self.change(|inbox| inbox.pop(into)).flatten() else {
            into.clear();
            return Err(Error::Unavailable);
        };
        if let Some(local) = LocalAddress::from_socket_addr(local) {
            lock(&self.local).last = Some(local);
        }
        Ok(self.remote)
    }

    pub(crate) fn send(&self, datagram: &[u8]) -> Result<(), Error> {
        let port = self.port().ok_or(Error::Failed)?;
        port.socket().send_along(datagram, &self.path(&port))
    }

    /// As [`Route::send`], now or soon: see [`crate::DatagramSocket::send_deferred`].
    pub(crate) fn send_deferred(&self, datagram: &[u8]) -> Result<(), Error> {
        let port = self.port().ok_or(Error::Failed)?;
        port.send_queue().send(&port, self.path(&port), datagram)
    }

    /// As [`Route::send_deferred`]: see [`crate::DatagramSocket::reply_deferred`].
    pub(crate) fn reply_deferred(&self, datagram: &[u8]) -> Result<(), Error> {
        let port = self.port().ok_or(Error::Failed)?;
        port.send_queue().send(&port, self.path_back(), datagram)
    }

    /// See [`crate::DatagramSocket::set_token`]. Takes the table's lock.
    pub(crate) fn set_token(self: &Arc<Route>, token: Option<u64>) {
        if let Some(table) = self.table.upgrade() {
            lock(&table).watch(self, token);
        }
    }

    /// See [`crate::DatagramSocket::replace`]. Takes the table's lock.
    pub(crate) fn replace(self: &Arc<Route>, first: &[u8]) -> Result<(), Error> {
        let table = self.table.upgrade().ok_or(Error::Unconfigured)?;
        lock(&table).replace(self, first)
    }

    /// Takes itself out of the listener's table, where a newer route of the same address may already stand. Takes the
    /// table's lock: no peer's state may be locked by the caller.
    pub(crate) fn leave(self: &Arc<Route>) {
        self.shut();
        if let Some(table) = self.table.upgrade() {
            lock(&table).forget(self);
        }
    }
}
