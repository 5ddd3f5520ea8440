//! A socket for datagrams to and from one remote, or several: the engine's `PacketPeerUDP`.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use crate::address::Family;
use crate::bind_address::BindAddress;
use crate::error::Error;
use crate::inbox::Inbox;
use crate::lock::lock;
use crate::multicast::{self, Membership};
use crate::own_socket::OwnSocket;
use crate::queue_probe::QueueProbe;
use crate::route::Route;
use crate::scoped::ScopedIp;
use crate::socket::Socket;
use crate::table::Table;
use state::State;

mod exchange;
mod state;

/// Sends and receives datagrams, on a socket of its own or, if [`crate::Listener::accept`] returned it, on the
/// listener's port.
///
/// Dropping it closes it.
pub struct DatagramSocket {
    /// As long as the route is open, `state` does not matter: sending, receiving and queries need no lock of it. Once
    /// the route is shut, by the listener or by closing, this is a socket like any other.
    accepted: Option<Accepted>,
    state: Mutex<State>,
}

/// The place of an accepted socket in its listener.
struct Accepted {
    route: Arc<Route>,
    table: Weak<Mutex<Table>>,
}

impl DatagramSocket {
    /// A socket that is not open.
    #[must_use]
    pub fn new() -> DatagramSocket {
        DatagramSocket::with(None)
    }

    pub(crate) fn accepted(route: Arc<Route>, table: Weak<Mutex<Table>>) -> DatagramSocket {
        DatagramSocket::with(Some(Accepted { route, table }))
    }

    fn with(accepted: Option<Accepted>) -> DatagramSocket {
        let remote = accepted.as_ref().map(|accepted| accepted.route.remote());
        DatagramSocket {
            accepted,
            state: Mutex::new(State::new(remote)),
        }
    }

    /// Binds to a local port (0: the system chooses) and address: `PacketPeerUDP.bind`.
    ///
    /// `receive_buffer` is how many bytes may be queued between two reads: the queue's size is the next power of two
    /// above it, less one, and each datagram counts [`crate::DATAGRAM_OVERHEAD`] bytes more than its payload.
    ///
    /// # Errors
    /// [`Error::AlreadyInUse`]: already open. [`Error::CantCreate`]: no socket. [`Error::Unavailable`]: port taken, or
    /// not an address of this machine.
    pub fn bind(
        &self,
        port: u16,
        address: BindAddress,
        receive_buffer: usize,
    ) -> Result<(), Error> {
        let mut state = lock(&self.state);
        if self.is_accepted() || state.own.is_some() {
            return Err(Error::AlreadyInUse);
        }
        let socket = Socket::bind(address, port)?;
        log::debug!(target: "udp", "bound to port {} ({address:?})", socket.local_port());
        let _ = socket.set_broadcast(state.broadcast);
        let inbox = Inbox::for_receive_buffer(receive_buffer);
        state.own = Some(OwnSocket::new(socket, inbox));
        Ok(())
    }

    /// From here on sends to `host` only and receives from it only: `PacketPeerUDP.connect_to_host`. Opens a socket if
    /// there is none. May be called again with another host.
    ///
    /// What was received before is discarded, in the kernel's buffer too. (The engine discards the bytes but not their
    /// count, and then returns what others had sent before as the new remote's; and it ignores `set_broadcast_enabled`
    /// here, so that broadcast addresses can never be connected to.)
    ///
    /// # Errors
    /// [`Error::Locked`]: accepted. [`Error::InvalidParameter`]: port 0. [`Error::CantOpen`]: no socket.
    /// [`Error::Failed`]: the socket cannot reach `host`; it is closed then, as in the engine.
    pub fn connect(&self, host: impl Into<ScopedIp>, port: u16) -> Result<(), Error> {
        let mut state = self.unaccepted()?;
        if port == 0 {
            return Err(Error::InvalidParameter);
        }
        let host = state.with_interface(host.into());
        let remote = host.with_port(port);
        let own = state
            .open(Family::of(host.ip()))
            .map_err(|_| Error::CantOpen)?;
        if let Err(error) = own.connect(remote) {
            state.own = None;
            return Err(error);
        }
        log::debug!(target: "udp", "connected to {remote} from port {}", own.socket.local_port());
        state.remote = Some(remote);
        Ok(())
    }

    /// Sets where [`DatagramSocket::send`] sends to, if it is not connected: `PacketPeerUDP.set_dest_address`.
    ///
    /// # Errors
    /// [`Error::Locked`]: connected or accepted; nothing changes. (The engine prints "Destination
    /// address cannot be set for connected sockets", changes nothing, and the script's call still returns `OK`.)
    pub fn set_destination(&self, host: impl Into<ScopedIp>, port: u16) -> Result<(), Error> {
        let mut state = self.unaccepted()?;
        if state.is_connected() {
            return Err(Error::Locked);
        }
        state.remote = Some(state.with_interface(host.into()).with_port(port));
        Ok(())
    }

