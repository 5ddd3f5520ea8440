//! How a connection ends.

use std::time::{Duration, Instant};

use dtls::Failure;

use super::refusals::Refusals;
use super::{Connection, Shown, State, Status};
use crate::event::Event;

/// How much longer a silent connection is kept whose client may have been restarted, so that the new handshake, whose
/// session replaces this one, can finish.
const RESTART_GRACE: Duration = Duration::from_secs(10);

impl Connection {
    /// Closes the connection, with a close_notify if there is a session.
    pub fn disconnect(&mut self, now: Instant) {
        if let Some(live) = self.live_mut() {
            live.session.close();
            self.flush(now);
        }
        if let State::Open(open) = &self.state {
            log::debug!(target: "endpoint", "{}: closed", Shown(open.transport.remote()));
            self.state = State::Idle(Status::Disconnected);
        }
    }

    /// Ends the connection in [`Status::Failed`], and sends nothing.
    pub(crate) fn abandon(&mut self) {
        if self.is_open() {
            self.state = State::Idle(Status::Failed);
        }
    }

    pub(super) fn is_silent_too_long(&self, now: Instant) -> bool {
        let limit = self.timeouts.idle;
        let grace = match self.has_restart() {
            true => RESTART_GRACE,
            false => Duration::ZERO,
        };
        !limit.is_zero()
            && self
                .last_authenticated()
                .is_some_and(|at| now.saturating_duration_since(at) > limit + grace)
    }

    /// Ends a connection whose other side was silent for too long, once its packets were taken.
    pub(super) fn end_if_silent(&mut self, now: Instant) -> Option<Event> {
        if !self.is_silent_too_long(now) {
            return None;
        }
        let (transport, role, live) = self.state.live_mut()?;
        if live.session.packet_count() > 0 {
            return None;
        }
        let (side, remote) = (role.side(), transport.remote());
        live.session.close();
        self.flush(now);
        self.state = State::Idle(Status::Failed);
        let limit = self.timeouts.idle;
        Some(Event::Silent {
            side,
            limit,
            remote,
        })
    }

    /// Brings the state in line with what the session and the transport have become.
    pub(super) fn settle(&mut self) -> Option<Event> {
        let (transport, role, live) = self.state.live_mut()?;
        let side = role.side();
        if let Some(why) = live.broken
            && live.session.failure().is_none()
            && live.session.packet_count() == 0
        {
            let remote = transport.remote();
            self.state = State::Idle(Status::Failed);
            return Some(Event::TransportBroken { side, why, remote });
        }
        match live.session.status() {
            dtls::Status::Handshaking if live.refusals == Refusals::Certain => {
                let remote = transport.remote();
                self.state = State::Idle(Status::Failed);
                Some(Event::NoListener { remote })
            }
            dtls::Status::Handshaking => None,
            dtls::Status::Connected if live.is_announced => None,
            dtls::Status::Connected => {
                live.unfinished = None;
                live.is_announced = true;
                Some(Event::Established {
                    side,
                    protocol: live.session.protocol(),
                    cipher: live.session.cipher().unwrap_or("no cipher"),
                    remote: transport.remote(),
                })
            }
            dtls::Status::Closed => {
                log::debug!(target: "endpoint", "{}: closed by the other side", Shown(transport.remote()));
                self.state = State::Idle(Status::Disconnected);
                None
            }
            dtls::Status::Failed => {
                let remote = transport.remote();
                let failure = live.session.failure().cloned()?;
                log::debug!(target: "endpoint", "{}: failed: {failure}", Shown(remote));
                let is_name_mismatch = matches!(
                    &failure,
                    Failure::Certificate(certificate) if certificate.is_name_mismatch()
                );
                self.state = State::Idle(match is_name_mismatch {
                    true => Status::HostNameMismatch,
                    false => Status::Failed,
                });
                Some(Event::Failed {
                    side,
                    failure,
                    remote,
                })
            }
        }
    }
}
