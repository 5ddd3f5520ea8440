//! How a server's connection gets its session: a hello, its cookie, and the handshake (RFC 6347 section 4.2.1).

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use dtls::Session;
use dtls::wire_format::{RecordHeader, version};

use super::{
    Connection, DATAGRAM, DATAGRAMS_PER_POLL, Live, Open, Phase, Role, Shown, State, Status,
};
use crate::acceptor::UnfinishedHandshake;
use crate::event::{DropCause, Event};
use crate::handshake_pool::HandshakePool;
use crate::transport::Received;

/// What the hellos that have arrived amount to.
enum Verdict {
    /// No datagram has arrived.
    Pending,
    Verified,
    /// Something else has arrived, or nothing can arrive any more.
    Unverified,
}

impl Connection {
    /// The first part of a poll, which takes little time: reads a server's first datagrams until a hello has a valid
    /// cookie.
    ///
    /// A client without one is sent one, and the connection ends in [`Status::Failed`], as the engine's does: the client's
    /// next hello makes a new connection.
    pub(crate) fn verify_client(&mut self, now: Instant) -> Option<Event> {
        let State::Open(Open {
            transport,
            role: Role::Server(acceptor),
            phase: Phase::AwaitingHello,
        }) = &self.state
        else {
            return None;
        };
        let mut hello = DATAGRAM.take();
        let mut verdict = Ok(Verdict::Pending);
        let mut is_dtls = true;
        for _ in 0..DATAGRAMS_PER_POLL {
            match transport.receive(&mut hello) {
                Received::Datagram => {
                    is_dtls = is_dtls_or_empty(&hello);
                    let is_verified = acceptor.verify_cookie(&**transport, &hello, now);
                    verdict = is_verified.map(|is_verified| match is_verified {
                        true => Verdict::Verified,
                        false => Verdict::Unverified,
                    });
                    if !matches!(verdict, Ok(Verdict::Unverified)) {
                        break;
                    }
                }
                Received::Nothing => break,
                Received::Broken(_) => {
                    verdict = Ok(Verdict::Unverified);
                    break;
                }
            }
        }
        let event = match verdict {
            Ok(Verdict::Pending) => None,
            Ok(Verdict::Unverified) => {
                let is_reported = !is_dtls && acceptor.reports_not_dtls(now);
                let remote = transport.remote();
                self.state = State::Idle(Status::Failed);
                is_reported.then_some(Event::NotDtls { remote })
            }
            Ok(Verdict::Verified) => {
                let remote = transport.remote();
                let client = remote.map(|it| it.ip());
                match UnfinishedHandshake::begin(acceptor, client, now) {
                    Some(unfinished) => {
                        let hello = mem::take(&mut hello);
                        self.set_phase(Phase::Verified { hello, unfinished });
                        None
                    }
                    None => {
                        self.state = State::Idle(Status::Failed);
                        Some(Event::HandshakeRefused { remote })
                    }
                }
            }
            Err(error) => {
                self.state = State::Idle(Status::Failed);
                Some(Event::NotAccepted(error))
            }
        };
        DATAGRAM.set(hello);
        event
    }

    /// Begins a server's session with a client whose cookie is valid.
    pub(super) fn begin_session(&mut self, now: Instant) -> Result<(), Event> {
        if !matches!(
            self.state,
            State::Open(Open {
                phase: Phase::Verified { .. },
                ..
            })
        ) {
            return Ok(());
        }
        let failed = State::Idle(Status::Failed);
        if let State::Open(Open {
            transport,
            role: Role::Server(acceptor),
            phase: Phase::Verified { hello, unfinished },
        }) = mem::replace(&mut self.state, failed)
        {
            let context = acceptor.context.clone();
            let context = context.with_settings(self.timeouts.settings);
            let session = Session::accept(&context, &hello, now);
            DATAGRAM.set(hello);
            let session = session.map_err(Event::NotAccepted)?;
            log::debug!(target: "endpoint", "{}: handshake begun", Shown(transport.remote()));
            transport.keep_local_address();
            self.state = State::Open(Open {
                transport,
                role: Role::Server(acceptor),
                phase: Phase::Live(Live::new(session, Some(unfinished))),
            });
        }
        Ok(())
    }

    /// The threads that the next poll is better left to: it takes long, and so do those of other connections.
    pub(crate) fn pool_for_next_poll(&self, now: Instant) -> Option<Arc<HandshakePool>> {
        let State::Open(Open {
            transport,
            role: Role::Server(acceptor),
            phase,
        }) = &self.state
        else {
            return None;
        };
        let takes_long = match phase {
            Phase::AwaitingHello => false,
            Phase::Verified { .. } => true,
            Phase::Live(live) => {
                let session = &live.session;
                (live.is_handshaking() || session.is_restarting()) && !transport.is_quiet()
                    || session.timeout().is_some() && session.restart_is_due(now)
            }
        };
        if !takes_long || transport.accepted_peer().is_none() {
            return None;
        }
        acceptor.pool_if_crowded().map(Arc::clone)
    }

    /// Ends a server's handshake if it is unfinished, because there are too many.
    pub(crate) fn drop_handshake(&mut self, cause: DropCause) -> Option<Event> {
        if self.status() != Status::Handshaking || self.is_established() {
            return None;
        }
        let remote = self.transport().and_then(|transport| transport.remote());
        self.state = State::Idle(Status::Failed);
        Some(Event::HandshakeDropped { cause, remote })
    }

    fn set_phase(&mut self, phase: Phase) {
        if let State::Open(open) = &mut self.state {
            open.phase = phase;
        }
    }
}

/// Whether a datagram begins with a record's header, or has nothing in it, as those that open a way through a NAT.
fn is_dtls_or_empty(datagram: &[u8]) -> bool {
    let is_dtls =
        |header| RecordHeader::from_bytes(header).version >> 8 == u16::from(version::MAJOR);
    datagram.is_empty() || datagram.first_chunk().is_some_and(is_dtls)
}
