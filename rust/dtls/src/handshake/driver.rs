//! Drives OpenSSL through one handshake, over a network that loses, repeats, delays and damages datagrams, and on which
//! others can send their own.
//!
//! A flight is sent again, in the same fragments, until the other side answers it: see
//! [`RetransmissionSchedule`] and [`Flight`](crate::handshake::flight::Flight). A client whose handshake fails over plain
//! text begins again with another hello: see [`Attempts`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use log::debug;
use openssl::ssl;

use crate::config::context::{ClientContext, ServerContext};
use crate::config::error::ConfigError;
use crate::config::settings::Settings;
use crate::failure::{Failure, alert_name};
use crate::handshake::attempts::Attempts;
use crate::handshake::early_records::EarlyRecords;
use crate::handshake::openssl_handshake::{OpenSslHandshake, is_waiting};
use crate::handshake::outbound::Outbound;
use crate::handshake::plaintext_filter::{PlaintextFilter, Verdict};
use crate::handshake::retransmission::{BACK_OFF_AT, Due, MOST_UNASKED, RetransmissionSchedule};
use crate::handshake::verification::Rejected;
use crate::record::queue::Queue;
use crate::record::record_layer::Established;
use crate::wire_format::{ClientHello, Record, Records, content_type, records};

/// The state of a handshake that is not finished.
pub(crate) struct Handshake {
    id: u64,
    openssl: OpenSslHandshake,
    /// Of a client.
    client: Option<Client>,
    filter: PlaintextFilter,
    /// The number that OpenSSL is to read in the next record of epoch 0.
    next_number: u64,
    early: EarlyRecords,
    /// The number of the sealed record that OpenSSL read last.
    last_sealed: u64,
    settings: Settings,
    give_up_at: Instant,
    outbound: Outbound,
    schedule: RetransmissionSchedule,
    /// How many flights this attempt has sent.
    flights: u32,
    /// How many times the last one was sent, copies included.
    times_sent: u32,
    /// Whether a client has repeated its hello since a server's flight was sent last.
    is_asked: bool,
    /// When the other side last showed that it has the flight before.
    progress_at: Instant,
    /// A plain-text alert, and when the handshake fails over it unless it goes on before.
    alert: Option<(Instant, Failure)>,
}

/// What a client needs to begin again.
struct Client {
    context: ClientContext,
    server_name: Box<str>,
    rejected: Rejected,
    attempts: Attempts,
}

/// The state after a call.
pub(crate) enum Outcome {
    Unfinished,
    Finished(Box<Finished>),
    Failed(Failure),
}

/// The result of a handshake.
pub(crate) struct Finished {
    pub(crate) negotiated: Negotiated,
    pub(crate) established: Established,
    /// What arrived behind the end of the handshake, oldest first, for the record layer.
    pub(crate) datagrams: Queue,
}

/// What the two sides agreed on, by OpenSSL's names.
#[derive(Clone, Copy)]
pub(crate) struct Negotiated {
    pub(crate) protocol: &'static str,
    pub(crate) cipher: &'static str,
}

/// By how much the first record numbers of two attempts differ.
const NUMBERS_PER_ATTEMPT: u64 = 1 << 16;

