//! A client that begins anew from the address of a server's established session (RFC 6347 section 4.2.8): see
//! [`Session::offer_restart`]. The owner sees a new connection once the new handshake is finished.

use std::sync::Arc;
use std::time::Instant;

use dtls::Session;

use super::{Connection, Live, Open, Phase, Role, Shown, State, Status};
use crate::acceptor::{Acceptor, UnfinishedHandshake};
use crate::event::Event;
use crate::transport::Transport;

impl Connection {
    /// Whether the session's handshake is finished, whatever [`status`](Self::status) shows.
    pub(super) fn is_established(&self) -> bool {
        self.live().is_some_and(|live| !live.is_handshaking())
    }

    /// Whether the client may have been restarted, so that polls are due although nothing arrives.
    pub(crate) fn has_restart(&self) -> bool {
        self.live()
            .is_some_and(|live| !live.is_handshaking() && live.session.timeout().is_some())
    }

    /// Goes on with the session of a restarted client.
    pub(crate) fn resume(
        &mut self,
        transport: Arc<dyn Transport>,
        acceptor: Arc<Acceptor>,
        session: Session,
    ) {
        transport.stop_blocking();
        transport.keep_local_address();
        let mut live = Live::new(session, None);
        live.is_unpolled = true;
        self.state = State::Open(Open {
            transport,
            role: Role::Server(acceptor),
            phase: Phase::Live(live),
        });
    }

    /// Begins the handshake with a restarted client when it is due, drops it when there are too many, and hands the
    /// session over once it is finished.
    pub(super) fn advance_restart(&mut self, now: Instant) -> Option<Event> {
        let Some((transport, Role::Server(acceptor), live)) = self.state.live_mut() else {
            return None;
        };
        if live.session.status() != dtls::Status::Connected {
            return None;
        }
        if live.session.timeout().is_none() {
            live.unfinished = None;
            return None;
        }
        if live.session.restart_is_due(now) {
            // Hellos are answered at the rate at which handshakes may begin.
            let remote = transport.remote();
            let client = remote.map(|it| it.ip());
            let Some(begun) = UnfinishedHandshake::begin_restart(acceptor, client, now) else {
                live.session.drop_restart();
                return Some(Event::HandshakeRefused { remote });
            };
            log::debug!(
                target: "endpoint",
                "{}: a new hello, and the session is silent: handshake begun beside it",
                Shown(remote)
            );
            live.unfinished = Some(begun);
            let context = acceptor.context.clone();
            let context = context.with_settings(self.timeouts.settings);
            if let Err(error) = live.session.accept_restart(&context, now) {
                return Some(Event::NotAccepted(error));
            }
        } else if live.session.is_restarting()
            && live
                .unfinished
                .as_ref()
                .is_some_and(UnfinishedHandshake::is_outdated)
        {
            live.session.drop_restart();
            live.unfinished = None;
        }
        self.flush(now);
        self.hand_over_restarted(now);
        None
    }

    /// Ends this connection without a close_notify, which the new session could not open, and has the listener present
    /// the client again.
    fn hand_over_restarted(&mut self, now: Instant) {
        let Some((transport, Role::Server(acceptor), live)) = self.state.live_mut() else {
            return;
        };
        if !live.session.is_restarted() {
            return;
        }
        let is_handed_over = transport.client_address().is_some_and(|address| {
            acceptor.keep_restarted(address, now, || {
                // The new transport's first datagram is empty, which a session ignores; what is queued here follows.
                transport
                    .replace(&[])
                    .then(|| live.session.take_restarted())?
            })
        });
        if is_handed_over {
            log::debug!(target: "endpoint", "{}: the restarted client takes over", Shown(transport.remote()));
            self.state = State::Idle(Status::Disconnected);
        }
    }
}
