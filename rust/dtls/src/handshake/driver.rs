//! A session's way to its keys, over a network that loses, repeats, delays and damages datagrams
//! and among strangers who send their own.
//!
//! A flight is sent again, in the same pieces, until it is answered: see [`Schedule`] and [`Flight`](crate::handshake::flight::Flight).
//!
//! Until the keys are proven, all that OpenSSL goes by is plain text, which may be damaged or a
//! stranger's. So a client does not give up over it, but begins anew with another hello, up to its
//! limit; RFC 6347 section 4.2.8 has a server take a client that does so.

use std::ops::Range;
use std::time::Instant;

use openssl::ssl::SslRef;

use crate::config::context::ClientContext;
use crate::config::error::{ConfigError, forget_earlier_errors};
use crate::config::policy::{BACK_OFF_AT, MOST_UNASKED};
use crate::config::settings::Settings;
use crate::failure::Failure;
use crate::handshake::early_records::Early;
use crate::handshake::outbound::Outbound;
use crate::handshake::plaintext_filter::{Screen, Verdict};
use crate::handshake::retransmission::{Due, Schedule};
use crate::handshake::transport::Transport;
use crate::record::protection::SealError;
use crate::record::queue::Queue;
use crate::record::record_layer as channel;
use crate::session::{Phase, Session, client_ssl, is_waiting, sealing_overhead};
use crate::wire_format::hello::{ClientHello, RANDOM};
use crate::wire_format::record::{self as records, Record};

/// What a session remembers until it has its keys.
pub(crate) struct Handshake {
    /// What a client needs to begin anew.
    client: Option<(ClientContext, Box<str>)>,
    screen: Screen,
    /// The number that OpenSSL is to see in the next record of epoch 0.
    next_number: u64,
    early: Early,
    /// The number of the sealed record that OpenSSL read last.
    finished: u64,
    settings: Settings,
    give_up_at: Instant,
    outbound: Outbound,
    schedule: Schedule,
    /// How many flights this attempt has sent.
    flights: u32,
    /// How many times the last one was sent, copies included.
    sent: u32,
    /// Whether a client has asked for a server's flight again since it was sent last.
    is_asked: bool,
    attempt: u64,
    attempt_at: Instant,
    /// When the other side last showed that it has the flight before.
    progress_at: Instant,
    /// A plain-text alert, and when it is believed if nothing goes on.
    alert: Option<(Instant, Failure)>,
    /// Why the last attempt ended, and how many ended so.
    suspicion: Option<(Failure, u32)>,
    restart_at: Option<Instant>,
}

/// Record numbers of one attempt begin so far from those of the one before.
const NUMBERS_OF_AN_ATTEMPT: u64 = 1 << 16;

impl Handshake {
    pub(crate) fn of_client(context: &ClientContext, server_name: &str, now: Instant) -> Self {
        let client = Some((context.clone(), server_name.into()));
        let expected = (Screen::for_client(0), Early::of_client());
        Self::new(client, expected, 0, 0, context.settings, now)
    }

    pub(crate) fn of_server(settings: Settings, hello: &ClientHello<'_>, now: Instant) -> Self {
        // RFC 6347 section 4.2.1: a server's first record has the number of the hello that it answers. Otherwise a client
        // that had to send its hello more than once takes it for a replay of the HelloVerifyRequest.
        let first = records::big_endian(hello.record_number);
        let expected = (Screen::for_server(hello), Early::of_server());
        Self::new(None, expected, first + 1, first, settings, now)
    }

    fn new(
        client: Option<(ClientContext, Box<str>)>,
        (screen, early): (Screen, Early),
        next_number: u64,
        first_number: u64,
        settings: Settings,
        now: Instant,
    ) -> Self {
        Self {
            client,
            screen,
            next_number,
            early,
            finished: 0,
            settings,
            give_up_at: now + settings.handshake_limit,
            outbound: Outbound::new(first_number, settings.max_datagram),
            schedule: Schedule::new(&settings),
            flights: 0,
            sent: 0,
            is_asked: false,
            attempt: 0,
            attempt_at: now,
            progress_at: now,
            alert: None,
            suspicion: None,
            restart_at: None,
        }
    }

