//! One DTLS association (RFC 6347 section 4.2.8): the handshake, the records after it, and the end.
//!
//! A [`Session`](crate::Session) has one, and a second one while its client begins again.

use std::time::Instant;

use log::debug;

use crate::config::context::{ClientContext, ServerContext};
use crate::config::error::ConfigError;
use crate::config::policy::PACKET_QUEUE_BYTES;
use crate::failure::{Failure, alert_name};
use crate::handshake::driver::{Handshake, Negotiated, Outcome};
use crate::record::protection::SealError;
use crate::record::queue::Queue;
use crate::record::record_layer::{End, RecordLayer};
use crate::session::status::{SendError, Status};
use crate::wire_format::{ClientHello, RANDOM_BYTES};

/// A client's or a server's side of one association.
pub(crate) struct Association {
    id: u64,
    phase: Phase,
    /// When the last authentic record arrived.
    last_authenticated: Option<Instant>,
    packets: Queue,
    outgoing: Queue,
    negotiated: Option<Negotiated>,
    /// Of a server: the random of the hello that the association began with.
    client_random: Option<[u8; RANDOM_BYTES]>,
}

enum Phase {
    Handshaking(Box<Handshake>),
    Connected(RecordLayer),
    Closed,
    Failed(Failure),
}

impl Association {
    /// Begins a client's association.
    ///
    /// # Errors
    /// As [`Session::connect`](crate::Session::connect).
    pub(crate) fn connect(
        context: &ClientContext,
        server_name: &str,
        now: Instant,
    ) -> Result<Self, ConfigError> {
        let handshake = Handshake::connect(context, server_name, now)?;
        Ok(Self::begin(handshake, None, now))
    }

    /// Begins a server's association.
    ///
    /// # Errors
    /// As [`Session::accept`](crate::Session::accept).
    pub(crate) fn accept(
        context: &ServerContext,
        datagram: &[u8],
        now: Instant,
    ) -> Result<Self, ConfigError> {
        let hello = ClientHello::parse(datagram).ok_or(ConfigError::NoHello)?;
        let (record, rest) = datagram.split_at(hello.record_bytes);
        let handshake = Handshake::accept(context, &hello, record, now)?;
        let mut association = Self::begin(handshake, Some(*hello.random), now);
        association.handle_datagram(rest, now);
        Ok(association)
    }

    fn begin(
        mut handshake: Handshake,
        client_random: Option<[u8; RANDOM_BYTES]>,
        now: Instant,
    ) -> Self {
        let mut outgoing = Queue::default();
        let outcome = handshake.begin(now, &mut outgoing);
        let mut association = Self {
            id: handshake.id(),
            phase: Phase::Handshaking(Box::new(handshake)),
            last_authenticated: None,
            packets: Queue::default(),
            outgoing,
            negotiated: None,
            client_random,
        };
        association.settle(outcome, now);
        association
    }

