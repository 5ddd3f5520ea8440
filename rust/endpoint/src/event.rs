//! What happened to a connection that its owner may want to print.

use std::net::SocketAddr;
use std::time::Duration;

use dtls::{ConfigError, Failure};

use crate::transport::Break;

/// Which end of a connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The end that connected.
    Client,
    /// The end that accepted.
    Server,
}

/// Which limit a handshake was dropped for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropCause {
    /// Too many are unfinished in all: [`PeerRegistry::set_max_handshakes`](crate::PeerRegistry::set_max_handshakes).
    Total,
    /// Too many of one address are unfinished: [`AddressLimits::set_unfinished`](crate::AddressLimits::set_unfinished).
    Address,
}

/// Something that happened to a connection. A poll returns one at most.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The handshake is finished.
    Established {
        /// Such as `DTLSv1.2`.
        protocol: &'static str,
        /// OpenSSL's name of the cipher suite.
        cipher: &'static str,
        /// The other side.
        remote: Option<SocketAddr>,
    },
    /// The session failed.
    Failed {
        /// This end.
        side: Side,
        /// Why.
        failure: Failure,
        /// The other side.
        remote: Option<SocketAddr>,
    },
    /// OpenSSL could not begin a session, or compute a cookie, for a client.
    NotAccepted(ConfigError),
    /// The transport does not carry datagrams any more.
    TransportBroken {
        /// This end.
        side: Side,
        /// Why.
        why: Break,
        /// The other side.
        remote: Option<SocketAddr>,
    },
    /// A client's datagrams were refused, twice, a second apart.
    NoListener {
        /// Where the client connected to.
        remote: Option<SocketAddr>,
    },
    /// An unfinished handshake was dropped for a newer one.
    HandshakeDropped {
        /// The limit.
        cause: DropCause,
        /// The client.
        remote: Option<SocketAddr>,
    },
    /// A handshake was not begun: too many of its address begin in a second.
    HandshakeRefused {
        /// The client.
        remote: Option<SocketAddr>,
    },
    /// The other side was silent for too long.
    Silent {
        /// This end.
        side: Side,
        /// The limit, [`Timeouts::idle`](crate::Timeouts::idle).
        limit: Duration,
        /// The other side.
        remote: Option<SocketAddr>,
    },
}
