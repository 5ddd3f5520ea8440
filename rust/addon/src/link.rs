//! The UDP peer beneath a DTLS peer: one of ours, or one of the engine's.

use std::net::SocketAddr;
use std::sync::Arc;

use godot::builtin::Variant;
use godot::classes::PacketPeerUdp;
use godot::obj::Gd;

use crate::engine_link::{EngineLink, Outbox};
use crate::packet_peer_udp::OpenSslPacketPeerUdp;
use crate::server_side::ClientAddress;
use crate::state;

/// How many stale datagrams are forgotten at the most, however fast more arrive.
const DATAGRAMS_FORGOTTEN: usize = 4096;

/// What a look at the network brings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    Datagram,
    Nothing,
    Broken(Break),
}

/// Why nothing can come through a UDP peer any more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// The script closed the UDP peer, or stopped the server that it belongs to.
    Closed,
    /// The other side's machine says that nobody listens there.
    Refused,
}

impl std::fmt::Display for Break {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Closed => "the UDP peer beneath was closed, or its server was stopped",
            Self::Refused => "nobody listens there any more",
        })
    }
}

/// Where a DTLS peer's datagrams come from and go to.
pub(crate) enum Link {
    Ours(Arc<udp::Peer>),
    Engine(EngineLink),
}

impl Link {
    /// Takes either kind of UDP peer; `None` for null and everything else. To be called while no DTLS
    /// peer is locked.
    pub(crate) fn from_variant(peer: &Variant) -> Option<Self> {
        if let Ok(ours) = peer.try_to::<Gd<OpenSslPacketPeerUdp>>() {
            return Some(Self::Ours(Arc::clone(state::of(&ours).peer())));
        }
        let engine = peer.try_to::<Gd<PacketPeerUdp>>().ok()?;
        Some(Self::Engine(EngineLink::new(engine)))
    }

    pub(crate) fn is_connected(&self) -> bool {
        match self {
            Self::Ours(peer) => peer.is_connected(),
            Self::Engine(link) => link.peer().is_connected(),
        }
    }

    /// Whom datagrams go to, where that is known.
    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        match self {
            Self::Ours(peer) => peer.remote(),
            Self::Engine(link) => link.peer().remote(),
        }
    }

    /// Whom datagrams come from, and the local port that they come to.
    pub(crate) fn client_address(&self) -> Option<ClientAddress> {
        let local_port = match self {
            Self::Ours(peer) => peer.local_port(),
            Self::Engine(link) => link.peer().local_port(),
        };
        let remote = self.remote()?;
        Some(ClientAddress { remote, local_port })
    }

    pub(crate) fn stop_blocking(&mut self) {
        match self {
            Self::Ours(peer) => peer.set_blocking(false),
            // The engine's peers do not block unless they are told to by other engine classes.
            Self::Engine(_) => {}
        }
    }

    /// Has an engine's peer hand over what has arrived: while no DTLS peer is locked.
    pub(crate) fn fetch(&mut self) {
        if let Self::Engine(link) = self
            && let Some(fetched) = link.peer().fetch()
        {
            link.bring(fetched);
        }
    }

    /// Forgets what has arrived: while no DTLS peer is locked.
    pub(crate) fn forget_arrived(&mut self) {
        let mut datagram = Vec::new();
        self.fetch();
        for _ in 0..DATAGRAMS_FORGOTTEN {
            match self.receive(&mut datagram) {
                Arrival::Datagram | Arrival::Broken(Break::Refused) => {}
                Arrival::Nothing | Arrival::Broken(Break::Closed) => break,
            }
        }
    }

    /// Whether nothing has arrived, where that is known without a look at the network.
    pub(crate) fn is_quiet(&self) -> bool {
        match self {
            Self::Ours(peer) => peer.is_accepted() && peer.has_datagrams() == Ok(false),
            Self::Engine(_) => false,
        }
    }

    /// Of one of ours that belongs to a UDP server.
    pub(crate) fn accepted(&self) -> Option<&udp::Peer> {
        match self {
            Self::Ours(peer) if peer.is_accepted() => Some(peer),
            _ => None,
        }
    }

    /// Has the UDP server show the client of this address as a new one, whose first datagram this is. Returns whether it
    /// will: not while as many wait as may (`max_pending_connections`).
    pub(crate) fn give_up_to_newcomer(&self, first: &[u8]) -> bool {
        match self {
            Self::Ours(peer) => peer.replace(first).is_ok(),
            // The engine's server shows it with its next datagram, once the script has dropped this peer.
            Self::Engine(_) => true,
        }
    }

    /// Takes the oldest datagram that has arrived, if any.
    pub(crate) fn receive(&mut self, into: &mut Vec<u8>) -> Arrival {
        match self {
            Self::Ours(peer) => match peer.receive(into) {
                Ok(_) => Arrival::Datagram,
                Err(udp::Error::Unavailable) => Arrival::Nothing,
                Err(udp::Error::Refused) => Arrival::Broken(Break::Refused),
                Err(_) if !peer.is_bound() => Arrival::Broken(Break::Closed),
                Err(_) => Arrival::Nothing,
            },
            Self::Engine(link) => link.receive(into),
        }
    }

    /// Sends the answer to the datagram that was received last, from the address that it came to.
    pub(crate) fn answer(&mut self, datagram: &[u8], outbox: &mut Outbox) {
        match self {
            // What the network does not take is lost, and the other side asks again.
            Self::Ours(peer) => drop(peer.answer_soon(datagram)),
            Self::Engine(link) => outbox.push(link, datagram),
        }
    }

    /// Has a server's peer send from the address that the datagram received last came to: its sender is verified.
    pub(crate) fn keep_local_address(&self) {
        if let Self::Ours(peer) = self {
            peer.keep_local_address();
        }
    }

    /// Sends one datagram. What the network does not take is lost, as datagrams may be; that nobody
    /// listens at the other end is worth knowing. What goes to an engine's peer waits in the outbox.
    pub(crate) fn send(&mut self, datagram: &[u8], outbox: &mut Outbox) -> Result<(), Break> {
        match self {
            Self::Ours(peer) => match peer.send_soon(datagram) {
                Err(udp::Error::Refused) => Err(Break::Refused),
                _ => Ok(()),
            },
            Self::Engine(link) => {
                outbox.push(link, datagram);
                Ok(())
            }
        }
    }
}
