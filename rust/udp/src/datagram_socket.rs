//! One end that packets go to and come from: the engine's `PacketPeerUDP`.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::address::BindAddress;
use crate::error::Error;
use crate::inbox::Inbox;
use crate::lock::lock;
use crate::multicast::{self, Membership};
use crate::own_socket::OwnSocket;
use crate::queue_probe::QueueProbe;
use crate::readiness;
use crate::route::Route;
use crate::scoped::ScopedIp;
use crate::socket::{Family, Socket};

/// Sends and receives datagrams, on a socket of its own or, if a [`crate::Listener`] accepted it, on the listener's.
///
/// Dropping it closes it.
pub struct DatagramSocket {
    /// The way to the listener that accepted it. As long as it is open nothing else of the peer matters, so that sending,
    /// receiving and asking do without the state's lock; once it is shut, by the listener or by closing, the peer
    /// is as any other.
    route: Option<Arc<Route>>,
    state: Mutex<State>,
}

struct State {
    own: Option<OwnSocket>,
    /// Survives `close`, as in the engine: a later `send` opens a socket again.
    remote: Option<SocketAddr>,
    last_source: Option<SocketAddr>,
    blocking: bool,
    broadcast: bool,
}

impl DatagramSocket {
    /// A peer without a socket.
    #[must_use]
    pub fn new() -> DatagramSocket {
        DatagramSocket::with(None)
    }

    pub(crate) fn accepted(route: Arc<Route>) -> DatagramSocket {
        DatagramSocket::with(Some(route))
    }

    fn with(route: Option<Arc<Route>>) -> DatagramSocket {
        let remote = route.as_ref().map(|route| route.remote());
        DatagramSocket {
            route,
            state: Mutex::new(State {
                own: None,
                remote,
                last_source: remote,
                blocking: true,
                broadcast: false,
            }),
        }
    }