    /// Its identifier in log events.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn status(&self) -> Status {
        match self.phase {
            Phase::Handshaking(_) => Status::Handshaking,
            Phase::Connected(_) => Status::Connected,
            _ if !self.packets.is_empty() => Status::Connected,
            Phase::Closed => Status::Closed,
            Phase::Failed(_) => Status::Failed,
        }
    }

    /// Whether records can be sent and received.
    pub(crate) fn is_established(&self) -> bool {
        matches!(self.phase, Phase::Connected(_))
    }

    /// Whether it is closed or failed; packets may still wait.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Closed | Phase::Failed(_))
    }

    pub(crate) fn failure(&self) -> Option<&Failure> {
        match &self.phase {
            Phase::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    pub(crate) fn protocol(&self) -> &'static str {
        match (&self.phase, self.negotiated) {
            (Phase::Handshaking(handshake), _) => handshake.protocol(),
            (_, Some(negotiated)) => negotiated.protocol,
            (_, None) => "DTLSv1.2",
        }
    }

    pub(crate) fn cipher(&self) -> Option<&'static str> {
        let negotiated = match &self.phase {
            Phase::Handshaking(handshake) => handshake.negotiated(),
            _ => self.negotiated,
        };
        negotiated.map(|negotiated| negotiated.cipher)
    }

    pub(crate) fn last_authenticated(&self) -> Option<Instant> {
        self.last_authenticated
    }

    /// Whether a datagram begins with a hello that is not the one that a server's association began with.
    pub(crate) fn is_new_client_hello(&self, datagram: &[u8]) -> bool {
        self.client_random.is_some_and(|random| {
            ClientHello::parse(datagram).is_some_and(|hello| *hello.random != random)
        })
    }

    pub(crate) fn takes_datagrams(&self) -> bool {
        !self.is_over() && self.packets.held() < PACKET_QUEUE_BYTES
    }

    /// Takes one datagram; does nothing where [`takes_datagrams`](Self::takes_datagrams) is false. Returns whether it
    /// held an authentic record.
    pub(crate) fn handle_datagram(&mut self, datagram: &[u8], now: Instant) -> bool {
        if !self.takes_datagrams() {
            return false;
        }
        match &mut self.phase {
            Phase::Handshaking(handshake) => {
                let outcome = handshake.handle_datagram(datagram, now, &mut self.outgoing);
                self.settle(outcome, now)
            }
            Phase::Connected(_) => self.receive(datagram, now),
            Phase::Closed | Phase::Failed(_) => false,
        }
    }

    /// Goes on with what a call of the handshake led to. Returns whether the handshake is finished.
    fn settle(&mut self, outcome: Outcome, now: Instant) -> bool {
        match outcome {
            Outcome::Unfinished => false,
            Outcome::Failed(failure) => {
                self.fail(failure);
                false
            }
            Outcome::Finished(finished) => {
                self.last_authenticated = Some(now);
                self.negotiated = Some(finished.negotiated);
                self.phase = Phase::Connected(RecordLayer::new(finished.established));
                for datagram in finished.datagrams.iter() {
                    self.handle_datagram(datagram, now);
                }
                true
            }
        }
    }

    /// Opens the records of a datagram. Returns whether one of them was authentic.
    fn receive(&mut self, datagram: &[u8], now: Instant) -> bool {
        let Phase::Connected(layer) = &mut self.phase else {
            return false;
        };
        let received = layer.receive(datagram, &mut self.packets, &mut self.outgoing);
        if received.is_authentic {
            self.last_authenticated = Some(now);
        }
        match received.end {
            None => {}
            Some(End::CloseNotify) => {
                debug!(target: "dtls", "session {}: closed by the other side", self.id);
                self.send_close_notify();
            }
            Some(End::Alert(description)) => self.fail(Failure::Alert(alert_name(description))),
            Some(End::KeyUsedUp) => {
                self.send_close_notify();
                self.fail(Failure::TooManyForgeries);
            }
        }
        received.is_authentic
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Handshaking(handshake) => Some(handshake.timeout()),
            _ => None,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if let Phase::Handshaking(handshake) = &mut self.phase {
            let outcome = handshake.handle_timeout(now, &mut self.outgoing);
            self.settle(outcome, now);
        }
    }

    pub(crate) fn resend_flight(&mut self) {
        if let Phase::Handshaking(handshake) = &self.phase {
            handshake.resend_flight(&mut self.outgoing);
        }
    }

    pub(crate) fn send(&mut self, packet: &[u8]) -> Result<(), SendError> {
        let Phase::Connected(layer) = &mut self.phase else {
            return Err(SendError::NotConnected);
        };
        let (packet_bytes, limit) = (packet.len(), layer.max_plaintext());
        if packet_bytes > limit {
            return Err(SendError::TooLarge {
                packet: packet_bytes,
                limit,
            });
        }
        if packet.is_empty() {
            return Ok(());
        }
        layer.send(packet, &mut self.outgoing).map_err(|error| {
            if matches!(error, SealError::KeyUsedUp) {
                self.send_close_notify();
            }
            self.fail(error.into());
            SendError::Failed
        })
    }

    pub(crate) fn packet_count(&self) -> usize {
        self.packets.len()
    }

    pub(crate) fn next_packet<R>(&mut self, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        self.packets.pop(take)
    }

    /// Ends the association and drops the packets that were not taken.
    pub(crate) fn close(&mut self) {
        self.packets = Queue::default();
        match self.phase {
            Phase::Connected(_) => {
                debug!(target: "dtls", "session {}: closed by this side", self.id);
                self.send_close_notify();
            }
            Phase::Handshaking(_) => {
                debug!(target: "dtls", "session {}: closed during the handshake", self.id);
                self.leave(Phase::Closed);
            }
            Phase::Closed | Phase::Failed(_) => {}
        }
    }

    pub(crate) fn has_datagrams(&self) -> bool {
        !self.outgoing.is_empty()
    }

    pub(crate) fn drain_datagrams(&mut self, send: impl FnMut(&[u8])) {
        self.outgoing.drain(send);
    }

    fn send_close_notify(&mut self) {
        if let Phase::Connected(layer) = &mut self.phase {
            // The association ends even if the alert cannot be sealed.
            let _ = layer.close(&mut self.outgoing);
        }
        self.leave(Phase::Closed);
    }

    fn fail(&mut self, failure: Failure) {
        debug!(target: "dtls", "session {}: failed: {failure}", self.id);
        self.leave(Phase::Failed(failure));
    }

    fn leave(&mut self, next: Phase) {
        if let Phase::Handshaking(handshake) = &self.phase {
            self.negotiated = handshake.negotiated();
        }
        self.phase = next;
    }

    #[cfg(test)]
    pub(crate) fn record_layer_of_test(&mut self) -> &mut RecordLayer {
        match &mut self.phase {
            Phase::Connected(layer) => layer,
            _ => panic!("the association is not established"),
        }
    }

    #[cfg(all(test, target_os = "linux"))]
    pub(crate) fn ssl_of_test(&self) -> Option<&openssl::ssl::SslRef> {
        match &self.phase {
            Phase::Handshaking(handshake) => Some(handshake.ssl_of_test()),
            _ => None,
        }
    }
}
