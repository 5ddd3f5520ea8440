//! Receiving and sending.

use std::net::SocketAddr;
use std::sync::Arc;

use super::DatagramSocket;
use crate::address::canonical;
use crate::error::Error;
use crate::lock::lock;
use crate::readiness;

impl DatagramSocket {
    /// How many datagrams are queued: `PacketPeerUDP.get_available_packet_count`, whose -1 is an error here.
    ///
    /// Reads a socket of its own first, at most [`crate::MAX_DATAGRAMS_PER_POLL`] datagrams. [`crate::Listener::poll`]
    /// reads for accepted ones.
    ///
    /// # Errors
    /// [`Error::Failed`]: not open. [`Error::Refused`]: an ICMP error for an earlier send, once for each. What is
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

    /// Whether [`DatagramSocket::receive`] would return a datagram, at the least cost: for an accepted socket one
    /// atomic load; for a socket of its own, if nothing is queued, one read.
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

    /// Replaces the content of `into` by the oldest datagram and returns its sender: `PacketPeerUDP.get_packet`.
    ///
    /// A socket of its own is read only if nothing is queued, so draining it costs one system call a datagram. On an
    /// error `into` is empty.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: no datagram. [`Error::Failed`], [`Error::Refused`]: as in [`DatagramSocket::available`].
    pub fn receive(&self, into: &mut Vec<u8>) -> Result<SocketAddr, Error> {
        if let Some(route) = self.route() {
            // `last_source` is the remote already.
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

    /// Waits until something can be received: `PacketPeerUDP.wait`. An accepted socket waits for anything on the
    /// listener's port, which then has to be polled.
    ///
    /// Returns at once if something is queued. (The engine checks only the kernel's buffer.) If the socket is closed
    /// meanwhile, the wait ends within about 20 milliseconds.
    ///
    /// # Errors
    /// [`Error::Unconfigured`]: not open, or closed meanwhile. [`Error::Failed`]: the socket has a pending error.
    pub fn wait(&self) -> Result<(), Error> {
        loop {
            let is_readable = if let Some((route, queued)) = self.route_and_queued() {
                if queued > 0 {
                    return Ok(());
                }
                let port = route.port().ok_or(Error::Unconfigured)?;
                if !port.recv_queue().lock().is_empty() {
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

    /// Sends one datagram, which may be empty, to [`DatagramSocket::remote`]: `PacketPeerUDP.put_packet`. Opens a
    /// socket of the remote's family if there is none; so does the engine, even if it was accepted and the listener has
    /// stopped.
    ///
    /// In blocking mode it waits while the send buffer is full, without a lock.
    ///
    /// # Errors
    /// [`Error::Unconfigured`]: no destination. [`Error::Busy`]: send buffer full, in non-blocking mode.
    /// [`Error::Refused`]: an ICMP error for an earlier send on a connected socket; this datagram was not sent.
    /// [`Error::TooLarge`]: over 65,507 bytes for IPv4. [`Error::Failed`]: destination out of reach, closed while
    /// waiting.
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
            // If it is closed from here on, another thread closed it, and it stays closed.
            opens = false;
        }
    }

    /// Sends one datagram to any address, without another effect: a socket that is bound and not connected serves many
    /// remotes. It does not wait.
    ///
    /// # Errors
    /// [`Error::Locked`]: accepted or connected. [`Error::Unconfigured`]: not open. Others as [`DatagramSocket::send`].
    pub fn send_to(&self, datagram: &[u8], remote: SocketAddr) -> Result<(), Error> {
        let state = self.unaccepted()?;
        match &state.own {
            Some(own) if own.is_connected() => Err(Error::Locked),
            Some(own) => own.send(datagram, canonical(remote)),
            None => Err(Error::Unconfigured),
        }
    }

    /// As [`DatagramSocket::send`], for one of many datagrams of a tick. Once the sockets of a listener have sent a few
    /// since the last poll, the listener's I/O thread sends the others while the caller goes on. Datagrams of one
    /// socket leave in order if all are sent by this method.
    ///
    /// # Errors
    /// As [`DatagramSocket::send`], except [`Error::Busy`]: it does not wait for the send buffer. What the thread could
    /// not send is dropped and counted ([`crate::Listener::unsent`]).
    pub fn send_deferred(&self, datagram: &[u8]) -> Result<(), Error> {
        match self.route() {
            Some(route) => route.send_deferred(datagram),
            None => self.send(datagram),
        }
    }

    /// As [`DatagramSocket::send_deferred`], for a reply to the datagram that was taken last: the source address is the
    /// one that datagram was sent to, whether or not [`DatagramSocket::pin_local_address`] was called.
    ///
    /// # Errors
    /// As [`DatagramSocket::send_deferred`].
    pub fn reply_deferred(&self, datagram: &[u8]) -> Result<(), Error> {
        match self.route() {
            Some(route) => route.reply_deferred(datagram),
            None => self.send(datagram),
        }
    }
}
