//! DTLS for a host.

use std::sync::Arc;
use std::time::Instant;

use dtls::{ClientContext, ServerContext};
use endpoint::HandshakePool;
use rusty_enet::{PeerID, PeerState};
use udp::Listener;

use super::{Enet, Host, QUEUE_BYTES, open_plain};
use crate::error::SetUpError;
use crate::link::Link;
use crate::link::client::ClientLink;
use crate::link::server::ServerLink;

/// ENet's MTU with DTLS: what a record of DTLS 1.2 with an AEAD leaves of a datagram of 1,200 bytes, which nearly every
/// path carries, tunnels included. Hosts with ENet's default of 1,392 agree to the smaller one.
const DTLS_MTU: u16 = 1200 - 13 - 8 - 16;

impl Host {
    /// Has handshakes of a DTLS server run on this pool when there are many, instead of one of its own. To be called before
    /// [`set_up_dtls_server`](Self::set_up_dtls_server).
    pub fn set_handshake_pool(&mut self, pool: Arc<HandshakePool>) {
        self.pool = pool;
    }

    /// The DTLS server, for its limits; `None` if this is none.
    #[must_use]
    pub fn dtls_server(&self) -> Option<&endpoint::Server> {
        match &self.socket()?.link {
            Link::Server(server) => Some(server.server()),
            _ => None,
        }
    }

    /// How many DTLS sessions a server has, unfinished ones included.
    #[must_use]
    pub fn dtls_sessions(&self) -> usize {
        match self.socket().map(|it| &it.link) {
            Some(Link::Server(server)) => server.sessions(),
            _ => 0,
        }
    }

    /// Makes it a DTLS server, on the same port. It has no peers yet.
    ///
    /// # Errors
    /// [`SetUpError`]; it stays as it was, but for [`SetUpError::Port`] it may have lost its port.
    pub fn set_up_dtls_server(
        &mut self,
        context: ServerContext,
        now: Instant,
    ) -> Result<(), SetUpError> {
        let (bind, pool, refuses) = (self.bind, Arc::clone(&self.pool), self.refuses_new);
        let socket = self.socket_mut().ok_or(SetUpError::Failed)?;
        let Link::Plain(plain) = &socket.link else {
            return Err(SetUpError::AlreadySetUp);
        };
        if !socket.screen.taken().is_empty() {
            return Err(SetUpError::InUse);
        }
        let listener = Arc::new(Listener::new());
        listener.set_inbox_bytes(QUEUE_BYTES);
        let server = ServerLink::new(Arc::clone(&listener), context, pool, now)?;
        server.refuse_new(refuses);
        let port = plain.local_port();
        plain.close();
        if let Err(error) = listener.listen(port, bind) {
            if let Ok(plain) = open_plain(bind, port) {
                socket.link = Link::Plain(plain);
            }
            return Err(SetUpError::Port(error));
        }
        socket.link = Link::Server(Box::new(server));
        socket.screen.bound_sessions();
        self.guarded(lower_mtu);
        Ok(())
    }

    /// Makes it a DTLS client, whose server's certificate must be for `host_name` where the context verifies names. It may
    /// be connecting already, but not be connected.
    ///
    /// # Errors
    /// [`SetUpError`]; it stays as it was.
    pub fn set_up_dtls_client(
        &mut self,
        context: ClientContext,
        host_name: &str,
    ) -> Result<(), SetUpError> {
        let enet = self.enet.as_ref().ok_or(SetUpError::Failed)?;
        let socket = enet.socket();
        let Link::Plain(plain) = &socket.link else {
            return Err(SetUpError::AlreadySetUp);
        };
        let connecting = match socket.screen.taken().as_slice() {
            [] => None,
            [slot] => {
                let state = enet.peer(PeerID((*slot).into())).state();
                let connecting = self.connecting.filter(|it| it.peer == self.id(*slot));
                let connecting = connecting.filter(|_| state == PeerState::Connecting);
                Some(connecting.ok_or(SetUpError::InUse)?)
            }
            _ => return Err(SetUpError::InUse),
        };
        let link = ClientLink::new(Arc::clone(plain), context, host_name);
        let link = link.map_err(SetUpError::Config)?;
        let started = self.guarded(|enet| {
            enet.socket_mut().link = Link::Client(Box::new(link));
            lower_mtu(enet);
            let Some(it) = connecting else {
                return true;
            };
            // Its connect has the larger MTU in it. The first free slot is its own again: the host has no other peer.
            enet.peer_mut(PeerID(it.peer.slot.into())).reset();
            let again = enet.connect(it.address, it.channels, it.data);
            again.is_ok_and(|peer| peer.id().0 == usize::from(it.peer.slot))
        });
        match started {
            Some(true) => Ok(()),
            _ => Err(SetUpError::Failed),
        }
    }
}

fn lower_mtu(enet: &mut Enet) {
    // The value is in ENet's range.
    let _ = enet.set_mtu(DTLS_MTU);
    for peer in enet.peers_mut() {
        let _ = peer.set_mtu(DTLS_MTU);
    }
}
