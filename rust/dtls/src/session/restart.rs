//! A client that begins again from the address of an established session (RFC 6347 section 4.2.8).
//!
//! A hello is plain text. A valid cookie shows that its sender can read what is sent to the address, which someone on
//! the path can as well; and a hello of the client itself can arrive late. So the established association stays until
//! the new handshake is finished, and any authentic record on it ends the restart: the client still has its keys. The
//! server waits for [`RESTART_SILENCE`] before it answers the hello, so that a client which is still connected gets
//! nothing of a handshake that it did not begin.

use std::time::{Duration, Instant};

use crate::config::context::ServerContext;
use crate::config::error::ConfigError;
use crate::record::queue::Queue;
use crate::session::association::Association;
use crate::session::status::Status;
use crate::wire_format::{RANDOM_BYTES, content_type, handshake_type, records};

/// How long an established session has to be silent after a hello from its client's address before that hello is
/// answered. A client repeats a hello after 1 s and after 2 s more (RFC 6347 section 4.2.4.1), so it does not give up
/// in this time.
pub const RESTART_SILENCE: Duration = Duration::from_secs(2);

/// How long such a handshake runs at least before another hello replaces it.
const BETWEEN_HANDSHAKES: Duration = Duration::from_secs(1);

/// The most bytes of datagrams that are kept until the handshake begins: a hello and its other fragments.
pub(super) const KEPT_BYTES: usize = 8192;

/// A second association of a server's session, beside the established one.
pub(super) struct Restart {
    random: [u8; RANDOM_BYTES],
    begins_at: Instant,
    stage: Stage,
}

#[expect(
    clippy::large_enum_variant,
    reason = "the value is boxed, and the smaller variant is there for two seconds"
)]
enum Stage {
    /// The established association has not been silent for long enough: the hello and its other fragments.
    Waiting(Queue),
    Begun(Association),
}

impl Restart {
    pub(super) fn new(random: [u8; RANDOM_BYTES], hello: &[u8], now: Instant) -> Self {
        let mut datagrams = Queue::default();
        datagrams.push(hello);
        Self {
            random,
            begins_at: now + RESTART_SILENCE,
            stage: Stage::Waiting(datagrams),
        }
    }

    /// Takes another verified hello. One with the same random is a repetition; another one replaces this restart, at
    /// most once a second after its handshake has begun.
    pub(super) fn offer(&mut self, random: [u8; RANDOM_BYTES], hello: &[u8], now: Instant) {
        if self.random == random {
            if let Stage::Begun(association) = &mut self.stage {
                association.handle_datagram(hello, now);
            }
            return;
        }
        let begins_at = match self.stage {
            Stage::Waiting(_) => self.begins_at,
            Stage::Begun(_) if now < self.begins_at + BETWEEN_HANDSHAKES => return,
            Stage::Begun(_) => now,
        };
        *self = Self {
            begins_at,
            ..Self::new(random, hello, now)
        };
    }

    /// Whether the hello is to be answered now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        matches!(self.stage, Stage::Waiting(_)) && now >= self.begins_at
    }

    /// Begins the handshake, unless it has begun.
    pub(super) fn begin(
        &mut self,
        context: &ServerContext,
        now: Instant,
    ) -> Result<(), ConfigError> {
        let Stage::Waiting(datagrams) = &self.stage else {
            return Ok(());
        };
        let mut datagrams = datagrams.iter();
        let hello = datagrams.next().unwrap_or_default();
        let mut association = Association::accept(context, hello, now)?;
        for datagram in datagrams {
            association.handle_datagram(datagram, now);
        }
        self.begins_at = now;
        self.stage = Stage::Begun(association);
        Ok(())
    }

    /// The new association, once its handshake has begun.
    pub(super) fn association(&self) -> Option<&Association> {
        match &self.stage {
            Stage::Begun(association) => Some(association),
            Stage::Waiting(_) => None,
        }
    }

    pub(super) fn association_mut(&mut self) -> Option<&mut Association> {
        match &mut self.stage {
            Stage::Begun(association) => Some(association),
            Stage::Waiting(_) => None,
        }
    }

    pub(super) fn into_association(self) -> Option<Association> {
        match self.stage {
            Stage::Begun(association) => Some(association),
            Stage::Waiting(_) => None,
        }
    }

    pub(super) fn has_status(&self, status: Status) -> bool {
        self.association().is_some_and(|it| it.status() == status)
    }

    /// Whether the handshake has failed.
    pub(super) fn is_over(&self) -> bool {
        self.has_status(Status::Failed) || self.has_status(Status::Closed)
    }

    /// When there is something to do. Once the handshake is finished, a time in the past.
    pub(super) fn timeout(&self) -> Instant {
        self.association()
            .and_then(Association::timeout)
            .unwrap_or(self.begins_at)
    }

    /// Takes a datagram in which the established association opened no record.
    pub(super) fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        match &mut self.stage {
            Stage::Waiting(datagrams) => {
                // A client sends nothing but its hello until it is answered.
                let is_hello = records(datagram).next().is_some_and(|record| {
                    record.header.epoch == 0
                        && record.header.content_type == content_type::HANDSHAKE
                        && record.body.first() == Some(&handshake_type::CLIENT_HELLO)
                });
                if is_hello && datagrams.bytes() + datagram.len() <= KEPT_BYTES {
                    datagrams.push(datagram);
                }
            }
            Stage::Begun(association) => {
                association.handle_datagram(datagram, now);
            }
        }
    }
}