/// The next handshake's identifier in log events.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Handshake {
    /// Begins a client's handshake; [`begin`](Self::begin) sends its hello.
    ///
    /// # Errors
    /// As [`OpenSslHandshake::client`].
    pub(crate) fn connect(
        context: &ClientContext,
        server_name: &str,
        now: Instant,
    ) -> Result<Self, ConfigError> {
        let rejected = Rejected::default();
        let openssl = OpenSslHandshake::client(context, server_name, &rejected)?;
        let client = Client {
            context: context.clone(),
            server_name: server_name.into(),
            rejected,
            attempts: Attempts::new(context.settings.first_retransmission, now),
        };
        let peer = (PlaintextFilter::for_client(0), EarlyRecords::for_client());
        Ok(Self::new(
            openssl,
            Some(client),
            peer,
            context.settings,
            (0, 0),
            now,
        ))
    }

    /// Begins a server's handshake with a hello whose cookie is verified, and the record that has it;
    /// [`begin`](Self::begin) sends the first flight.
    ///
    /// # Errors
    /// As [`OpenSslHandshake::server`].
    pub(crate) fn accept(
        context: &ServerContext,
        hello: &ClientHello<'_>,
        record: &[u8],
        now: Instant,
    ) -> Result<Self, ConfigError> {
        let openssl = OpenSslHandshake::server(context, record)?;
        let peer = (
            PlaintextFilter::for_server(hello),
            EarlyRecords::for_server(),
        );
        // RFC 6347 section 4.2.1: a server's first record has the number of the hello that it answers. A client that had
        // to send its hello more than once would take a lower one for a replay of the HelloVerifyRequest.
        let first = hello.sequence_number;
        let numbers = (first, first + 1);
        Ok(Self::new(
            openssl,
            None,
            peer,
            context.settings,
            numbers,
            now,
        ))
    }

    fn new(
        openssl: OpenSslHandshake,
        client: Option<Client>,
        (filter, early): (PlaintextFilter, EarlyRecords),
        settings: Settings,
        (first_sent, first_read): (u64, u64),
        now: Instant,
    ) -> Self {
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            openssl,
            client,
            filter,
            next_number: first_read,
            early,
            last_sealed: 0,
            settings,
            give_up_at: now + settings.handshake_limit,
            outbound: Outbound::new(first_sent, settings.max_datagram),
            schedule: RetransmissionSchedule::new(
                settings.first_retransmission,
                settings.handshake_limit,
            ),
            flights: 0,
            times_sent: 0,
            is_asked: false,
            progress_at: now,
            alert: None,
        }
    }

    /// The identifier of the session in log events.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The protocol version offered, or agreed on.
    pub(crate) fn protocol(&self) -> &'static str {
        self.openssl.ssl().version_str()
    }

    /// What the two sides agreed on so far; `None` before that.
    pub(crate) fn negotiated(&self) -> Option<Negotiated> {
        let cipher = self.openssl.cipher()?;
        Some(Negotiated {
            protocol: self.protocol(),
            cipher,
        })
    }

    /// Sends the first flight.
    pub(crate) fn begin(&mut self, now: Instant, outgoing: &mut Queue) -> Outcome {
        debug!(target: "dtls", "{} {}: the handshake begins", self.role(), self.id);
        self.advance(now, outgoing)
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn timeout(&self) -> Instant {
        let next = self.next_attempt_at().or_else(|| {
            let alert = self.alert.as_ref().map(|(at, _)| *at);
            let times = [self.schedule.next(), alert, self.stuck_at()];
            times.into_iter().flatten().min()
        });
        next.map_or(self.give_up_at, |next| next.min(self.give_up_at))
    }

    fn role(&self) -> &'static str {
        match self.client {
            Some(_) => "client",
            None => "server",
        }
    }

    fn is_client(&self) -> bool {
        self.client.is_some()
    }

    /// When a client whose attempt failed begins the next one.
    fn next_attempt_at(&self) -> Option<Instant> {
        self.client.as_ref().and_then(|it| it.attempts.next_at())
    }

    /// When a client ends an attempt that makes no progress.
    fn stuck_at(&self) -> Option<Instant> {
        let limit = self.settings.handshake_limit;
        let attempts = &self.client.as_ref()?.attempts;
        if self.filter.has_cookie() {
            Some((self.progress_at + limit / 3).min(attempts.began_at() + limit / 2))
        } else {
            attempts
                .has_suspicion()
                .then(|| attempts.began_at() + limit / 4)
        }
    }

    /// Whether the server does not answer a client's later attempt, or its answers are dropped as an earlier attempt's.
    fn is_unanswered(&self, now: Instant) -> bool {
        let patience = 3 * self.settings.first_retransmission;
        let is_later = |client: &Client| !client.attempts.is_first();
        self.client.as_ref().is_some_and(is_later)
            && !self.is_last_flight()
            && now >= self.progress_at + patience
    }

    /// Whether this side has sent all its flights.
    fn is_last_flight(&self) -> bool {
        !self.is_client() || self.flights >= 2 + u32::from(self.filter.has_cookie())
    }

    /// Whether the flight, which is due, may be sent again.
    ///
    /// A server's flight is many times as large as what a client sends for it, and anyone who has seen the client's
    /// cookie can send that under its address. So after the first few times the client must ask for each one with its
    /// hello.
    fn may_send_again(&self) -> bool {
        self.is_client() || self.times_sent < MOST_UNASKED || self.is_asked
    }

    /// Takes a datagram's records.
    pub(crate) fn handle_datagram(
        &mut self,
        datagram: &[u8],
        now: Instant,
        outgoing: &mut Queue,
    ) -> Outcome {
        let mut rest = records(datagram);
        let mut early = Queue::default();
        match self.read_records(&mut rest, &mut early, now, outgoing) {
            Outcome::Unfinished => self.read_early_records(&early, now, outgoing),
            Outcome::Finished(mut finished) => {
                if !rest.remainder().is_empty() {
                    finished.datagrams.push(rest.remainder());
                }
                early.iter().for_each(|record| {
                    finished.datagrams.push(record);
                });
                Outcome::Finished(finished)
            }
            failed @ Outcome::Failed(_) => failed,
        }
    }

    /// Reads records one by one. Once OpenSSL can read sealed ones, moves those that arrived before to `early`.
    fn read_records(
        &mut self,
        rest: &mut Records<'_>,
        early: &mut Queue,
        now: Instant,
        outgoing: &mut Queue,
    ) -> Outcome {
        while self.next_attempt_at().is_none()
            && let Some(record) = rest.next()
        {
            self.is_asked |= self.filter.is_repeated_hello(&record);
            let overhead = self.openssl.sealing_overhead();
            if !record.is_well_formed(overhead, self.outbound.max_plaintext()) {
                self.log_dropped(&record, "not well-formed");
                continue;
            }
            match self.filter.check(&record) {
                Verdict::Drop(why) => self.log_dropped(&record, why),
                Verdict::Alert(description) => self.note_alert(description, now),
                Verdict::Sealed if !self.is_readable(&record) => {
                    if !self.early.push(record.bytes) {
                        self.log_dropped(&record, "too early and more than is kept");
                    }
                }
                Verdict::Sealed | Verdict::Pass => {
                    match self.read_record(&record, now, outgoing) {
                        Outcome::Unfinished => {}
                        ended => return ended,
                    }
                    if self.openssl.reads_sealed_records() && early.is_empty() {
                        *early = self.early.take();
                    }
                }
            }
        }
        Outcome::Unfinished
    }

    /// Whether OpenSSL can read a sealed record now: that of the other side's Finished message.
    fn is_readable(&self, record: &Record<'_>) -> bool {
        record.header.content_type == content_type::HANDSHAKE && self.openssl.reads_sealed_records()
    }

    /// Reads sealed records that arrived before the keys: the Finished message first, then the others, which only an
    /// established session can open.
    fn read_early_records(&mut self, early: &Queue, now: Instant, outgoing: &mut Queue) -> Outcome {
        let is_handshake = |record: &&[u8]| record.first() == Some(&content_type::HANDSHAKE);
        let (handshake, others): (Vec<&[u8]>, Vec<&[u8]>) = early.iter().partition(is_handshake);
        let mut handshake = handshake.into_iter();
        while let Some(record) = handshake.next() {
            match self.handle_datagram(record, now, outgoing) {
                Outcome::Unfinished => {}
                Outcome::Finished(mut finished) => {
                    handshake.chain(others).for_each(|record| {
                        finished.datagrams.push(record);
                    });
                    return Outcome::Finished(finished);
                }
                failed @ Outcome::Failed(_) => return failed,
            }
        }
        others.into_iter().for_each(|record| {
            self.early.push(record);
        });
        Outcome::Unfinished
    }

    /// Lets OpenSSL read one record.
    ///
    /// Records of epoch 0 are renumbered, each as the next one. Their numbers are not authenticated, and one that is far
    /// ahead, damaged or forged, would make OpenSSL take all later ones for replays. Messages that arrive twice are
    /// recognised by their `message_seq`.
    fn read_record(&mut self, record: &Record<'_>, now: Instant, outgoing: &mut Queue) -> Outcome {
        if record.header.epoch > 0 {
            self.last_sealed = record.header.sequence_number;
        }
        let number = self.next_number;
        self.next_number += 1;
        self.openssl.bio().offer_renumbered(record.bytes, number);
        self.advance(now, outgoing)
    }

    /// Lets OpenSSL go on as far as it can, and sends what it wrote.
    fn advance(&mut self, now: Instant, outgoing: &mut Queue) -> Outcome {
        let result = self.openssl.advance();
        let written = self.openssl.bio().take_written();
        match self.outbound.send(&written, &self.openssl, outgoing) {
            Ok(true) => self.begin_flight(now),
            Ok(false) => {}
            Err(error) => return Outcome::Failed(error.into()),
        }
        match result {
            Ok(()) => self.finish(),
            Err(error) if is_waiting(&error) => {
                if !self.is_last_flight() {
                    self.progress_at = now;
                }
                Outcome::Unfinished
            }
            Err(error) => {
                let failure = self.failure(&error);
                self.fail(failure, now)
            }
        }
    }

    /// A new flight was sent.
    fn begin_flight(&mut self, now: Instant) {
        self.schedule.begin(self.filter.has_cookie(), now);
        self.flights += 1;
        self.times_sent = 1;
        self.is_asked = false;
        self.progress_at = now;
        self.alert = None;
        debug!(
            target: "dtls",
            "{} {}: sent flight {} in {} datagrams ({})",
            self.role(),
            self.id,
            self.flights,
            self.outbound.datagram_count(),
            self.openssl.ssl().state_string_long().trim_end(),
        );
    }

    fn finish(&mut self) -> Outcome {
        let is_server = !self.is_client();
        let Some(sealed) = self.outbound.finish(is_server) else {
            let why = "the last flight was not sealed";
            return Outcome::Failed(Failure::Protocol(why.to_owned()));
        };
        let negotiated = Negotiated {
            protocol: self.protocol(),
            cipher: self.openssl.cipher().unwrap_or_default(),
        };
        debug!(
            target: "dtls",
            "{} {}: connected with {} and {}",
            self.role(),
            self.id,
            negotiated.protocol,
            negotiated.cipher,
        );
        Outcome::Finished(Box::new(Finished {
            negotiated,
            established: Established {
                id: self.id,
                is_server,
                keys: sealed.keys,
                sealer: sealed.sealer,
                finished_number: self.last_sealed,
                max_plaintext: sealed.max_plaintext,
                last_flight: sealed.last_flight,
            },
            datagrams: self.early.take(),
        }))
    }

    /// What an error of OpenSSL's means.
    fn failure(&self, error: &ssl::Error) -> Failure {
        let rejected = self.client.as_ref().and_then(|it| it.rejected.take());
        match rejected {
            Some(certificate) => Failure::Certificate(certificate),
            None => Failure::of_handshake(error),
        }
    }

    /// Ends the handshake, or a client's attempt, over something that is not authenticated.
    fn fail(&mut self, failure: Failure, now: Instant) -> Outcome {
        debug!(target: "dtls", "{} {}: {failure}", self.role(), self.id);
        match &mut self.client {
            None => Outcome::Failed(failure),
            Some(client) => match client.attempts.fail(failure, now) {
                Some(failure) => Outcome::Failed(failure),
                None => Outcome::Unfinished,
            },
        }
    }

    /// Waits before it fails over a plain-text alert, which may be forged: a sender that means it sends nothing more,
    /// otherwise the rest of the handshake follows.
    fn note_alert(&mut self, description: u8, now: Instant) {
        let patience = match self.is_client() {
            // It costs a client only another attempt.
            true => self.settings.first_retransmission,
            false => 2 * self.settings.first_retransmission,
        };
        let name = alert_name(description);
        debug!(
            target: "dtls",
            "{} {}: alert in plain text ({name}); fails in {patience:?} unless the handshake goes on",
            self.role(),
            self.id,
        );
        self.alert
            .get_or_insert((now + patience, Failure::Alert(name)));
    }

    /// Sends the flight again, begins another attempt, or gives up, if it is time.
    pub(crate) fn handle_timeout(&mut self, now: Instant, outgoing: &mut Queue) -> Outcome {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| now >= at);
        if now >= self.give_up_at {
            let limit = self.settings.handshake_limit;
            let suspicion = self.take_suspicion();
            return Outcome::Failed(suspicion.unwrap_or(Failure::TimedOut(limit)));
        }
        if let Some(at) = self.next_attempt_at() {
            return match now >= at {
                true => self.begin_next_attempt(now, outgoing),
                false => Outcome::Unfinished,
            };
        }
        if let Some((_, alert)) = self.alert.take_if(|(at, _)| now >= *at) {
            return self.fail(alert, now);
        }
        if is_due(self.stuck_at()) {
            let suspicion = match self.flights {
                0 | 1 => self.take_suspicion(),
                _ => None,
            };
            return match suspicion {
                Some(failure) => Outcome::Failed(failure),
                None => self.begin_next_attempt(now, outgoing),
            };
        }
        match self.schedule.take_due(now) {
            // A server that refuses its cookie has no session that would answer the flight.
            Some(Due::Retransmission)
                if self.filter.is_cookie_refused() && !self.is_last_flight() =>
            {
                self.begin_next_attempt(now, outgoing)
            }
            Some(due) => self.send_again(due, now, outgoing),
            None => Outcome::Unfinished,
        }
    }

    fn take_suspicion(&mut self) -> Option<Failure> {
        let client = self.client.as_mut()?;
        client.attempts.take_suspicion()
    }

    fn send_again(&mut self, due: Due, now: Instant, outgoing: &mut Queue) -> Outcome {
        if !self.may_send_again() {
            return Outcome::Unfinished;
        }
        self.times_sent += 1;
        self.is_asked = false;
        debug!(
            target: "dtls",
            "{} {}: sends flight {} again ({due:?}, {} times so far)",
            self.role(),
            self.id,
            self.flights,
            self.times_sent,
        );
        if due == Due::Copy {
            self.outbound.copy(outgoing);
            return Outcome::Unfinished;
        }
        if self.is_unanswered(now) {
            self.filter.accept_any_number();
        }
        let sent = match self.schedule.retransmissions() {
            BACK_OFF_AT.. => self.outbound.back_off(outgoing),
            _ => self.outbound.retransmit(outgoing),
        };
        match sent {
            Ok(()) => Outcome::Unfinished,
            Err(error) => Outcome::Failed(error.into()),
        }
    }

    /// Sends the flight that waits for an answer once more as it is.
    pub(crate) fn resend_flight(&self, outgoing: &mut Queue) {
        self.outbound.copy(outgoing);
    }

    /// Begins a client's next attempt with another hello.
    fn begin_next_attempt(&mut self, now: Instant, outgoing: &mut Queue) -> Outcome {
        let Some(client) = &mut self.client else {
            return Outcome::Unfinished;
        };
        let attempt = client.attempts.begin_next(now);
        debug!(target: "dtls", "client {}: begins again with another hello ({attempt})", self.id);
        let openssl =
            OpenSslHandshake::client(&client.context, &client.server_name, &client.rejected);
        self.openssl = match openssl {
            Ok(openssl) => openssl,
            Err(error) => return Outcome::Failed(Failure::Protocol(error.to_string())),
        };
        let first = attempt * NUMBERS_PER_ATTEMPT;
        self.filter = PlaintextFilter::for_client(first);
        self.next_number = 0;
        self.early = EarlyRecords::for_client();
        self.outbound.begin_again(first);
        self.schedule.stop();
        self.flights = 0;
        self.progress_at = now;
        self.alert = None;
        self.advance(now, outgoing)
    }

    #[cfg(all(test, target_os = "linux"))]
    pub(crate) fn ssl_of_test(&self) -> &ssl::SslRef {
        self.openssl.ssl()
    }

    fn log_dropped(&self, record: &Record<'_>, why: &str) {
        debug!(
            target: "dtls",
            "{} {}: dropped a record (type {}, epoch {}, number {}, {} bytes): {why}",
            self.role(),
            self.id,
            record.header.content_type,
            record.header.epoch,
            record.header.sequence_number,
            record.body.len(),
        );
    }
}
