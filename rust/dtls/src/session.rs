//! One DTLS session: the handshake, the records after it, and the end.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use openssl::ssl::{self, ErrorCode, Ssl, SslStream, SslVerifyMode};
use openssl::x509::verify::X509CheckFlags;

use crate::channel::{Channel, End, Side, Take};
use crate::context::{ClientContext, ServerContext};
use crate::error::{ConfigError, SendError, forget_earlier_errors, reason};
use crate::failure::{CertificateFailure, Failure};
use crate::hello::ClientHello;
use crate::outgoing::Outgoing;
use crate::packets::Packets;
use crate::policy::{HANDSHAKE_LIMIT, MAX_DATAGRAM, MAX_PACKET, PACKET_QUEUE_BYTES};
use crate::protection::SealError;
use crate::suite::Suite;
use crate::trust::Verification;
use crate::wire::Wire;
use crate::{listen, records, timer};

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The two sides are still agreeing on keys.
    Handshaking,
    /// Packets can be sent, or wait to be taken.
    Connected,
    /// Ended in order, by either side, and every packet was taken.
    Closed,
    /// Ended by an error: see [`Session::failure`].
    Failed,
}

/// A client's or a server's side of one DTLS 1.2 session.
///
/// After every call that may produce datagrams, send what [`drain_datagrams`](Self::drain_datagrams)
/// gives, and call [`handle_timeout`](Self::handle_timeout) when [`timeout`](Self::timeout) says so.
pub struct Session {
    transport: Transport,
    phase: Phase,
    packets: Packets,
    rejected: Rejected,
}

/// What makes datagrams of packets and packets of datagrams.
enum Transport {
    /// OpenSSL, until the handshake is done.
    Handshake {
        stream: SslStream<Wire>,
        /// Datagrams, one behind the other, that overtook the other side's last flight.
        early: Vec<u8>,
    },
    /// The keys that it agreed on, from then on.
    Channel(Box<Channel>),
}

enum Phase {
    Handshaking {
        side: Side,
        give_up_at: Instant,
        retransmit_at: Option<Instant>,
    },
    Connected {
        /// How many bytes each sealed record is longer than its plain text.
        sealing_overhead: usize,
    },
    Closed,
    Failed(Failure),
}

/// Where OpenSSL's verification leaves the certificate that it did not accept.
type Rejected = Arc<Mutex<Option<CertificateFailure>>>;

impl Session {
    /// Begins a client's session; its first hello waits in
    /// [`drain_datagrams`](Self::drain_datagrams) at once.
    ///
    /// `server_name` is the host name or IP address that the server's certificate must be for. It is
    /// ignored where the context does not verify names.
    ///
    /// # Errors
    /// [`ConfigError::NameMissing`] or [`ConfigError::NameInvalid`] for a name that cannot be
    /// verified, [`ConfigError::OpenSsl`] if OpenSSL cannot make a session.
    pub fn connect(
        context: &ClientContext,
        server_name: &str,
        now: Instant,
    ) -> Result<Self, ConfigError> {
        forget_earlier_errors();
        let mut ssl = new_ssl(&context.ssl)?;
        let rejected = Rejected::default();
        match &context.verification {
            Verification::Full(_) => {
                expect_name(&mut ssl, server_name)?;
                record_rejection(&mut ssl, &rejected, Some(server_name.to_owned()));
            }
            Verification::DangerousAnyName(_) => record_rejection(&mut ssl, &rejected, None),
            Verification::DangerousNone => {}
        }
        ssl.set_connect_state();
        let mut session = Self::new(ssl, Side::Client, rejected, now)?;
        if let Transport::Handshake { stream, .. } = &mut session.transport
            && let Err(error) = stream.do_handshake()
        {
            session.go_on(&error, now);
        }
        Ok(session)
    }

    /// Begins a server's session with a datagram that
    /// [`CookieJar::greet`](crate::CookieJar::greet) called verified; its first flight waits in
    /// [`drain_datagrams`](Self::drain_datagrams) at once.
    ///
    /// # Errors
    /// [`ConfigError::OpenSsl`] if OpenSSL cannot make a session or does not read the hello as the
    /// cookie jar did.
    pub fn accept(
        context: &ServerContext,
        hello: &mut Vec<u8>,
        now: Instant,
    ) -> Result<Self, ConfigError> {
        forget_earlier_errors();
        let mut ssl = new_ssl(&context.0)?;
        ssl.set_accept_state();
        let mut session = Self::new(ssl, Side::Server, Rejected::default(), now)?;
        let Transport::Handshake { stream, .. } = &mut session.transport else {
            return Ok(session);
        };
        let wire = stream.get_mut();
        if let Some(hello) = ClientHello::parse(hello) {
            wire.number_from(records::big_endian(hello.record_number));
        }
        wire.swap_incoming(hello, true);
        let begun = listen::begin_with_verified_hello(stream.ssl());
        let answered = begun.is_ok().then(|| stream.do_handshake());
        stream.get_mut().swap_incoming(hello, false);
        begun.map_err(|stack| ConfigError::openssl(&stack))?;
        if let Some(Err(error)) = answered {
            session.go_on(&error, now);
        }
        Ok(session)
    }

