//! What a listener knows: its port, a route for each remote address, and which of them are pending.

use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use crate::error::Error;
use crate::inbox::DEFAULT_INBOX_BYTES;
use crate::path::Path;
use crate::port::{KernelBuffers, Port};
use crate::route::Route;

/// The engine's default (class reference of `UDPServer.max_pending_connections`).
const DEFAULT_MAX_PENDING: usize = 16;

/// Closed routes are removed from the list of ready ones when it is longer than twice the routes by so many.
const READY_SLACK: usize = 64;

pub(crate) struct Table {
    port: Option<Arc<Port>>,
    pub(crate) kernel_buffers: KernelBuffers,
    /// The size of the queues of sockets that become pending from now on.
    pub(crate) inbox_bytes: usize,
    /// Of pending and accepted sockets. The standard hasher is keyed, so senders cannot choose addresses that collide.
    routes: HashMap<Sender, Arc<Route>>,
    /// Oldest first.
    pending: VecDeque<Arc<Route>>,
    /// Registered routes that received datagrams since the list was last taken, in order of the first, each once.
    ready: Vec<Arc<Route>>,
    /// Routes whose address belongs to a newer one: see [`Table::replace`]. They are shut with the table.
    replaced: Vec<Weak<Route>>,
    max_pending: usize,
    refused: u64,
    round: Option<Round>,
}

/// An address as the table's key. In tests, comparisons are counted.
#[derive(Clone, Copy, Eq)]
struct Sender(SocketAddr);

impl Hash for Sender {
    /// In few writes: it is hashed for each datagram.
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        match self.0 {
            SocketAddr::V4(v4) => {
                let ip = u64::from(v4.ip().to_bits());
                hasher.write_u64(ip << 16 | u64::from(v4.port()));
            }
            SocketAddr::V6(v6) => {
                hasher.write_u128(v6.ip().to_bits());
                hasher.write_u64(u64::from(v6.scope_id()) << 16 | u64::from(v6.port()));
            }
        }
    }
}

impl PartialEq for Sender {
    fn eq(&self, other: &Sender) -> bool {
        #[cfg(test)]
        search::count_comparison();
        self.0 == other.0
    }
}

/// A round of [`crate::Listener::poll_round`] in progress.
#[derive(Clone, Copy)]
pub(crate) struct Round {
    /// The frame it belongs to.
    pub(crate) tick: u64,
    /// How often it may still read the socket.
    pub(crate) reads_left: usize,
}

impl Table {
    pub(crate) fn new() -> Table {
        Table {
            port: None,
            kernel_buffers: KernelBuffers::default(),
            inbox_bytes: DEFAULT_INBOX_BYTES,
            routes: HashMap::new(),
            pending: VecDeque::new(),
            ready: Vec::new(),
            replaced: Vec::new(),
            max_pending: DEFAULT_MAX_PENDING,
            refused: 0,
            round: None,
        }
    }

    pub(crate) fn port(&self) -> Option<&Arc<Port>> {
        self.port.as_ref()
    }

    pub(crate) fn open(&mut self, port: Port) {
        self.port = Some(Arc::new(port));
    }

    /// Closes the port and shuts every route.
    pub(crate) fn close(&mut self) {
        for route in self.routes.values() {
            route.shut();
        }
        for route in self.replaced.drain(..) {
            if let Some(route) = route.upgrade() {
                route.shut();
            }
        }
        self.routes = HashMap::new();
        self.pending = VecDeque::new();
        self.ready = Vec::new();
        self.port = None;
        self.round = None;
    }

    /// Delivers datagrams that were read from `port` to their routes. A new address becomes pending if there is room.
    pub(crate) fn deliver<'a>(
        &mut self,
        port: &Arc<Port>,
        datagrams: impl Iterator<Item = (Path, &'a [u8])>,
    ) {
        for (path, datagram) in datagrams {
            self.deliver_one(port, path, datagram);
        }
        self.bound_ready();
    }

    fn deliver_one(&mut self, port: &Arc<Port>, path: Path, datagram: &[u8]) {
        let from = path.remote;
        if let Some(route) = self.routes.get(&Sender(from)) {
            route.deliver(path.local, datagram);
            list_if_registered(&mut self.ready, route);
        } else if !self.is_full() {
            log::trace!(target: "udp", "new remote address {from}");
            let route = Arc::new(Route::new(path, port, self.inbox_bytes));
            route.deliver(path.local, datagram);
            self.routes.insert(Sender(from), Arc::clone(&route));
            self.pending.push_back(route);
        } else {
            self.refused += 1;
            log::trace!(target: "udp", "refused {from}: {} sockets are pending", self.pending.len());
        }
    }

    /// Makes a new route for the address of `route` pending: see [`crate::DatagramSocket::replace`].
    pub(crate) fn replace(&mut self, route: &Arc<Route>, first: &[u8]) -> Result<(), Error> {
        let remote = route.remote();
        let port = self.port.as_ref().ok_or(Error::Unconfigured)?;
        if !self.knows(route) {
            return Err(Error::Unconfigured);
        }
        if self.is_full() {
            self.refused += 1;
            return Err(Error::Busy);
        }
        let path = Path {
            remote,
            local: route.last_local(),
        };
        let newer = Arc::new(Route::new(path, port, self.inbox_bytes));
        newer.deliver(path.local, first);
        let mut datagram = Vec::new();
        while route.receive(&mut datagram).is_ok() {
            newer.deliver(route.last_local(), &datagram);
        }
        self.routes.insert(Sender(remote), Arc::clone(&newer));
        self.pending.push_back(newer);
        if self.replaced.len() == self.replaced.capacity() {
            // It grows only if most of them still exist.
            self.replaced.retain(|route| route.strong_count() > 0);
        }
        self.replaced.push(Arc::downgrade(route));
        Ok(())
    }

