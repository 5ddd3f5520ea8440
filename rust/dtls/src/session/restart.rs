//! A client that begins anew from the address of an established session (RFC 6347 section 4.2.8).
//!
//! A hello is in plain text. That its cookie holds shows that its sender can read what is sent to the address, which
//! someone on the path can as well, and a hello of the client's own can arrive late. So the established session stays
//! until the new handshake is finished, and anything authentic that arrives on it drops the newcomer: the client is
//! still there. The first [`RESTART_SILENCE`] after the hello are waited for before anything is answered, so that a
//! client that speaks is sent nothing of a handshake that it did not begin.

use std::time::{Duration, Instant};

use crate::config::context::ServerContext;
use crate::config::error::ConfigError;
use crate::record::queue::Queue;
use crate::session::{Phase, Session, Status};
use crate::wire_format::hello::{CLIENT_HELLO, ClientHello, RANDOM};
use crate::wire_format::record::{self as records, Record};

/// How long an established session has to be silent after a hello from its client's address before that hello is
/// answered. A client repeats a hello after 1 s and 2 s more (RFC 6347 section 4.2.4.1), and does not give up meanwhile.
pub const RESTART_SILENCE: Duration = Duration::from_secs(2);

/// How long one such handshake runs before another hello can take its place.
const BETWEEN_HANDSHAKES: Duration = Duration::from_secs(1);

/// How many bytes of datagrams wait for the handshake to begin: a hello, and its other fragments.
const WAITING_BYTES: usize = 8192;

/// What a server keeps beside an established session whose client may have been started again.
pub(crate) struct Restart {
    random: [u8; RANDOM],
    begins_at: Instant,
    stage: Stage,
}

#[expect(
    clippy::large_enum_variant,
    reason = "it stands in a box, and the smaller variant is there for two seconds"
)]
enum Stage {
    /// Until the old session has been silent for long enough: the hello, and its other fragments.
    Waiting(Queue),
    Begun(Session),
}

impl Restart {
    fn new(random: [u8; RANDOM], hello: &[u8], begins_at: Instant) -> Self {
        let mut datagrams = Queue::default();
        datagrams.push(hello);
        Self {
            random,
            begins_at,
            stage: Stage::Waiting(datagrams),
        }
    }

    fn session(&self) -> Option<&Session> {
        match &self.stage {
            Stage::Begun(session) => Some(session),
            Stage::Waiting(_) => None,
        }
    }

    pub(crate) fn session_mut(&mut self) -> Option<&mut Session> {
        match &mut self.stage {
            Stage::Begun(session) => Some(session),
            Stage::Waiting(_) => None,
        }
    }

    /// When there is something to do; once the handshake is finished, since then.
    pub(crate) fn timeout(&self) -> Instant {
        self.session()
            .and_then(Session::timeout)
            .unwrap_or(self.begins_at)
    }

    pub(crate) fn has_datagrams(&self) -> bool {
        self.session().is_some_and(Session::has_datagrams)
    }

    /// Takes a datagram that the established session could not open.
    fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        match &mut self.stage {
            Stage::Waiting(datagrams) => {
                // A client has sent nothing else by now.
                let is_hello = Record::read(datagram, 0).is_some_and(|record| {
                    record.epoch == 0
                        && record.content_type == records::HANDSHAKE
                        && record.body.first() == Some(&CLIENT_HELLO)
                });
                if is_hello && datagrams.bytes() + datagram.len() <= WAITING_BYTES {
                    datagrams.push(datagram);
                }
            }
            Stage::Begun(session) => session.handle_datagram(datagram, now),
        }
    }
}

impl Session {
    /// Takes a hello from the address of this established session for which
    /// [`is_new_client_hello`](Self::is_new_client_hello) is true and whose cookie holds
    /// ([`CookieJar::verify_cookie`](crate::CookieJar::verify_cookie)). Nothing is answered yet: see
    /// [`restart_is_due`](Self::restart_is_due).
    ///
    /// A hello that differs from the one before takes its place, at most once a second after the handshake has begun. Where
    /// the session is not established, and for a hello of more than 8,192 bytes, nothing happens.
    pub fn offer_restart(&mut self, hello: &[u8], now: Instant) {
        let Some(parsed) = ClientHello::parse(hello) else {
            return;
        };
        let Ok(random) = <[u8; RANDOM]>::try_from(parsed.random) else {
            return;
        };
        let is_established = matches!(self.phase, Phase::Connected(_)) && !self.is_restarted();
        if !is_established || hello.len() > WAITING_BYTES {
            return;
        }
        let begins_at = match &mut self.restart {
            None => now + RESTART_SILENCE,
            Some(restart) if restart.random == random => {
                if let Some(session) = restart.session_mut() {
                    session.handle_datagram(hello, now);
                }
                return;
            }
            Some(restart) => match restart.stage {
                Stage::Waiting(_) => restart.begins_at,
                Stage::Begun(_) if now < restart.begins_at + BETWEEN_HANDSHAKES => return,
                Stage::Begun(_) => now,
            },
        };
        self.restart = Some(Box::new(Restart::new(random, hello, begins_at)));
    }