    pub(crate) fn timeout(&self) -> Instant {
        let next = match self.restart_at {
            Some(at) => Some(at),
            None => {
                let alert = self.alert.as_ref().map(|(at, _)| *at);
                let times = [self.schedule.next(), alert, self.stuck_at()];
                times.into_iter().flatten().min()
            }
        };
        next.map_or(self.give_up_at, |next| next.min(self.give_up_at))
    }

    fn is_client(&self) -> bool {
        self.client.is_some()
    }

    pub(crate) fn client_random(&self) -> Option<&[u8; RANDOM]> {
        self.screen.client_random()
    }

    /// When a client stops to wait for this attempt.
    fn stuck_at(&self) -> Option<Instant> {
        let limit = self.settings.handshake_limit;
        if self.screen.has_cookie() {
            Some((self.progress_at + limit / 3).min(self.attempt_at + limit / 2))
        } else if self.suspicion.is_some() {
            Some(self.attempt_at + limit / 4)
        } else {
            None
        }
    }

    /// Whether the server seems not to hear this attempt, or else is taken for one before.
    fn is_unheard(&self, now: Instant) -> bool {
        let patience = 3 * self.settings.first_retransmission;
        self.attempt > 0 && !self.is_last_flight() && now >= self.progress_at + patience
    }

    /// Whether this side has sent all that it has to send.
    fn is_last_flight(&self) -> bool {
        !self.is_client() || self.flights >= 2 + u32::from(self.screen.has_cookie())
    }

    /// Notes that a new flight was sent.
    fn begin_flight(&mut self, now: Instant) {
        // A client's flight weighs little: once a server has shown itself, it is copied twice as often.
        self.schedule.begin(self.screen.has_cookie(), now);
        self.flights += 1;
        self.sent = 1;
        self.is_asked = false;
        self.progress_at = now;
        self.alert = None;
    }

    /// Sends the flight byte for byte as it was sent last.
    pub(crate) fn copy_flight(&self, outgoing: &mut Queue) {
        self.outbound.copy(outgoing);
    }

    /// Whether the flight, whose time has come, may be sent again.
    ///
    /// A server's flight weighs many times what its client sent for it, and whoever has seen the client's cookie can send
    /// that under its address. So after the first few times each one must be asked for by the client's hello.
    fn may_send_again(&self) -> bool {
        self.is_client() || self.sent < MOST_UNASKED || self.is_asked
    }

    /// Nobody vouches for an alert in plain text. One whose sender means it is followed by
    /// silence, others by the rest of the handshake.
    fn hear_alert(&mut self, kind: u8, now: Instant) {
        let patience = match self.is_client() {
            // It costs a client only another attempt.
            true => self.settings.first_retransmission,
            false => 2 * self.settings.first_retransmission,
        };
        let failure = Failure::Alert(channel::name(kind));
        self.alert.get_or_insert((now + patience, failure));
    }
}

impl Session {
    /// Takes a datagram's records from byte `at` on while there are no keys yet, one by one.
    pub(crate) fn handle_handshake_records(
        &mut self,
        datagram: &mut Vec<u8>,
        mut at: usize,
        now: Instant,
    ) {
        self.stream.get_mut().swap_incoming(datagram, false);
        let mut overtaken = Queue::default();
        while let Phase::Handshaking(handshake) = &mut self.phase
            && handshake.restart_at.is_none()
            && let Some(record) = Record::read(self.stream.get_ref().incoming(), at)
        {
            let part = at..record.end;
            at = record.end;
            handshake.is_asked |= handshake.screen.is_repeated_hello(&record);
            let overhead = sealing_overhead(self.stream.ssl());
            if !record.is_well_formed(overhead, handshake.outbound.max_record()) {
                continue;
            }
            let verdict = match handshake.screen.judge(&record) {
                Verdict::Sealed
                    if record.content_type == records::HANDSHAKE
                        && reads_sealed(self.stream.ssl()) =>
                {
                    Verdict::Pass
                }
                verdict => verdict,
            };
            if record.epoch > 0 {
                handshake.finished = record.number;
            }
            match verdict {
                Verdict::Drop => {}
                Verdict::Alert(kind) => handshake.hear_alert(kind, now),
                Verdict::Sealed => handshake
                    .early
                    .push(&self.stream.get_ref().incoming()[part]),
                Verdict::Pass => {
                    self.read_record(part, now);
                    if let Phase::Handshaking(handshake) = &mut self.phase
                        && reads_sealed(self.stream.ssl())
                        && overtaken.is_empty()
                    {
                        overtaken = handshake.early.take();
                    }
                }
            }
        }
        self.stream.get_mut().swap_incoming(datagram, false);
        if matches!(self.phase, Phase::Connected(_)) {
            self.handle_datagram(&datagram[at..], now);
        }
        self.handle_overtaken(&overtaken, now);
    }

