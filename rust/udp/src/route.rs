//! The link between a listener and one remote address: the table delivers to it, and an accepted socket holds it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use crate::error::Error;
use crate::inbox::Inbox;
use crate::io_thread;
use crate::lock::lock;
use crate::path::{LocalAddress, Path};
use crate::port::Port;

pub(crate) struct Route {
    remote: SocketAddr,
    /// Weak: a stopped listener's port is free at once, whatever accepted sockets still exist.
    port: Weak<Port>,
    inbox: Mutex<Inbox>,
    local: Mutex<Local>,
    /// How many datagrams the inbox holds, or [`SHUT`]. Written with the inbox locked, read without.
    queued: AtomicUsize,
    /// Read and written with the table locked.
    pub(crate) interest: Interest,
}

/// Whether [`crate::Listener::take_ready`] reports the route.
#[derive(Default)]
pub(crate) struct Interest {
    is_registered: AtomicBool,
    is_listed: AtomicBool,
    token: AtomicU64,
}

impl Interest {
    /// Registers the route with this token, or removes the registration.
    pub(crate) fn set(&self, token: Option<u64>) {
        self.token
            .store(token.unwrap_or_default(), Ordering::Relaxed);
        self.is_registered.store(token.is_some(), Ordering::Relaxed);
    }

    /// Marks a registered route as listed. Returns whether it was not listed before.
    pub(crate) fn list(&self) -> bool {
        self.is_registered.load(Ordering::Relaxed) && !self.is_listed.swap(true, Ordering::Relaxed)
    }

    /// Marks the route as not listed. Returns its token if it is still registered.
    pub(crate) fn unlist(&self) -> Option<u64> {
        self.is_listed.store(false, Ordering::Relaxed);
        let token = self.token.load(Ordering::Relaxed);
        self.is_registered.load(Ordering::Relaxed).then_some(token)
    }
}

/// Which of the machine's addresses to send from, where the listener has more than one.
#[derive(Default)]
struct Local {
    /// The destination of the datagram taken last; before one is taken, of the first that arrived.
    last: Option<LocalAddress>,
    /// Replaces `last` for sending: see [`crate::DatagramSocket::pin_local_address`].
    pinned: Option<LocalAddress>,
}

/// In place of a count: the listener is stopped or the socket closed.
const SHUT: usize = usize::MAX;

impl Route {
    /// A route for the sender of a datagram with this path, with a queue of `inbox_bytes`.
    pub(crate) fn new(path: Path, port: &Arc<Port>, inbox_bytes: usize) -> Route {
        Route {
            remote: path.remote,
            port: Arc::downgrade(port),
            inbox: Mutex::new(Inbox::of_size(inbox_bytes)),
            local: Mutex::new(Local {
                last: path.local,
                pinned: None,
            }),
            queued: AtomicUsize::new(0),
            interest: Interest::default(),
        }
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// False from the moment that the listener stops or the socket is closed.
    pub(crate) fn is_open(&self) -> bool {
        self.queued.load(Ordering::Acquire) != SHUT
    }

    /// How many datagrams are queued, without a lock; `None` if it is shut.
    pub(crate) fn queued(&self) -> Option<usize> {
        let queued = self.queued.load(Ordering::Acquire);
        (queued != SHUT).then_some(queued)
    }

    /// Discards what is queued, and queues nothing from here on.
    pub(crate) fn shut(&self) {
        let mut inbox = lock(&self.inbox);
        inbox.clear();
        self.queued.store(SHUT, Ordering::Release);
    }

    /// Changes the inbox, unless the route is shut, and updates `queued`.
    fn change<R>(&self, body: impl FnOnce(&mut Inbox) -> R) -> Option<R> {
        let mut inbox = lock(&self.inbox);
        if !self.is_open() {
            return None;
        }
        let result = body(&mut inbox);
        self.queued.store(inbox.datagrams(), Ordering::Release);
        Some(result)
    }

    /// The listener's port, unless the listener is stopped.
    pub(crate) fn port(&self) -> Option<Arc<Port>> {
        self.port.upgrade()
    }

    /// Queues a datagram that was sent to this local address.
    pub(crate) fn deliver(&self, local: Option<LocalAddress>, datagram: &[u8]) {
        // The remote is the same for all: the inbox stores the local address in its place.
        let local = LocalAddress::to_socket_addr(local);
        if self.change(|inbox| inbox.push(local, datagram)) == Some(false) {
            log::trace!(target: "udp", "dropped a datagram of {}: its queue is full", self.remote);
        }
    }

    /// The destination of the datagram taken last.
    pub(crate) fn last_local(&self) -> Option<LocalAddress> {
        lock(&self.local).last
    }

    /// See [`crate::DatagramSocket::pin_local_address`].
    pub(crate) fn pin_local(&self) {
        let mut local = lock(&self.local);
        local.pinned = local.last;
    }

    /// The path of a datagram to the remote.
    fn path(&self, port: &Port) -> Path {
        let mut path = Path::of(self.remote);
        if port.socket().reports_local() {
            let local = lock(&self.local);
            path.local = local.pinned.or(local.last);
        }
        path
    }

    /// The path of a reply to the datagram taken last, whether or not another address is pinned.
    fn reply_path(&self) -> Path {
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

    /// See [`crate::DatagramSocket::send_deferred`].
    pub(crate) fn send_deferred(&self, datagram: &[u8]) -> Result<(), Error> {
        let port = self.port().ok_or(Error::Failed)?;
        io_thread::send(&port, self.path(&port), datagram)
    }

    /// See [`crate::DatagramSocket::reply_deferred`].
    pub(crate) fn reply_deferred(&self, datagram: &[u8]) -> Result<(), Error> {
        let port = self.port().ok_or(Error::Failed)?;
        io_thread::send(&port, self.reply_path(), datagram)
    }
}
