//! A client that begins anew from the address of a server's established session (RFC 6347 section 4.2.8): see
//! [`dtls::Session::offer_restart`]. Scripts see the new connection once its handshake is finished.

use std::sync::Arc;
use std::time::Instant;

use dtls::Session;

use super::{Peer, State};
use crate::link::Link;
use crate::notice::Notice;
use crate::server_side::{ServerSide, Underway};
use crate::status::Status;

impl Peer {
    /// Whether the session's handshake is finished, whether or not the script can know of it.
    pub(super) fn is_established(&self) -> bool {
        match &self.state {
            State::Live { session, .. } => session.status() != dtls::Status::Handshaking,
            _ => false,
        }
    }

    /// Whether there is a newcomer beside the session, for whom the peer has to be polled.
    pub(crate) fn has_restart(&self) -> bool {
        match &self.state {
            State::Live { session, .. } => self.is_established() && session.timeout().is_some(),
            _ => false,
        }
    }

    /// Goes on with the session of a client that was started again.
    pub(crate) fn resume(&mut self, mut link: Link, session: Session, server: Arc<ServerSide>) {
        link.stop_blocking();
        self.go_live(link, session, Some(server), None);
    }

    /// Begins the handshake with a client that was started again when it is time, drops it when there are too many, and
    /// hands the connection over once it is finished.
    pub(super) fn advance_restart(&mut self) -> Notice {
        let State::Live {
            link,
            session,
            server: Some(server),
            underway,
            ..
        } = &mut self.state
        else {
            return Notice::None;
        };
        if session.status() != dtls::Status::Connected {
            return Notice::None;
        }
        if session.timeout().is_none() {
            *underway = None;
            return Notice::None;
        }
        let now = Instant::now();
        if session.restart_is_due(now) {
            // The rate of hellos that are answered is that of handshakes that begin.
            let remote = link.remote();
            let Some(begun) = Underway::begin_restart(server, remote.map(|it| it.ip())) else {
                session.drop_restart();
                return Notice::TooManyBegun(remote);
            };
            *underway = Some(begun);
            let context = server.context.clone().with_settings(self.timeouts.settings);
            if let Err(error) = session.accept_restart(&context, now) {
                return Notice::ServerRefused(error);
            }
        } else if underway.as_ref().is_some_and(Underway::is_outdated) && session.is_restarting() {
            session.drop_restart();
            *underway = None;
        }
        self.flush();
        self.hand_over_restarted();
        Notice::None
    }

    /// Ends this peer without a close_notify, which the new session could not open, and has the UDP server show the
    /// client again.
    fn hand_over_restarted(&mut self) {
        let State::Live {
            link,
            session,
            server: Some(server),
            ..
        } = &mut self.state
        else {
            return;
        };
        if !session.is_restarted() {
            return;
        }
        let is_handed_over = link.client_address().is_some_and(|address| {
            server.keep_restarted(address, || {
                // The new peer's first datagram is an empty one, which a session ignores; what is queued here follows.
                link.give_up_to_newcomer(&[])
                    .then(|| session.take_restarted())?
            })
        });
        if is_handed_over {
            self.state = State::Idle(Status::Disconnected);
        }
    }
}