    /// Takes sealed records that waited for OpenSSL to have the keys: the end of the handshake first, which makes the
    /// others readable.
    fn handle_overtaken(&mut self, overtaken: &Queue, now: Instant) {
        let ends_it = |record: &&[u8]| record.first() == Some(&records::HANDSHAKE);
        for record in overtaken.iter().filter(ends_it) {
            self.handle_datagram(record, now);
        }
        for record in overtaken.iter().filter(|record| !ends_it(record)) {
            match &mut self.phase {
                Phase::Handshaking(handshake) => handshake.early.push(record),
                _ => self.handle_datagram(record, now),
            }
        }
    }

    /// Lets OpenSSL read one record of the datagram that was lent.
    ///
    /// Records of epoch 0 are numbered anew, each as if it were the next. Nothing vouches for their
    /// numbers, and one that is far ahead, be it damaged or a stranger's, would make OpenSSL take
    /// all that follow for replays. Messages that come twice are told by numbers of their own.
    fn read_record(&mut self, part: Range<usize>, now: Instant) {
        let Phase::Handshaking(handshake) = &mut self.phase else {
            return;
        };
        let wire = self.stream.get_mut();
        let before = wire.number_incoming(part.start, handshake.next_number);
        handshake.next_number += 1;
        wire.offer(part.clone());
        self.shake_hands(now);
        if let Some(before) = before {
            self.stream.get_mut().number_incoming(part.start, before);
        }
    }

    /// Lets OpenSSL go on as far as it can.
    pub(crate) fn shake_hands(&mut self, now: Instant) {
        forget_earlier_errors();
        let Some(result) = self.stream.do_handshake() else {
            return;
        };
        if let Err(error) = self.send_written(now) {
            return self.end(error.into());
        }
        match result {
            Ok(()) => {
                let ended = std::mem::replace(&mut self.phase, Phase::Closed);
                let Phase::Handshaking(mut handshake) = ended else {
                    return;
                };
                let early = handshake.early.take();
                self.heard_at = Some(now);
                self.hand_over(handshake.outbound, handshake.finished);
                for record in early.iter() {
                    self.receive(record, now);
                }
            }
            Err(error) if is_waiting(&error) => {
                if let Phase::Handshaking(handshake) = &mut self.phase
                    && !handshake.is_last_flight()
                {
                    handshake.progress_at = now;
                }
            }
            Err(error) => {
                let failure = self.explain(&error);
                self.doubt(failure, now);
            }
        }
    }

    /// Sends what OpenSSL wrote.
    fn send_written(&mut self, now: Instant) -> Result<(), SealError> {
        let written = self.stream.get_mut().take_written();
        let Phase::Handshaking(handshake) = &mut self.phase else {
            return Ok(());
        };
        let mut outgoing = std::mem::take(&mut self.stream.get_mut().outgoing);
        let begun = match self.stream.ssl() {
            Some(ssl) => handshake.outbound.send(&written, ssl, &mut outgoing),
            None => Ok(false),
        };
        self.stream.get_mut().outgoing = outgoing;
        if begun? {
            handshake.begin_flight(now);
        }
        Ok(())
    }