    fn new(ssl: Ssl, side: Side, rejected: Rejected, now: Instant) -> Result<Self, ConfigError> {
        let stream =
            SslStream::new(ssl, Wire::default()).map_err(|stack| ConfigError::openssl(&stack))?;
        let early = Vec::new();
        Ok(Self {
            transport: Transport::Handshake { stream, early },
            phase: Phase::Handshaking {
                side,
                give_up_at: now + HANDSHAKE_LIMIT,
                retransmit_at: None,
            },
            packets: Packets::default(),
            rejected,
        })
    }

    /// Where the session stands. A session that the other side has closed stays
    /// [`Status::Connected`] until the last packet was taken.
    pub fn status(&self) -> Status {
        match self.phase {
            Phase::Handshaking { .. } => Status::Handshaking,
            Phase::Connected { .. } => Status::Connected,
            _ if !self.packets.is_empty() => Status::Connected,
            Phase::Closed => Status::Closed,
            Phase::Failed(_) => Status::Failed,
        }
    }

    /// Why the session failed.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.phase {
            Phase::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// The protocol agreed on, such as `DTLSv1.2`; the one offered before that.
    pub fn protocol(&self) -> &'static str {
        match &self.transport {
            Transport::Handshake { stream, .. } => stream.ssl().version_str(),
            Transport::Channel(channel) => channel.protocol,
        }
    }

    /// The cipher suite agreed on, by OpenSSL's name; `None` before that.
    pub fn cipher(&self) -> Option<&'static str> {
        match &self.transport {
            Transport::Handshake { stream, .. } => {
                stream.ssl().current_cipher().map(|cipher| cipher.name())
            }
            Transport::Channel(channel) => Some(channel.cipher),
        }
    }

    /// Whether the session takes datagrams: false once it ended, and while
    /// [`PACKET_QUEUE_BYTES`] of packets wait to be taken.
    pub fn takes_datagrams(&self) -> bool {
        match self.phase {
            Phase::Handshaking { .. } | Phase::Connected { .. } => {
                self.packets.waiting_bytes() < PACKET_QUEUE_BYTES
            }
            Phase::Closed | Phase::Failed(_) => false,
        }
    }

    /// Takes one datagram that came from the other side, whatever it holds.
    ///
    /// The vector is borrowed for the call and holds the same bytes after it. Where
    /// [`takes_datagrams`](Self::takes_datagrams) is false, nothing happens.
    pub fn handle_datagram(&mut self, datagram: &mut Vec<u8>, now: Instant) {
        let is_ours = records::are_well_formed(datagram, self.sealing_overhead());
        if !is_ours || !self.takes_datagrams() || self.is_stale_hello(datagram) {
            return;
        }
        let datagram = match self.phase {
            Phase::Handshaking { side, .. } => return self.shake_hands(datagram, side, now),
            Phase::Connected { .. } => datagram,
            Phase::Closed | Phase::Failed(_) => return,
        };
        self.receive(datagram, Take::All);
    }

    /// Opens every record of a datagram.
    fn receive(&mut self, datagram: &[u8], take: Take) {
        let Transport::Channel(channel) = &mut self.transport else {
            return;
        };
        match channel.receive(datagram, take, &mut self.packets) {
            None => {}
            Some(End::CloseNotify) => self.say_goodbye(),
            Some(End::Alert(alert)) => self.phase = Phase::Failed(Failure::Alert(alert)),
        }
    }

    fn sealing_overhead(&self) -> usize {
        match self.phase {
            Phase::Connected { sealing_overhead } => sealing_overhead,
            // Of the shortest seal, until it is known which there will be.
            _ => self
                .cipher()
                .and_then(Suite::of)
                .unwrap_or(Suite::ChaCha20Poly1305)
                .overhead(),
        }
    }

    /// A repetition of the hello that came before the cookie: the client has one by now, but OpenSSL
    /// would begin anew.
    fn is_stale_hello(&self, datagram: &[u8]) -> bool {
        let greeted = matches!(
            self.phase,
            Phase::Handshaking {
                side: Side::Server,
                ..
            }
        );
        greeted && ClientHello::parse(datagram).is_some_and(|hello| hello.message_number == 0)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub fn timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Handshaking {
                give_up_at,
                retransmit_at,
                ..
            } => Some(retransmit_at.map_or(give_up_at, |at| at.min(give_up_at))),
            _ => None,
        }
    }

    /// Sends the last flight again, or gives up, if it is time; otherwise does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Phase::Handshaking {
            give_up_at,
            retransmit_at,
            ..
        } = self.phase
        else {
            return;
        };
        if now >= give_up_at {
            self.phase = Phase::Failed(Failure::TimedOut);
        } else if retransmit_at.is_some_and(|at| now >= at) {
            forget_earlier_errors();
            let Transport::Handshake { stream, .. } = &self.transport else {
                return;
            };
            match timer::handle_expired(stream.ssl()) {
                Ok(()) => self.schedule_retransmission(now),
                // OpenSSL fails here once it has sent the flight as often as it does.
                Err(_) => self.phase = Phase::Failed(Failure::TimedOut),
            }
        }
    }

    /// Encrypts one packet into one datagram. An empty packet is not sent: DTLS has no use for it.
    ///
    /// # Errors
    /// [`SendError`]; after [`SendError::Failed`] the session has ended.
    pub fn send(&mut self, packet: &[u8]) -> Result<(), SendError> {
        let (Phase::Connected { .. }, Transport::Channel(channel)) =
            (&self.phase, &mut self.transport)
        else {
            return Err(SendError::NotConnected);
        };
        if packet.len() > MAX_PACKET {
            return Err(SendError::TooLarge(packet.len()));
        }
        if packet.is_empty() {
            return Ok(());
        }
        channel.send(packet).map_err(|error| {
            self.phase = Phase::Failed(Failure::Protocol(match error {
                SealError::NumbersExhausted => "every record number was used".to_owned(),
                SealError::OpenSsl(stack) => reason(&stack),
            }));
            SendError::Failed
        })
    }

    /// How many packets wait to be taken.
    pub fn packet_count(&self) -> usize {
        self.packets.len()
    }

    /// Takes the oldest packet.
    pub fn next_packet(&mut self) -> Option<&[u8]> {
        self.packets.pop()
    }

    /// Ends the session: tells the other side (close_notify, RFC 5246 section 7.2.1) if it is
    /// connected, and forgets packets that were not taken.
    pub fn close(&mut self) {
        self.packets = Packets::default();
        match self.phase {
            Phase::Connected { .. } => self.say_goodbye(),
            Phase::Handshaking { .. } => self.phase = Phase::Closed,
            Phase::Closed | Phase::Failed(_) => {}
        }
    }

    /// Whether datagrams wait to be sent.
    pub fn has_datagrams(&self) -> bool {
        !self.outgoing().is_empty()
    }

    /// Hands every waiting datagram to `send`, in order, and forgets it.
    pub fn drain_datagrams(&mut self, send: impl FnMut(&[u8])) {
        match &mut self.transport {
            Transport::Handshake { stream, .. } => stream.get_mut().outgoing.drain(send),
            Transport::Channel(channel) => channel.outgoing.drain(send),
        }
    }

    fn outgoing(&self) -> &Outgoing {
        match &self.transport {
            Transport::Handshake { stream, .. } => &stream.get_ref().outgoing,
            Transport::Channel(channel) => &channel.outgoing,
        }
    }

    /// Lets OpenSSL take a datagram of the handshake.
    fn shake_hands(&mut self, datagram: &mut Vec<u8>, side: Side, now: Instant) {
        let Transport::Handshake { stream, early } = &mut self.transport else {
            return;
        };
        if records::are_early(datagram) {
            // A server's client has nothing to send before it is connected, and then the server is, too.
            if side == Side::Client && early.len() + datagram.len() <= PACKET_QUEUE_BYTES {
                early.extend_from_slice(datagram);
            }
            return;
        }
        forget_earlier_errors();
        let sent = stream.get_ref().outgoing.len();
        stream.get_mut().swap_incoming(datagram, true);
        let done = stream.do_handshake();
        stream.get_mut().swap_incoming(datagram, false);
        match done {
            Ok(()) => self.hand_over(side, sent, datagram),
            Err(error) => self.go_on(&error, now),
        }
    }

    /// What comes after a step that did not finish the handshake.
    fn go_on(&mut self, error: &ssl::Error, now: Instant) {
        if is_waiting(error) {
            self.schedule_retransmission(now);
        } else {
            self.fail(error);
        }
    }

    /// Goes on without OpenSSL's session, whose handshake is done. `sent` datagrams waited to be sent before the last
    /// step, which `datagram` caused.
    fn hand_over(&mut self, side: Side, sent: usize, datagram: &[u8]) {
        let Transport::Handshake { stream, early } = &mut self.transport else {
            return;
        };
        let early = std::mem::take(early);
        let wire = stream.get_mut();
        let outgoing = std::mem::take(&mut wire.outgoing);
        let last_flight = match side {
            Side::Client => Outgoing::default(),
            Side::Server => outgoing.after(sent),
        };
        let Some(sealed) = wire.sealed else {
            let why = "this side's last flight was not sealed".to_owned();
            self.phase = Phase::Failed(Failure::Protocol(why));
            return;
        };
        match Channel::take_over(stream.ssl(), side, sealed, last_flight) {
            Ok(mut channel) => {
                channel.outgoing = outgoing;
                self.phase = Phase::Connected {
                    sealing_overhead: self.sealing_overhead(),
                };
                self.transport = Transport::Channel(Box::new(channel));
                self.rejected = Rejected::default();
                self.receive(datagram, Take::AllButHandshake);
                self.receive(&early, Take::AllButHandshake);
            }
            Err(stack) => self.phase = Phase::Failed(Failure::Protocol(reason(&stack))),
        }
    }

    fn schedule_retransmission(&mut self, now: Instant) {
        let Transport::Handshake { stream, .. } = &self.transport else {
            return;
        };
        let left = timer::remaining(stream.ssl());
        if let Phase::Handshaking { retransmit_at, .. } = &mut self.phase {
            *retransmit_at = left.map(|left| now + left);
        }
    }

    fn say_goodbye(&mut self) {
        if let Transport::Channel(channel) = &mut self.transport {
            // Whether or not the alert could be made, the session is over.
            let _ = channel.say_goodbye();
        }
        self.phase = Phase::Closed;
    }

    fn fail(&mut self, error: &ssl::Error) {
        let rejected = self
            .rejected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        self.phase = Phase::Failed(match rejected {
            Some(certificate) => Failure::Certificate(certificate),
            None => explain(error),
        });
    }
}