    /// Binds to a local port (0: the system chooses) and address: `PacketPeerUDP.bind`.
    ///
    /// `receive_buffer` is how many bytes may be queued between two reads; the queue is the next power of two above
    /// it, less one, and each datagram counts [`crate::DATAGRAM_OVERHEAD`] bytes more than its payload.
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
        let _ = socket.set_broadcast(state.broadcast);
        let inbox = Inbox::for_receive_buffer(receive_buffer);
        state.own = Some(OwnSocket::new(socket, inbox));
        Ok(())
    }

    /// Sends to `host` alone and receives from it alone from here on: `PacketPeerUDP.connect_to_host`. Opens a socket if
    /// there is none. May be called again with another host.
    ///
    /// Everything received before is forgotten, in the kernel's buffer too. (The engine forgets the bytes and not
    /// their count, then hands out what unknown had sent before as the new remote's; and it ignores
    /// `set_broadcast_enabled` here, so that broadcast addresses can never be connected to.)
    ///
    /// # Errors
    /// [`Error::Locked`]: belongs to a listener. [`Error::InvalidParameter`]: port 0. [`Error::CantOpen`]: no socket.
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
        state.remote = Some(remote);
        Ok(())
    }

    /// Where [`DatagramSocket::send`] sends to, for a peer that is not connected: `PacketPeerUDP.set_dest_address`.
    ///
    /// # Errors
    /// [`Error::Locked`]: connected, or belonging to a listener; nothing changes. (The engine prints "Destination
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
    /// [`Error::Locked`]: belongs to a listener. [`Error::Failed`]: the system refused.
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
    /// [`Error::Locked`]: belongs to a listener. [`Error::InvalidParameter`]: no such interface (IPv4), or a group that
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

    /// Whether [`DatagramSocket::send`] waits while the send buffer is full; true unless set, as in the engine
    /// (`PacketPeerUDP::set_blocking_mode`, which scripts cannot call). Receiving never waits.
    pub fn set_blocking(&self, blocking: bool) {
        lock(&self.state).blocking = blocking;
    }

    /// Waits until something can be received: `PacketPeerUDP.wait`. An accepted peer waits for anything on the
    /// listener's socket, since somebody has to poll that.
    ///
    /// Returns at once if something is queued already. (The engine looks at the socket alone, and waits on though a
    /// packet is queued.) If the peer is closed meanwhile the wait ends within 20 milliseconds or so.
    ///
    /// # Errors
    /// [`Error::Unconfigured`]: not open, or closed meanwhile. [`Error::Failed`]: an error waits on the socket.
    pub fn wait(&self) -> Result<(), Error> {
        loop {
            let is_readable = if let Some((route, queued)) = self.route_and_queued() {
                if queued > 0 {
                    return Ok(());
                }
                let port = route.port().ok_or(Error::Unconfigured)?;
                if !port.recv_queue().turn().is_empty() {
                    return Ok(());
                }
                readiness::readable(port.poll_fd())?
            } else {
                let socket = match &lock(&self.state).own {
                    None => return Err(Error::Unconfigured),
                    Some(own) if !own.inbox.is_empty() => return Ok(()),
                    Some(own) => Arc::clone(&own.socket),
                };
                readiness::readable(socket.udp())?
            };
            if is_readable {
                return Ok(());
            }
        }
    }

    /// Whether the peer belongs to a listener. It then refuses, with [`Error::Locked`], what would change the socket.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.route().is_some()
    }

    /// Whether there is an open socket: `PacketPeerUDP.is_bound`.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.is_accepted() || lock(&self.state).own.is_some()
    }

    /// Whether the peer is connected to one remote: `PacketPeerUDP.is_socket_connected`. Accepted peers are.
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

    /// Where [`DatagramSocket::send`] sends to: what was last given to [`DatagramSocket::connect`] or [`DatagramSocket::set_destination`], or the
    /// remote of an accepted peer. Closing does not forget it, as in the engine.
    #[must_use]
    pub fn remote(&self) -> Option<SocketAddr> {
        lock(&self.state).remote
    }

    /// The sender of the datagram last taken with [`DatagramSocket::receive`] (`get_packet_ip`, `get_packet_port`). For an accepted
    /// peer its remote, even before the first. Closing does not forget it, as in the engine.
    #[must_use]
    pub fn last_source(&self) -> Option<SocketAddr> {
        lock(&self.state).last_source
    }

    /// How many datagrams are queued: `PacketPeerUDP.get_available_packet_count`, whose -1 is an error here.
    ///
    /// Reads the peer's own socket first, at most [`crate::MAX_DATAGRAMS_PER_POLL`] datagrams; an accepted peer's are
    /// put there by [`crate::Listener::poll`].
    ///
    /// # Errors
    /// [`Error::Failed`]: not open. [`Error::Refused`]: an ICMP answer to an earlier send, once for each. What is
    /// queued stays queued.
    pub fn available(&self) -> Result<usize, Error> {
        if let Some((_, queued)) = self.route_and_queued() {
            return Ok(queued);
        }
        let mut state = lock(&self.state);
        let own = state.own.as_mut().ok_or(Error::Failed)?;
        own.poll()?;
        Ok(own.inbox.datagrams())
    }

    /// Whether [`DatagramSocket::receive`] has something to take, at the least cost that this can be known: for an accepted peer one
    /// look at a number, without a lock or a system call; for a peer with a socket of its own and nothing queued one
    /// read of that socket.
    ///
    /// # Errors
    /// As [`DatagramSocket::available`].
    pub fn has_datagrams(&self) -> Result<bool, Error> {
        if let Some((_, queued)) = self.route_and_queued() {
            return Ok(queued > 0);
        }
        let mut state = lock(&self.state);
        state.own.as_mut().ok_or(Error::Failed)?.has_datagrams()
    }

    /// What tells whether anything has come for this peer, as [`DatagramSocket::has_datagrams`] does, without the peer at hand;
    /// `None` if the peer does not belong to a listener.
    #[must_use]
    pub fn queue_probe(&self) -> Option<QueueProbe> {
        self.route().map(QueueProbe::new)
    }

    pub(crate) fn is_on(&self, route: &Arc<Route>) -> bool {
        self.route
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(own, route))
    }

    /// Names the peer for [`crate::Listener::take_ready`], which hands the token back when there are datagrams for it;
    /// `None` ends that. The token is the caller's: it may be a number, an index, the name of anything. Datagrams
    /// that are queued already count as new.
    ///
    /// # Errors
    /// [`Error::Unconfigured`]: the peer does not belong to a listener.
    pub fn set_token(&self, token: Option<u64>) -> Result<(), Error> {
        self.route().ok_or(Error::Unconfigured)?.set_token(token);
        Ok(())
    }

    /// Gives the remote's address up to a newcomer: a client that was restarted sends from the address that it had, and is
    /// to be met as if it came for the first time (RFC 6347, 4.2.8).
    ///
    /// A new peer of the same address becomes pending in the listener. Its first datagram is `first`, such as one that the
    /// caller has taken from this peer, or an empty one; what is still queued here came later and follows it, and so does whatever arrives
    /// from now on. This peer changes in nothing else: it is open and connected and can send until it is closed or the
    /// listener stops, and receives nothing any more. Closing it does not touch the newcomer.
    ///
    /// # Errors
    /// Nothing has changed after an error. [`Error::Busy`]: no further peer may be pending; it counts as
    /// [`crate::Listener::refused`]. [`Error::Unconfigured`]: the peer does not belong to a listener, or was replaced already.
    pub fn replace(&self, first: &[u8]) -> Result<(), Error> {
        self.route().ok_or(Error::Unconfigured)?.replace(first)
    }

    /// Replaces the content of `into` by the oldest datagram and returns its sender: `PacketPeerUDP.get_packet`.
    ///
    /// Queued datagrams come first; only then is an own socket read, so that draining a peer costs one system call a
    /// datagram. On an error `into` is empty.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: nothing there. [`Error::Failed`], [`Error::Refused`]: as in [`DatagramSocket::available`].
    pub fn receive(&self, into: &mut Vec<u8>) -> Result<SocketAddr, Error> {
        if let Some(route) = self.route() {
            // `last_source` is the remote from the beginning.
            return route.receive(into);
        }
        let mut state = lock(&self.state);
        let Some(own) = &mut state.own else {
            into.clear();
            return Err(Error::Failed);
        };
        let from = own.receive(into)?;
        state.last_source = Some(from);
        Ok(from)
    }

    /// Sends one datagram, which may be empty, to [`DatagramSocket::remote`]: `PacketPeerUDP.put_packet`. Opens a socket of the
    /// remote's family if there is none; so does the engine, even for a peer whose listener has stopped.
    ///
    /// In blocking mode it waits while the send buffer is full, without holding a lock.
    ///
    /// # Errors
    /// [`Error::Unconfigured`]: no destination. [`Error::Busy`]: send buffer full, in non-blocking mode.
    /// [`Error::Refused`]: the ICMP answer to an earlier send on a connected socket (this datagram was not sent then).
    /// [`Error::TooLarge`]: over 65,507 bytes for IPv4. [`Error::Failed`]: destination out of reach, closed while waiting.
    pub fn send(&self, datagram: &[u8]) -> Result<(), Error> {
        let mut opens = true;
        loop {
            if let Some(route) = self.route() {
                match route.send(datagram) {
                    Err(Error::Busy) if lock(&self.state).blocking => {
                        let port = route.port().ok_or(Error::Failed)?;
                        readiness::writable(port.socket().udp())?;
                    }
                    result => return result,
                }
            } else {
                let full = {
                    let mut state = lock(&self.state);
                    match state.send(datagram, opens) {
                        Err(Error::Busy) if state.blocking => {
                            state.socket().ok_or(Error::Failed)?
                        }
                        result => return result,
                    }
                };
                readiness::writable(full.udp())?;
            }
            // From here on a closed peer was closed by another thread, and stays closed.
            opens = false;
        }
    }

    /// As [`DatagramSocket::send`], for one of the many datagrams of a tick: an accepted peer's datagram may be sent by a thread of the
    /// listener's, while the caller goes on, once the listener's peers have sent a few since it was polled last.
    /// Datagrams of one peer leave in order as long as all are sent by this method.
    ///
    /// # Errors
    /// As [`DatagramSocket::send`], but for [`Error::Busy`]: it does not wait. What the thread could not send is lost and
    /// counted ([`crate::Listener::unsent`]).
    pub fn send_deferred(&self, datagram: &[u8]) -> Result<(), Error> {
        match self.route() {
            Some(route) => route.send_deferred(datagram),
            None => self.send(datagram),
        }
    }

    /// As [`DatagramSocket::send_deferred`], for the answer to the datagram that was taken last: it goes out from the address that that one
    /// came to, whatever [`DatagramSocket::pin_local_address`] has set.
    ///
    /// # Errors
    /// As [`DatagramSocket::send_deferred`].
    pub fn reply_deferred(&self, datagram: &[u8]) -> Result<(), Error> {
        match self.route() {
            Some(route) => route.reply_deferred(datagram),
            None => self.send(datagram),
        }
    }

    /// Has an accepted peer send from the local address that the datagram taken last came to, from here on.
    ///
    /// Of a machine with several addresses a peer sends from the one that its remote has asked last, where its listener has
    /// them all. Anybody can ask another in the remote's name, so an owner that has verified the remote keeps to the
    /// address that it verified it at. Does nothing for other peers.
    pub fn pin_local_address(&self) {
        if let Some(route) = self.route() {
            route.pin_local();
        }
    }

    /// How many datagrams were dropped because the queue was full, since the socket was opened or the peer accepted; 0
    /// while closed.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        if let Some(route) = self.route() {
            return route.dropped();
        }
        let state = lock(&self.state);
        state.own.as_ref().map_or(0, |own| own.inbox.dropped())
    }

    /// Closes the socket, or leaves the listener: `PacketPeerUDP.close`. What is queued is lost.
    ///
    /// (The engine keeps old bytes in its ring buffer: a peer that is bound again reads those instead of the new ones.)
    pub fn close(&self) {
        // The peer's state is not locked: leaving takes the listener's lock.
        if let Some(route) = self.route() {
            route.leave();
        }
        lock(&self.state).own = None;
    }

    /// The way to the listener, while the peer belongs to it.
    fn route(&self) -> Option<&Arc<Route>> {
        self.route_and_queued().map(|(route, _)| route)
    }

    fn route_and_queued(&self) -> Option<(&Arc<Route>, usize)> {
        let route = self.route.as_ref()?;
        Some((route, route.queued()?))
    }

    /// The state of a peer that does not belong to a listener.
    ///
    /// # Errors
    /// [`Error::Locked`]: it does.
    fn unaccepted(&self) -> Result<MutexGuard<'_, State>, Error> {
        let state = lock(&self.state);
        if self.is_accepted() {
            return Err(Error::Locked);
        }
        Ok(state)
    }
}

