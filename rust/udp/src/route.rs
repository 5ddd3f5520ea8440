//! The link between a listener and one remote address: what the table delivers to and what an accepted peer holds.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use socket2::SockAddr;

use crate::error::Error;
use crate::inbox::Inbox;
use crate::lock::lock;
use crate::socket::Socket;
use crate::table::Table;

pub(crate) struct Route {
    remote: SocketAddr,
    /// The remote as the socket takes it.
    destination: Result<SockAddr, Error>,
    /// Weak, so that a stopped listener's port is free at once, whoever still holds a peer.
    socket: Weak<Socket>,
    table: Weak<Mutex<Table>>,
    inbox: Mutex<Inbox>,
    open: AtomicBool,
}

impl Route {
    pub(crate) fn new(
        remote: SocketAddr,
        socket: &Arc<Socket>,
        table: Weak<Mutex<Table>>,
    ) -> Route {
        Route {
            remote,
            destination: socket.destination(remote),
            socket: Arc::downgrade(socket),
            table,
            inbox: Mutex::new(Inbox::new()),
            open: AtomicBool::new(true),
        }
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// False from the moment the listener stops or the peer is closed.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Called by the table when it no longer knows this route.
    pub(crate) fn shut(&self) {
        self.open.store(false, Ordering::Release);
    }

    /// The listener's socket, unless it has stopped.
    pub(crate) fn socket(&self) -> Option<Arc<Socket>> {
        self.socket.upgrade()
    }

    pub(crate) fn deliver(&self, datagram: &[u8]) {
        lock(&self.inbox).push(self.remote, datagram);
    }

    pub(crate) fn queued(&self) -> usize {
        lock(&self.inbox).datagrams()
    }

    pub(crate) fn dropped(&self) -> u64 {
        lock(&self.inbox).dropped()
    }

    pub(crate) fn receive(&self, into: &mut Vec<u8>) -> Result<SocketAddr, Error> {
        match lock(&self.inbox).pop(into) {
            Some(from) => Ok(from),
            None => {
                into.clear();
                Err(Error::Unavailable)
            }
        }
    }

    pub(crate) fn send(&self, datagram: &[u8]) -> Result<(), Error> {
        let destination = self.destination.as_ref().map_err(|&error| error)?;
        self.socket()
            .ok_or(Error::Failed)?
            .send_to_destination(datagram, destination)
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
