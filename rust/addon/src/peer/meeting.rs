//! How a server meets a client: its hello, its cookie, and the session that begins then.

use std::sync::Arc;
use std::time::Instant;

use dtls::Session;

use super::{DATAGRAM, DATAGRAMS_PER_POLL, Peer, State};
use crate::link::{Arrival, Link};
use crate::notice::Notice;
use crate::server_side::{ServerSide, Underway};
use crate::status::Status;

impl Peer {
    /// Begins a server's connection.
    pub(crate) fn wait_for_hello(&mut self, mut link: Link, server: Arc<ServerSide>) {
        link.stop_blocking();
        self.state = State::Greeting { link, server };
    }

    /// Of a poll, what a server does with a client before its cookie holds: that is soon done.
    pub(crate) fn meet(&mut self) -> Notice {
        self.try_to_meet().err().unwrap_or(Notice::None)
    }

    /// Whether a poll is better left to another thread: it takes long, and so do those of other peers.
    pub(crate) fn is_work_for_a_thread(&self) -> bool {
        match &self.state {
            State::Met { link, server, .. } => link.accepted().is_some() && server.is_crowded(),
            State::Live {
                link,
                session,
                server: Some(server),
                ..
            } => {
                let is_shaking_hands = session.status() == dtls::Status::Handshaking;
                let has_work = (is_shaking_hands || session.is_restarting()) && !link.is_quiet()
                    || session.timeout().is_some() && session.restart_is_due(Instant::now());
                has_work && server.is_crowded() && link.accepted().is_some()
            }
            _ => false,
        }
    }

    /// Until its cookie holds, a client is answered and forgotten (RFC 6347 section 4.2.1): the peer
    /// ends in an error, as the engine's does, and the client's next hello makes a new one.
    pub(super) fn try_to_meet(&mut self) -> Result<(), Notice> {
        let State::Greeting { link, server } = &mut self.state else {
            return Ok(());
        };
        let mut hello = DATAGRAM.take();
        let mut verdict = None;
        for _ in 0..DATAGRAMS_PER_POLL {
            match link.receive(&mut hello) {
                Arrival::Datagram => {
                    let now = Instant::now();
                    verdict = Some(server.greet(link, &hello, now, &mut self.outbox));
                    if verdict != Some(Ok(false)) {
                        break;
                    }
                }
                Arrival::Nothing => break,
                Arrival::Broken(_) => {
                    verdict = Some(Ok(false));
                    break;
                }
            }
        }
        let idle = State::Idle(Status::Error);
        match verdict {
            Some(Ok(true)) => {
                if let State::Greeting { link, server } = std::mem::replace(&mut self.state, idle) {
                    let remote = link.remote();
                    let Some(underway) = Underway::begin(&server, remote.map(|it| it.ip())) else {
                        return Err(Notice::TooManyBegun(remote));
                    };
                    self.state = State::Met {
                        link,
                        underway,
                        server,
                        hello,
                    };
                }
                return Ok(());
            }
            Some(_) => self.state = idle,
            None => {}
        }
        DATAGRAM.set(hello);
        match verdict {
            Some(Err(error)) => Err(Notice::ServerRefused(error)),
            _ => Ok(()),
        }
    }

    /// Begins a server's session with a client whose cookie holds.
    pub(super) fn begin_session(&mut self) -> Result<(), Notice> {
        if !matches!(self.state, State::Met { .. }) {
            return Ok(());
        }
        let idle = State::Idle(Status::Error);
        if let State::Met {
            link,
            server,
            hello,
            underway,
        } = std::mem::replace(&mut self.state, idle)
        {
            let context = server.context.clone().with_settings(self.timeouts.settings);
            let session = Session::accept(&context, &hello, Instant::now());
            DATAGRAM.set(hello);
            let session = session.map_err(Notice::ServerRefused)?;
            self.go_live(link, session, Some(server), Some(underway));
        }
        Ok(())
    }

    /// Ends a server's handshake, if it is not done: there are more than the property allows.
    pub(crate) fn give_up(&mut self, property: &'static str) -> Notice {
        if self.status() != Status::Handshaking || self.is_established() {
            return Notice::None;
        }
        let remote = match &self.state {
            State::Live { link, .. } | State::Greeting { link, .. } | State::Met { link, .. } => {
                link.remote()
            }
            State::Idle(_) => None,
        };
        self.state = State::Idle(Status::Error);
        Notice::TooManyHandshakes(remote, property)
    }
}