impl State {
    fn is_connected(&self) -> bool {
        self.own.as_ref().is_some_and(OwnSocket::is_connected)
    }

    fn socket(&self) -> Option<Arc<Socket>> {
        self.own.as_ref().map(|own| Arc::clone(&own.socket))
    }

    /// An address with its interface, if it lacks it and is that of the sender of the datagram taken last: scripts answer to
    /// the address that they were shown, and that has no interface.
    fn with_interface(&self, host: ScopedIp) -> ScopedIp {
        match self.last_source {
            Some(SocketAddr::V6(source)) if host.lacks_interface() && host.ip() == *source.ip() => {
                host.on(source.scope_id())
            }
            _ => host,
        }
    }

    /// The peer's own socket; a new one of `family` if it is closed.
    fn open(&mut self, family: Family) -> Result<&mut OwnSocket, Error> {
        if self.own.is_none() {
            let socket = Socket::open(family).map_err(|_| Error::Failed)?;
            let _ = socket.set_broadcast(self.broadcast);
            self.own = Some(OwnSocket::new(socket, Inbox::new()));
        }
        self.own.as_mut().ok_or(Error::Failed)
    }

    fn send(&mut self, datagram: &[u8], opens: bool) -> Result<(), Error> {
        let remote = self.remote.ok_or(Error::Unconfigured)?;
        match &self.own {
            Some(own) => own.send(datagram, remote),
            None if opens => self.open(Family::of(remote.ip()))?.send(datagram, remote),
            None => Err(Error::Failed),
        }
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
    fn an_idle_accepted_peer_is_asked_without_a_lock() {
        let listener = Listener::new();
        let ip = IpAddr::from([127, 0, 0, 1]);
        listener.listen(0, BindAddress::Ip(ip)).unwrap();
        let client = UdpSocket::bind((ip, 0)).unwrap();
        client
            .send_to(b"hello", (ip, listener.local_port()))
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        let peer = loop {
            listener.poll().unwrap();
            if let Some(peer) = listener.accept() {
                break peer;
            }
            assert!(Instant::now() < deadline, "no peer is pending");
        };
        assert_eq!(peer.has_datagrams(), Ok(true));
        peer.receive(&mut Vec::new()).unwrap();

        let route = peer.route().unwrap();
        let held = (lock(&peer.state), route.lock_inbox());
        let (done, asked) = mpsc::channel();
        let other = Arc::clone(&peer);
        std::thread::spawn(move || {
            assert_eq!(other.has_datagrams(), Ok(false));
            assert_eq!(other.available(), Ok(0));
            assert_eq!(other.receive(&mut Vec::new()), Err(Error::Unavailable));
            assert!(other.is_bound() && other.is_connected() && other.is_accepted());
            done.send(()).unwrap();
        });
        assert_eq!(asked.recv_timeout(Duration::from_secs(30)), Ok(()));
        drop(held);
    }
}