fn is_waiting(error: &ssl::Error) -> bool {
    matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE)
}

fn explain(error: &ssl::Error) -> Failure {
    /// Reasons from here on are alerts that the other side sent (openssl/sslerr.h).
    const FIRST_ALERT: i32 = 1000;
    let Some(stack) = error.ssl_error() else {
        return Failure::Protocol("the transport ended".to_owned());
    };
    let why = reason(stack);
    match stack.errors().last() {
        Some(last) if last.reason_code() >= FIRST_ALERT => Failure::Alert(why),
        _ => Failure::Protocol(why),
    }
}

fn new_ssl(context: &ssl::SslContext) -> Result<Ssl, ConfigError> {
    let make = || {
        let mut ssl = Ssl::new(context)?;
        ssl.set_mtu(MAX_DATAGRAM as u32)?;
        timer::configure(&ssl);
        Ok(ssl)
    };
    make().map_err(|stack| ConfigError::openssl(&stack))
}

fn expect_name(ssl: &mut Ssl, name: &str) -> Result<(), ConfigError> {
    if name.is_empty() {
        return Err(ConfigError::NameMissing);
    }
    if name.contains('\0') {
        return Err(ConfigError::NameInvalid(name.escape_debug().to_string()));
    }
    let param = ssl.param_mut();
    param.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
    let set = match name.parse::<IpAddr>() {
        Ok(ip) => param.set_ip(ip),
        Err(_) => param.set_host(name).and_then(|()| ssl.set_hostname(name)),
    };
    set.map_err(|_| ConfigError::NameInvalid(name.escape_debug().to_string()))
}

fn record_rejection(ssl: &mut Ssl, rejected: &Rejected, expected_name: Option<String>) {
    let rejected = Arc::clone(rejected);
    ssl.set_verify_callback(SslVerifyMode::PEER, move |accepted, context| {
        if !accepted {
            rejected
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert_with(|| CertificateFailure::new(context, expected_name.clone()));
        }
        accepted
    });
}
