//! How a connection ends, and what is said of it.

use std::time::Duration;

use dtls::Failure;

use super::absence::Absence;
use super::{Peer, Side, State};
use crate::notice::Notice;
use crate::status::Status;

/// How much longer a silent session is kept whose client may have been started again, so that the new handshake, which
/// takes the session's place, can be finished.
const RESTART_GRACE: Duration = Duration::from_secs(10);

impl Peer {
    /// Ends the connection, with a word to the other side if there is a session.
    pub(crate) fn disconnect(&mut self) {
        if let State::Live { session, .. } = &mut self.state {
            session.close();
            self.flush();
        }
        if self.is_active() {
            self.state = State::Idle(Status::Disconnected);
        }
    }

    /// Ends the connection as it is, without a goodbye.
    pub(crate) fn abandon(&mut self) {
        if self.is_active() {
            self.state = State::Idle(Status::Error);
        }
    }

    pub(super) fn is_silent_too_long(&self) -> bool {
        let limit = self.timeouts.idle;
        let grace = match self.has_restart() {
            true => RESTART_GRACE,
            false => Duration::ZERO,
        };
        !limit.is_zero()
            && self
                .last_heard()
                .is_some_and(|at| at.elapsed() > limit + grace)
    }

    /// Ends a connection whose other side has been silent for too long.
    pub(super) fn end_silence(&mut self) -> Option<Notice> {
        if !self.is_silent_too_long() {
            return None;
        }
        let State::Live {
            link,
            session,
            side,
            ..
        } = &mut self.state
        else {
            return None;
        };
        if session.packet_count() > 0 {
            return None;
        }
        let (side, remote) = (*side, link.remote());
        session.close();
        self.flush();
        self.state = State::Idle(Status::Error);
        Some(Notice::Silent(self.timeouts.idle, side, remote))
    }

    pub(super) fn is_broken(&self) -> bool {
        matches!(
            self.state,
            State::Live {
                broken: Some(_),
                ..
            }
        )
    }

    /// Draws the consequences of what the session has become.
    pub(super) fn settle(&mut self) -> Notice {
        let State::Live {
            link,
            session,
            side,
            underway,
            announced,
            broken,
            absence,
            ..
        } = &mut self.state
        else {
            return Notice::None;
        };
        if let Some(why) = *broken
            && session.failure().is_none()
            && session.packet_count() == 0
        {
            let notice = Notice::LinkBroken(why, *side, link.remote());
            self.state = State::Idle(Status::Error);
            return notice;
        }
        match session.status() {
            dtls::Status::Handshaking if *absence == Absence::Certain => {
                let notice = Notice::NobodyThere(link.remote());
                self.state = State::Idle(Status::Error);
                notice
            }
            dtls::Status::Handshaking => Notice::None,
            dtls::Status::Connected if *announced => Notice::None,
            dtls::Status::Connected => {
                *underway = None;
                *announced = true;
                Notice::Established {
                    protocol: session.protocol(),
                    cipher: session.cipher().unwrap_or("no cipher"),
                    remote: link.remote(),
                }
            }
            dtls::Status::Closed => {
                self.state = State::Idle(Status::Disconnected);
                Notice::None
            }
            dtls::Status::Failed => {
                let remote = link.remote();
                let side = *side;
                let Some(failure) = session.failure().cloned() else {
                    return Notice::None;
                };
                let status = match &failure {
                    Failure::Certificate(certificate) if certificate.is_name_mismatch() => {
                        Status::ErrorHostnameMismatch
                    }
                    _ => Status::Error,
                };
                self.state = State::Idle(status);
                match side {
                    Side::Client => Notice::ClientFailed(failure),
                    Side::Server => Notice::ServerFailed(failure, remote),
                }
            }
        }
    }
}
