//! What a peer has to say, kept until nothing is locked: a printed line can call a script's logger.

use std::net::SocketAddr;
use std::time::Duration;

use dtls::Failure;

use crate::link::Break;
use crate::peer::Side;
use crate::report;

/// Something to print once the peer is not in use any more.
#[must_use]
pub(crate) enum Notice {
    None,
    Established {
        protocol: &'static str,
        cipher: &'static str,
        remote: Option<SocketAddr>,
    },
    ClientFailed(Failure),
    ServerFailed(Failure, Option<SocketAddr>),
    ServerRefused(dtls::ConfigError),
    LinkBroken(Break, Side, Option<SocketAddr>),
    NobodyThere(Option<SocketAddr>),
    /// A handshake was dropped for a newer one; the property says how many may be unfinished.
    TooManyHandshakes(Option<SocketAddr>, &'static str),
    /// A handshake was not begun.
    TooManyBegun(Option<SocketAddr>),
    Silent(Duration, Side, Option<SocketAddr>),
}

impl Notice {
    pub(crate) fn print(self) {
        let named = |remote: Option<SocketAddr>| {
            remote.map_or_else(
                || "a client".to_owned(),
                |remote| format!("client {remote}"),
            )
        };
        match self {
            Self::None => {}
            Self::Established {
                protocol,
                cipher,
                remote,
            } => report::established(protocol, cipher, remote),
            Self::ClientFailed(failure) => report::mistake("PacketPeerDTLS", failure),
            Self::ServerFailed(failure, remote) => {
                report::stranger(format_args!("DTLSServer: {}: {failure}", named(remote)));
            }
            Self::ServerRefused(error) => report::stranger(format_args!("DTLSServer: {error}")),
            Self::LinkBroken(why, Side::Server, remote) => {
                report::stranger(format_args!("DTLSServer: {}: {why}", named(remote)));
            }
            Self::TooManyHandshakes(remote, property) => report::stranger(format_args!(
                "DTLSServer: {}: dropped, since more handshakes are unfinished than {property} allows",
                named(remote)
            )),
            Self::TooManyBegun(remote) => report::stranger(format_args!(
                "DTLSServer: {}: not answered, since more handshakes of its address begin in a second than \
                 max_handshake_rate_per_address allows; it can try again",
                named(remote)
            )),
            Self::Silent(limit, Side::Server, remote) => report::stranger(format_args!(
                "DTLSServer: {}: ended, since nothing came from it for {limit:?} (idle_timeout)",
                named(remote)
            )),
            Self::Silent(limit, Side::Client, _) => report::mistake(
                "PacketPeerDTLS",
                format_args!(
                    "ended, since nothing came from the server for {limit:?} (idle_timeout)"
                ),
            ),
            Self::LinkBroken(why, Side::Client, _) => report::mistake("PacketPeerDTLS", why),
            Self::NobodyThere(remote) => {
                let place =
                    remote.map_or_else(|| "there".to_owned(), |remote| format!("at {remote}"));
                report::mistake(
                    "PacketPeerDTLS",
                    format_args!(
                        "nobody listens {place}, which was asked twice a second apart: start the server first, or \
                         check the address and the port"
                    ),
                );
            }
        }
    }
}
