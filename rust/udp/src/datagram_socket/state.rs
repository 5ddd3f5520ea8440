//! A socket that no listener accepted, or whose listener has stopped.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::address::Family;
use crate::error::Error;
use crate::inbox::{DEFAULT_INBOX_BYTES, Inbox};
use crate::own_socket::OwnSocket;
use crate::scoped::ScopedIp;
use crate::socket::Socket;

/// Where it sends to and how, and the socket while it is open.
pub(super) struct State {
    pub(super) own: Option<OwnSocket>,
    /// Stays when the socket is closed, as in the engine: a later `send` opens a socket again.
    pub(super) remote: Option<SocketAddr>,
    pub(super) last_source: Option<SocketAddr>,
    pub(super) blocking: bool,
    pub(super) broadcast: bool,
}

impl State {
    /// A closed socket. The remote is that of the listener's socket that it was before.
    pub(super) fn new(remote: Option<SocketAddr>) -> State {
        State {
            own: None,
            remote,
            last_source: remote,
            blocking: true,
            broadcast: false,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.own.as_ref().is_some_and(OwnSocket::is_connected)
    }

    pub(super) fn socket(&self) -> Option<Arc<Socket>> {
        self.own.as_ref().map(|own| Arc::clone(&own.socket))
    }

    /// Adds the interface to a link-local address without one, if it is that of `last_source`: scripts send back to
    /// `get_packet_ip()`, which has no interface.
    pub(super) fn with_interface(&self, host: ScopedIp) -> ScopedIp {
        match self.last_source {
            Some(SocketAddr::V6(source)) if host.lacks_interface() && host.ip() == *source.ip() => {
                host.on(source.scope_id())
            }
            _ => host,
        }
    }

    /// The own socket; a new one of `family` if there is none.
    pub(super) fn open(&mut self, family: Family) -> Result<&mut OwnSocket, Error> {
        if self.own.is_none() {
            let socket = Socket::open(family).map_err(|_| Error::Failed)?;
            let _ = socket.set_broadcast(self.broadcast);
            self.own = Some(OwnSocket::new(socket, Inbox::of_size(DEFAULT_INBOX_BYTES)));
        }
        self.own.as_mut().ok_or(Error::Failed)
    }

    /// Sends to `remote`; opens a socket if there is none and `opens` says so.
    pub(super) fn send(&mut self, datagram: &[u8], opens: bool) -> Result<(), Error> {
        let remote = self.remote.ok_or(Error::Unconfigured)?;
        match &self.own {
            Some(own) => own.send(datagram, remote),
            None if opens => self.open(Family::of(remote.ip()))?.send(datagram, remote),
            None => Err(Error::Failed),
        }
    }
}