    pub(crate) fn handle_handshake_timeout(&mut self, now: Instant) {
        let Phase::Handshaking(handshake) = &mut self.phase else {
            return;
        };
        let is_due = |at: Option<Instant>| at.is_some_and(|at| now >= at);
        if now >= handshake.give_up_at {
            let limit = handshake.settings.handshake_limit;
            let suspicion = handshake.suspicion.take().map(|(failure, _)| failure);
            self.end(suspicion.unwrap_or(Failure::TimedOut(limit)));
        } else if handshake.restart_at.is_some() {
            if is_due(handshake.restart_at) {
                self.restart(now);
            }
        } else if let Some((_, alert)) = handshake.alert.take_if(|(at, _)| now >= *at) {
            self.doubt(alert, now);
        } else if is_due(handshake.stuck_at()) {
            match handshake.suspicion.take_if(|_| handshake.flights < 2) {
                Some((failure, _)) => self.end(failure),
                None => self.restart(now),
            }
        } else if let Some(due) = handshake.schedule.take_due(now) {
            // No session waits at the other end for what follows a cookie that it refuses.
            if due == Due::Retransmission
                && handshake.screen.is_cookie_refused()
                && !handshake.is_last_flight()
            {
                self.restart(now);
            } else {
                self.send_again(due, now);
            }
        }
    }

    fn send_again(&mut self, due: Due, now: Instant) {
        let Phase::Handshaking(handshake) = &mut self.phase else {
            return;
        };
        if !handshake.may_send_again() {
            return;
        }
        handshake.sent += 1;
        handshake.is_asked = false;
        let outgoing = &mut self.stream.get_mut().outgoing;
        match due {
            Due::Copy => handshake.outbound.copy(outgoing),
            Due::Retransmission => {
                if handshake.is_unheard(now) {
                    handshake.screen.take_any_number();
                }
                let sent = match handshake.schedule.retransmissions() {
                    BACK_OFF_AT.. => handshake.outbound.back_off(outgoing),
                    _ => handshake.outbound.retransmit(outgoing),
                };
                if let Err(error) = sent {
                    self.end(error.into());
                }
            }
        }
    }

    /// Judges a failure that rests on plain text: a client believes it once enough attempts, one
    /// after the other, have ended for the same reason.
    fn doubt(&mut self, failure: Failure, now: Instant) {
        let Phase::Handshaking(handshake) = &mut self.phase else {
            return;
        };
        let enough = match &failure {
            _ if !handshake.is_client() => 1,
            Failure::Certificate(certificate) if certificate.is_intact() => 1,
            // No server has such a certificate.
            Failure::Certificate(certificate) if certificate.is_damaged() => u32::MAX,
            Failure::Certificate(_) => 2,
            _ => 3,
        };
        let count = match &handshake.suspicion {
            Some((last, count)) if *last == failure => count + 1,
            _ => 1,
        };
        if count >= enough {
            return self.end(failure);
        }
        handshake.suspicion = Some((failure, count));
        handshake.restart_at = Some(match handshake.attempt {
            0 => now,
            // Whoever provokes these gets no more than a trickle.
            _ => now + handshake.settings.first_retransmission,
        });
    }

    /// Begins anew with another hello.
    fn restart(&mut self, now: Instant) {
        let Phase::Handshaking(handshake) = &mut self.phase else {
            return;
        };
        handshake.attempt += 1;
        let first = handshake.attempt * NUMBERS_OF_AN_ATTEMPT;
        handshake.screen = Screen::for_client(first);
        handshake.next_number = 0;
        handshake.early = Early::of_client();
        handshake.outbound.begin_anew(first);
        handshake.schedule.stop();
        handshake.flights = 0;
        handshake.attempt_at = now;
        handshake.progress_at = now;
        handshake.alert = None;
        handshake.restart_at = None;
        let Some((context, server_name)) = &handshake.client else {
            return;
        };
        let wire = std::mem::take(self.stream.get_mut());
        let renewed = client_ssl(context, server_name, &self.rejected).and_then(|ssl| {
            Transport::new(ssl, wire).map_err(|stack| ConfigError::openssl(&stack))
        });
        match renewed {
            Ok(stream) => {
                self.stream = stream;
                self.shake_hands(now);
            }
            Err(error) => self.end(Failure::Protocol(error.to_string())),
        }
    }
}

/// Whether OpenSSL has taken the other side's ChangeCipherSpec, after which records are sealed.
fn reads_sealed(ssl: Option<&SslRef>) -> bool {
    ssl.is_some_and(|ssl| ssl.state_string() == "TRCCS")
}
