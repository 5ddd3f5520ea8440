//! What happened to a connection that its owner may want to print, and in which words.

use std::fmt::{self, Display};
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

/// Something that happened to a connection. A poll returns one at most. Shown as a line for people, without an end; one of
/// a server begins with the client's address.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The handshake is finished.
    Established {
        /// This end.
        side: Side,
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
    /// A client's first datagram is not DTLS. One such event in ten seconds.
    NotDtls {
        /// The client.
        remote: Option<SocketAddr>,
    },
    /// A client's datagrams were refused, again after a second or [`Timeouts::without_listener`](crate::Timeouts::without_listener).
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

impl Event {
    /// The end of the connection that this is.
    pub fn side(&self) -> Side {
        match *self {
            Self::Established { side, .. }
            | Self::Failed { side, .. }
            | Self::TransportBroken { side, .. }
            | Self::Silent { side, .. } => side,
            Self::NoListener { .. } => Side::Client,
            Self::NotAccepted(_)
            | Self::NotDtls { .. }
            | Self::HandshakeDropped { .. }
            | Self::HandshakeRefused { .. } => Side::Server,
        }
    }

    /// The other side's address, if it is known.
    pub fn remote(&self) -> Option<SocketAddr> {
        match *self {
            Self::NotAccepted(_) => None,
            Self::Established { remote, .. }
            | Self::Failed { remote, .. }
            | Self::TransportBroken { remote, .. }
            | Self::NotDtls { remote }
            | Self::NoListener { remote }
            | Self::HandshakeDropped { remote, .. }
            | Self::HandshakeRefused { remote }
            | Self::Silent { remote, .. } => remote,
        }
    }

    /// Whether the line begins with the client's address.
    fn is_of_client(&self) -> bool {
        let names_none = matches!(self, Self::NotAccepted(_) | Self::Established { .. });
        self.side() == Side::Server && !names_none
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_of_client() {
            match self.remote() {
                Some(remote) => write!(f, "client {remote}: ")?,
                None => f.write_str("a client: ")?,
            }
        }
        match self {
            Self::Established {
                protocol,
                cipher,
                remote,
                ..
            } => {
                let openssl = dtls::openssl_version();
                let remote = remote.map_or("unknown".to_owned(), |remote| remote.to_string());
                write!(
                    f,
                    "session established: {protocol}, {cipher}, {openssl}, peer {remote}"
                )
            }
            Self::Failed { failure, .. } => failure.fmt(f),
            Self::NotAccepted(error) => error.fmt(f),
            Self::TransportBroken {
                why: Break::Closed, ..
            } => f.write_str("the UDP peer beneath was closed, or its server was stopped"),
            Self::TransportBroken {
                why: Break::Refused,
                remote,
                ..
            } => write!(f, "nobody listens {} any more", At(*remote)),
            Self::NotDtls { .. } => f.write_str(
                "not answered, since what it sent is not DTLS: it must connect with DTLS as well",
            ),
            Self::NoListener { remote } => {
                write!(
                    f,
                    "nobody listens {}, which was tried again after a second: start the server first, or check the \
                     address and the port",
                    At(*remote)
                )
            }
            Self::HandshakeDropped { cause, .. } => {
                let limit = match cause {
                    DropCause::Total => "max_handshakes",
                    DropCause::Address => "max_handshakes_per_address",
                };
                write!(
                    f,
                    "dropped, since more handshakes are unfinished than {limit} allows"
                )
            }
            Self::HandshakeRefused { .. } => f.write_str(
                "not answered, since more handshakes of its address begin in a second than \
                 max_handshake_rate_per_address allows; it can try again",
            ),
            Self::Silent { side, limit, .. } => {
                let other = match side {
                    Side::Client => "the server",
                    Side::Server => "it",
                };
                write!(
                    f,
                    "ended, since nothing came from {other} for {limit:?} (idle_timeout)"
                )
            }
        }
    }
}

/// Where something is.
struct At(Option<SocketAddr>);

impl Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(remote) => write!(f, "at {remote}"),
            None => f.write_str("there"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_events_name_the_client_and_a_clients_do_not() {
        let remote = Some(SocketAddr::from(([192, 0, 2, 7], 4242)));
        let limit = Duration::from_secs(30);
        let silent = |side, remote| Event::Silent {
            side,
            limit,
            remote,
        };
        let refused = |remote| Event::NoListener { remote };
        let dropped = Event::HandshakeDropped {
            cause: DropCause::Address,
            remote,
        };
        for (event, line) in [
            (
                silent(Side::Server, remote),
                "client 192.0.2.7:4242: ended, since nothing came from it for 30s (idle_timeout)",
            ),
            (
                silent(Side::Server, None),
                "a client: ended, since nothing came from it for 30s (idle_timeout)",
            ),
            (
                silent(Side::Client, remote),
                "ended, since nothing came from the server for 30s (idle_timeout)",
            ),
            (
                dropped,
                "client 192.0.2.7:4242: dropped, since more handshakes are unfinished than \
                 max_handshakes_per_address allows",
            ),
            (
                refused(remote),
                "nobody listens at 192.0.2.7:4242, which was tried again after a second: start the server first, or \
                 check the address and the port",
            ),
            (
                Event::NotDtls { remote },
                "client 192.0.2.7:4242: not answered, since what it sent is not DTLS: it must connect with DTLS as well",
            ),
            (
                Event::TransportBroken {
                    side: Side::Client,
                    why: Break::Refused,
                    remote,
                },
                "nobody listens at 192.0.2.7:4242 any more",
            ),
            (
                Event::NotAccepted(ConfigError::NoHello),
                "a session begins with a ClientHello, and this is none",
            ),
        ] {
            assert_eq!(event.to_string(), line);
        }
        let there = refused(None).to_string();
        assert!(there.starts_with("nobody listens there, "), "{there}");
    }

    #[test]
    fn an_established_session_is_shown_with_its_peer() {
        let established = |remote| Event::Established {
            side: Side::Server,
            protocol: "DTLSv1.2",
            cipher: "A-CIPHER",
            remote,
        };
        let version = dtls::openssl_version();
        let line = format!("session established: DTLSv1.2, A-CIPHER, {version}, peer unknown");
        assert_eq!(established(None).to_string(), line);
        let remote = Some(SocketAddr::from(([192, 0, 2, 7], 4242)));
        let line = established(remote).to_string();
        assert!(line.ends_with(", peer 192.0.2.7:4242"), "{line}");
    }
}