    /// Whether the session has been silent for [`RESTART_SILENCE`] since its client's address sent a new hello, so that
    /// the hello is to be answered: call [`accept_restart`](Self::accept_restart), or
    /// [`drop_restart`](Self::drop_restart) to refuse it. [`timeout`](Self::timeout) gives the time.
    pub fn restart_is_due(&self, now: Instant) -> bool {
        self.restart.as_ref().is_some_and(|restart| {
            matches!(restart.stage, Stage::Waiting(_)) && now >= restart.begins_at
        })
    }

    /// Begins the handshake with the client that was started again. This session stays as it is, and
    /// [`drain_datagrams`](Self::drain_datagrams), [`timeout`](Self::timeout) and
    /// [`handle_datagram`](Self::handle_datagram) serve both.
    ///
    /// # Errors
    /// As [`accept`](Self::accept); the newcomer is dropped then.
    pub fn accept_restart(
        &mut self,
        context: &ServerContext,
        now: Instant,
    ) -> Result<(), ConfigError> {
        let Some(mut restart) = self.restart.take() else {
            return Ok(());
        };
        if let Stage::Waiting(datagrams) = &mut restart.stage {
            let datagrams = std::mem::take(datagrams);
            let mut datagrams = datagrams.iter().map(<[u8]>::to_vec);
            let hello = datagrams.next().unwrap_or_default();
            let mut session = Self::accept(context, &hello, now)?;
            for datagram in datagrams {
                session.handle_datagram(&datagram, now);
            }
            restart.begins_at = now;
            restart.stage = Stage::Begun(session);
        }
        self.restart = Some(restart);
        self.settle_restart();
        Ok(())
    }

    /// Forgets the client that was started again; its next hello counts as its first.
    pub fn drop_restart(&mut self) {
        self.restart = None;
    }

    /// Whether a handshake with a client that was started again is unfinished.
    pub fn is_restarting(&self) -> bool {
        let session = self.restart.as_ref().and_then(|restart| restart.session());
        session.is_some_and(|session| session.status() == Status::Handshaking)
    }

    /// Whether [`take_restarted`](Self::take_restarted) has something to give.
    pub fn is_restarted(&self) -> bool {
        let session = self.restart.as_ref().and_then(|restart| restart.session());
        session.is_some_and(|session| session.status() == Status::Connected)
    }

    /// The session that takes the place of this one, once its handshake is finished: whoever has the keys of the new
    /// one was reached at this address. Until it is taken, [`timeout`](Self::timeout) is in the past. The old one has no more use; drop it without
    /// [`close`](Self::close), whose alert the client could not read.
    ///
    /// Send what [`drain_datagrams`](Self::drain_datagrams) gives before that, or take it from the new session.
    pub fn take_restarted(&mut self) -> Option<Self> {
        if !self.is_restarted() {
            return None;
        }
        match self.restart.take()?.stage {
            Stage::Begun(session) => Some(session),
            Stage::Waiting(_) => None,
        }
    }

    /// Takes a datagram while there is a newcomer. The established session is first: what it cannot open has no
    /// effect on it.
    pub(crate) fn handle_contested_datagram(&mut self, datagram: &[u8], now: Instant) {
        if !self.is_restarted() {
            let heard_before = self.heard_at.take();
            self.handle_own_datagram(datagram, now);
            if self.heard_at.is_some() {
                return self.drop_restart();
            }
            self.heard_at = heard_before;
        }
        if let Some(restart) = &mut self.restart {
            restart.handle_datagram(datagram, now);
            self.settle_restart();
        }
    }

    pub(crate) fn handle_restart_timeout(&mut self, now: Instant) {
        if let Some(session) = self.restart.as_mut().and_then(|it| it.session_mut()) {
            session.handle_timeout(now);
            self.settle_restart();
        }
    }

    /// Forgets a newcomer whose handshake failed.
    fn settle_restart(&mut self) {
        let session = self.restart.as_ref().and_then(|restart| restart.session());
        let is_over =
            |session: &Session| matches!(session.status(), Status::Failed | Status::Closed);
        if session.is_some_and(is_over) {
            self.restart = None;
        }
    }
}