    /// Allows sending to broadcast addresses, now and on sockets opened later: `PacketPeerUDP.set_broadcast_enabled`.
    /// IPv6 has none; the call does nothing there.
    ///
    /// # Errors
    /// [`Error::Locked`]: accepted. [`Error::Failed`]: the system refused.
    pub fn set_broadcast(&self, enabled: bool) -> Result<(), Error> {
        let mut state = self.unaccepted()?;
        if let Some(own) = &state.own {
            own.socket.set_broadcast(enabled)?;
        }
        state.broadcast = enabled;
        Ok(())
    }

    /// Joins a multicast group on one interface: `PacketPeerUDP.join_multicast_group`. Opens a socket if there is none.
    ///
    /// IPv4 needs the name of an interface that has an IPv4 address; with IPv6 a name that no interface has, the empty
    /// one included, means the system's default.
    ///
    /// # Errors
    /// [`Error::Locked`]: accepted. [`Error::InvalidParameter`]: no such interface (IPv4), or a group that
    /// is not of the socket's family. [`Error::Failed`]: no socket, or the system refused, as it does when the group
    /// is joined already.
    pub fn join_multicast(&self, group: IpAddr, interface_name: &str) -> Result<(), Error> {
        let mut state = self.unaccepted()?;
        let own = state.open(Family::of(group)).map_err(|_| Error::Failed)?;
        multicast::change(&own.socket, group, interface_name, Membership::Join)
    }

    /// Leaves a multicast group on one interface: `PacketPeerUDP.leave_multicast_group`.
    ///
    /// # Errors
    /// As [`DatagramSocket::join_multicast`], and [`Error::Unconfigured`]: not open.
    pub fn leave_multicast(&self, group: IpAddr, interface_name: &str) -> Result<(), Error> {
        let state = self.unaccepted()?;
        let own = state.own.as_ref().ok_or(Error::Unconfigured)?;
        multicast::change(&own.socket, group, interface_name, Membership::Leave)
    }

    /// Has the kernel keep this many bytes of what arrives and of what is sent (`SO_RCVBUF`, `SO_SNDBUF`), if it keeps less
    /// and as far as the system allows. Datagrams count with the kernel's overhead, which is several hundred bytes for each.
    ///
    /// # Errors
    /// [`Error::Locked`]: accepted. [`Error::Unconfigured`]: not open.
    pub fn grow_kernel_buffers(&self, bytes: usize) -> Result<(), Error> {
        let state = self.unaccepted()?;
        let own = state.own.as_ref().ok_or(Error::Unconfigured)?;
        own.socket.grow_buffers(bytes);
        Ok(())
    }

    /// Whether [`DatagramSocket::send`] waits while the send buffer is full; true unless set, as in the engine
    /// (`PacketPeerUDP::set_blocking_mode`, which scripts cannot call). Receiving never waits.
    pub fn set_blocking(&self, blocking: bool) {
        lock(&self.state).blocking = blocking;
    }

