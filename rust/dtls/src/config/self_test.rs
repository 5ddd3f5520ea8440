//! A handshake of a server with a client of our own, in memory, before any real client comes.
//!
//! OpenSSL takes keys and certificates that it then cannot use in DTLS 1.2, such as an ECDSA certificate whose key usage
//! forbids signatures: every client would fail, with nothing but "no shared cipher". This costs about a millisecond, once
//! for a server.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use crate::config::context::{ClientContext, ServerContext};
use crate::config::error::ConfigError;
use crate::config::trust::Verification;
use crate::handshake::cookie::{CookieCheck, CookieJar};
use crate::session::{Session, Status};

/// More flights than a handshake has.
const FLIGHTS: usize = 10;

/// Connects a client that verifies nothing.
///
/// # Errors
/// [`ConfigError::NoClientCanConnect`] with the reason of the side that failed; whatever else making a client gives.
pub(crate) fn handshake(context: &ServerContext) -> Result<(), ConfigError> {
    let now = Instant::now();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let mut jar = CookieJar::new(now)?;
    let mut client = Session::connect(&ClientContext::new(Verification::DangerousNone)?, "", now)?;
    let mut server: Option<Session> = None;
    for _ in 0..FLIGHTS {
        for datagram in drained(&mut client) {
            match &mut server {
                Some(server) => server.handle_datagram(&datagram, now),
                None => match jar.verify_cookie(&datagram, address, now)? {
                    CookieCheck::Verified => {
                        server = Some(Session::accept(context, &datagram, now)?);
                    }
                    CookieCheck::Unverified(request) => {
                        client.handle_datagram(request.as_bytes(), now);
                    }
                    CookieCheck::NotClientHello => {}
                },
            }
        }
        let Some(server) = &mut server else {
            continue;
        };
        for datagram in drained(server) {
            client.handle_datagram(&datagram, now);
        }
        if client.status() == Status::Connected && server.status() == Status::Connected {
            return Ok(());
        }
        if let Some(failure) = server.failure() {
            return Err(ConfigError::NoClientCanConnect(failure.reason()));
        }
    }
    let why = client.failure().map(|failure| failure.reason());
    Err(ConfigError::NoClientCanConnect(
        why.unwrap_or_else(|| "the handshake does not end".to_owned()),
    ))
}

fn drained(session: &mut Session) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    session.drain_datagrams(|datagram| datagrams.push(datagram.to_vec()));
    datagrams
}