    fn knows(&self, route: &Arc<Route>) -> bool {
        let known = self.routes.get(&Sender(route.remote()));
        known.is_some_and(|known| Arc::ptr_eq(known, route))
    }

    /// Registers a route for [`Table::take_ready`], or removes the registration. It is ready if it has datagrams.
    pub(crate) fn register(&mut self, route: &Arc<Route>, token: Option<u64>) {
        route.interest.set(token);
        if route.queued().is_some_and(|queued| queued > 0) {
            list_if_registered(&mut self.ready, route);
            self.bound_ready();
        }
    }

    /// Appends the tokens of the routes that are ready, oldest first.
    pub(crate) fn take_ready(&mut self, tokens: &mut Vec<u64>) {
        for route in self.ready.drain(..) {
            let token = route.interest.unlist();
            tokens.extend(token.filter(|_| route.is_open()));
        }
    }

    /// Bounds the list if it is never taken: removes closed routes when there are many. An open one is in it once.
    fn bound_ready(&mut self) {
        if self.ready.len() > 2 * self.routes.len() + READY_SLACK {
            self.ready.retain(|route| route.is_open());
        }
    }

    /// How many addresses have a route, pending ones included.
    pub(crate) fn clients(&self) -> usize {
        self.routes.len()
    }

    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether every new sender would be refused.
    pub(crate) fn is_full(&self) -> bool {
        self.pending.len() >= self.max_pending
    }

    pub(crate) fn take_oldest_pending(&mut self) -> Option<Arc<Route>> {
        self.pending.pop_front()
    }

    pub(crate) fn max_pending(&self) -> usize {
        self.max_pending
    }

    /// Keeps the oldest `max_pending` pending routes and removes the newer ones.
    pub(crate) fn set_max_pending(&mut self, max_pending: usize) {
        self.max_pending = max_pending;
        while self.pending.len() > max_pending {
            if let Some(route) = self.pending.pop_back() {
                route.shut();
                self.remove(&route);
                self.refused += 1;
            }
        }
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// The round in progress.
    pub(crate) fn round(&self) -> Option<Round> {
        self.round
    }

    pub(crate) fn set_round(&mut self, round: Option<Round>) {
        self.round = round;
    }

    /// Removes `route`, but not another one of the same address.
    pub(crate) fn remove(&mut self, route: &Arc<Route>) {
        if self.knows(route) {
            self.routes.remove(&Sender(route.remote()));
        }
    }
}

/// Adds a route that has datagrams to the list of ready ones, if it is registered and not in it.
fn list_if_registered(ready: &mut Vec<Arc<Route>>, route: &Arc<Route>) {
    if route.interest.list() {
        ready.push(Arc::clone(route));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BindAddress;

    #[test]
    fn a_ready_list_that_is_never_taken_is_bounded() {
        let mut table = Table::new();
        let ip = [127, 0, 0, 1];
        let buffers = KernelBuffers::default();
        let port = Port::listen(BindAddress::Ip(ip.into()), 0, buffers).unwrap();
        let port = Arc::new(port);
        for number in 1..2000 {
            let from = Path::of(SocketAddr::from((ip, number)));
            table.deliver(&port, [(from, &b"hello"[..])].into_iter());
            let route = table.take_oldest_pending().unwrap();
            table.register(&route, Some(1));
            route.shut();
            table.remove(&route);
            assert!(table.ready.len() <= READY_SLACK + 2);
        }
        let mut tokens = Vec::new();
        table.take_ready(&mut tokens);
        assert_eq!(tokens, [], "all are closed");
    }
}

#[cfg(test)]
mod search {
    use std::cell::Cell;
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::BindAddress;

    thread_local! {
        static COMPARISONS: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn count_comparison() {
        COMPARISONS.set(COMPARISONS.get() + 1);
    }

    #[test]
    fn a_datagram_finds_its_route_in_constant_time() {
        const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
        for routes in [10_u32, 10_000] {
            let mut table = Table::new();
            table.set_max_pending(routes as usize);
            table.open(
                Port::listen(BindAddress::Ip(LOOPBACK), 0, KernelBuffers::default()).unwrap(),
            );
            let port = Arc::clone(table.port().unwrap());
            let path = |route: u32| {
                Path::of(SocketAddr::new(
                    Ipv4Addr::from(0x0A00_0000 + route).into(),
                    4242,
                ))
            };
            for route in 0..routes {
                table.deliver(&port, [(path(route), &b"first"[..])].into_iter());
            }
            let before = COMPARISONS.get();
            for route in 0..routes {
                table.deliver(&port, [(path(route), &b"second"[..])].into_iter());
            }
            let compared = COMPARISONS.get() - before;
            // One each, and a few more for hashes that agree in some bits.
            assert!(compared <= 2 * routes as usize, "{compared} for {routes}");
            assert_eq!(table.take_oldest_pending().unwrap().queued(), Some(2));
        }
    }
}