    /// Whether a listener accepted it and is still listening, and it is not closed. What would change the socket then
    /// fails with [`Error::Locked`].
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.route().is_some()
    }

    /// Whether there is an open socket: `PacketPeerUDP.is_bound`.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.is_accepted() || lock(&self.state).own.is_some()
    }

    /// Whether it is connected to one remote: `PacketPeerUDP.is_socket_connected`. Accepted sockets are.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.is_accepted() || lock(&self.state).is_connected()
    }

    /// The local port, 0 if there is none: `PacketPeerUDP.get_local_port`.
    #[must_use]
    pub fn local_port(&self) -> u16 {
        match self.route() {
            Some(route) => route.port().map_or(0, |port| port.socket().local_port()),
            None => {
                let socket = lock(&self.state).socket();
                socket.map_or(0, |socket| socket.local_port())
            }
        }
    }

    /// Where [`DatagramSocket::send`] sends to: the last argument of [`DatagramSocket::connect`] or
    /// [`DatagramSocket::set_destination`], or the remote of an accepted socket. It stays after closing, as in the
    /// engine.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        lock(&self.state).remote
    }

    /// The sender of the datagram that [`DatagramSocket::receive`] last returned (`get_packet_ip`, `get_packet_port`);
    /// of an accepted socket its remote, even before the first. It stays after closing, as in the engine.
    #[must_use]
    pub fn last_source(&self) -> Option<SocketAddr> {
        lock(&self.state).last_source
    }

    /// Shows the result of [`DatagramSocket::has_datagrams`] without this socket; `None` if it is not accepted.
    #[must_use]
    pub fn queue_probe(&self) -> Option<QueueProbe> {
        self.route().map(QueueProbe::new)
    }

    /// Whether `probe` is this socket's.
    #[must_use]
    pub fn owns_probe(&self, probe: &QueueProbe) -> bool {
        self.accepted
            .as_ref()
            .is_some_and(|accepted| probe.is_of(&accepted.route))
    }

    /// Sets the token that [`crate::Listener::take_ready`] returns when this socket receives datagrams; `None` removes
    /// it. The caller chooses the number. Datagrams that are queued count as just received.
    ///
    /// # Errors
    /// [`Error::Unconfigured`]: not accepted.
    pub fn set_token(&self, token: Option<u64>) -> Result<(), Error> {
        let accepted = self.open_accepted().ok_or(Error::Unconfigured)?;
        if let Some(table) = accepted.table.upgrade() {
            lock(&table).register(&accepted.route, token);
        }
        Ok(())
    }

    /// Makes a new socket for the same remote pending in the listener: a client that was restarted sends from its old
    /// address and begins anew (RFC 6347, 4.2.8).
    ///
    /// The new socket's first datagram is `first`, such as one that was taken from this socket, or an empty one. What
    /// is queued here follows, and then whatever arrives from now on. This socket stays open and connected and can send
    /// until it is closed or the listener stops, but receives nothing more. Closing it does not affect the new one.
    ///
    /// # Errors
    /// Nothing has changed after an error. [`Error::Busy`]: no further socket may be pending; it counts as
    /// [`crate::Listener::refused`]. [`Error::Unconfigured`]: not accepted, or replaced before.
    pub fn replace(&self, first: &[u8]) -> Result<(), Error> {
        let accepted = self.open_accepted().ok_or(Error::Unconfigured)?;
        let table = accepted.table.upgrade().ok_or(Error::Unconfigured)?;
        lock(&table).replace(&accepted.route, first)
    }

    /// Makes the local address that the datagram taken last was sent to the source address from here on.
    ///
    /// If the listener has several addresses, an accepted socket sends from the one that its remote last sent to.
    /// Anybody can forge a datagram from the remote to another address, so pin the address once the remote is verified.
    /// Does nothing for other sockets.
    pub fn pin_local_address(&self) {
        if let Some(route) = self.route() {
            route.pin_local();
        }
    }

    /// How many datagrams were dropped because the queue was full, since the socket was opened or accepted; 0 while
    /// closed.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        if let Some(route) = self.route() {
            return route.dropped();
        }
        let state = lock(&self.state);
        state.own.as_ref().map_or(0, |own| own.inbox.dropped())
    }

    /// Closes the socket, or leaves the listener: `PacketPeerUDP.close`. What is queued is discarded.
    ///
    /// (The engine keeps the bytes in its ring buffer: after another `bind` it returns those instead of the new ones.)
    pub fn close(&self) {
        // The state is not locked: this takes the table's lock.
        if let Some(accepted) = self.open_accepted() {
            accepted.route.shut();
            if let Some(table) = accepted.table.upgrade() {
                lock(&table).remove(&accepted.route);
            }
        }
        lock(&self.state).own = None;
    }

    /// The route, while it is open.
    fn route(&self) -> Option<&Arc<Route>> {
        self.route_and_queued().map(|(route, _)| route)
    }

    fn route_and_queued(&self) -> Option<(&Arc<Route>, usize)> {
        let route = &self.accepted.as_ref()?.route;
        Some((route, route.queued()?))
    }

    fn open_accepted(&self) -> Option<&Accepted> {
        self.accepted
            .as_ref()
            .filter(|accepted| accepted.route.is_open())
    }

    /// The state of a socket that is not accepted.
    ///
    /// # Errors
    /// [`Error::Locked`]: it is.
    fn unaccepted(&self) -> Result<MutexGuard<'_, State>, Error> {
        let state = lock(&self.state);
        if self.is_accepted() {
            return Err(Error::Locked);
        }
        Ok(state)
    }
}

impl Default for DatagramSocket {
    fn default() -> DatagramSocket {
        DatagramSocket::new()
    }
}

impl Drop for DatagramSocket {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::Listener;

    #[test]
    fn an_idle_accepted_socket_is_queried_without_a_lock() {
        let listener = Listener::new();
        let ip = IpAddr::from([127, 0, 0, 1]);
        listener.listen(0, BindAddress::Ip(ip)).unwrap();
        let client = UdpSocket::bind((ip, 0)).unwrap();
        client
            .send_to(b"hello", (ip, listener.local_port()))
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        let socket = loop {
            listener.poll().unwrap();
            if let Some(socket) = listener.accept() {
                break socket;
            }
            assert!(Instant::now() < deadline, "no socket is pending");
        };
        assert_eq!(socket.has_datagrams(), Ok(true));
        socket.receive(&mut Vec::new()).unwrap();

        let route = socket.route().unwrap();
        let held = (lock(&socket.state), route.lock_inbox());
        let (done, finished) = mpsc::channel();
        let other = Arc::clone(&socket);
        std::thread::spawn(move || {
            assert_eq!(other.has_datagrams(), Ok(false));
            assert_eq!(other.available(), Ok(0));
            assert_eq!(other.receive(&mut Vec::new()), Err(Error::Unavailable));
            assert!(other.is_bound() && other.is_connected() && other.is_accepted());
            done.send(()).unwrap();
        });
        assert_eq!(finished.recv_timeout(Duration::from_secs(30)), Ok(()));
        drop(held);
    }
}
