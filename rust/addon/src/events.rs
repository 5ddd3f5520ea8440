//! What is printed of a connection's events.

use std::net::SocketAddr;

use endpoint::{Break, DropCause, Event, Side};

use crate::{logger, report};

/// Prints events, and what was logged before. To be called while nothing is locked: a printed line can call a script's
/// logger.
pub(crate) fn print(events: impl IntoIterator<Item = Event>) {
    logger::print_waiting();
    events.into_iter().for_each(print_one);
}

fn print_one(event: Event) {
    match event {
        Event::Established {
            protocol,
            cipher,
            remote,
        } => report::established(protocol, cipher, remote),
        Event::Failed {
            side: Side::Client,
            failure,
            ..
        } => report::mistake("PacketPeerDTLS", failure),
        Event::Failed {
            side: Side::Server,
            failure,
            remote,
        } => of_server(format_args!("{}: {failure}", client(remote))),
        Event::NotAccepted(error) => of_server(error),
        Event::TransportBroken {
            side: Side::Client,
            why,
            ..
        } => report::mistake("PacketPeerDTLS", reason(why)),
        Event::TransportBroken {
            side: Side::Server,
            why,
            remote,
        } => of_server(format_args!("{}: {}", client(remote), reason(why))),
        Event::HandshakeDropped { cause, remote } => of_server(format_args!(
            "{}: dropped, since more handshakes are unfinished than {} allows",
            client(remote),
            match cause {
                DropCause::Total => "max_handshakes",
                DropCause::Address => "max_handshakes_per_address",
            }
        )),
        Event::HandshakeRefused { remote } => of_server(format_args!(
            "{}: not answered, since more handshakes of its address begin in a second than \
             max_handshake_rate_per_address allows; it can try again",
            client(remote)
        )),
        Event::Silent {
            side: Side::Server,
            limit,
            remote,
        } => of_server(format_args!(
            "{}: ended, since nothing came from it for {limit:?} (idle_timeout)",
            client(remote)
        )),
        Event::Silent {
            side: Side::Client,
            limit,
            ..
        } => report::mistake(
            "PacketPeerDTLS",
            format_args!("ended, since nothing came from the server for {limit:?} (idle_timeout)"),
        ),
        Event::NoListener { remote } => {
            let place = remote.map_or_else(|| "there".to_owned(), |remote| format!("at {remote}"));
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

/// Remote peers cause these lines, so that their number is limited.
fn of_server(what: impl std::fmt::Display) {
    report::limited(format_args!("DTLSServer: {what}"));
}

fn client(remote: Option<SocketAddr>) -> String {
    remote.map_or_else(
        || "a client".to_owned(),
        |remote| format!("client {remote}"),
    )
}

fn reason(why: Break) -> &'static str {
    match why {
        Break::Closed => "the UDP peer beneath was closed, or its server was stopped",
        Break::Refused => "nobody listens there any more",
    }
}
