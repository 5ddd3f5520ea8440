//! One DTLS session: the handshake, the records after it, and the end.

pub(crate) mod restart;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use openssl::ssl::{self, ErrorCode, Ssl, SslRef, SslVerifyMode};
use openssl::x509::X509VerifyResult;
use openssl::x509::verify::X509CheckFlags;

use crate::config::certificate_names as names;
use crate::config::context::{ClientContext, ServerContext};
use crate::config::error::{ConfigError, SendError, forget_earlier_errors, reason};
use crate::config::policy::PACKET_QUEUE_BYTES;
use crate::config::trust::Verification;
use crate::failure::{CertificateFailure, Failure, is_address_mismatch};
use crate::handshake::driver::Handshake;
use crate::handshake::listen;
use crate::handshake::memory_bio::Wire;
use crate::handshake::outbound::{OPENSSLS_MTU, Outbound};
use crate::handshake::timer;
use crate::handshake::transport::Transport;
use crate::record::protection::SealError;
use crate::record::queue::Queue;
use crate::record::record_layer::{Channel, End};
use crate::record::suite::Suite;
use crate::session::restart::Restart;
use crate::wire_format::hello::{ClientHello, RANDOM};

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
    pub(crate) stream: Transport,
    pub(crate) phase: Phase,
    pub(crate) heard_at: Option<Instant>,
    packets: Queue,
    pub(crate) rejected: Rejected,
    agreed: Option<Box<Agreed>>,
    /// Of a server's established session: its client, started again.
    pub(crate) restart: Option<Box<Restart>>,
}

/// What is told of a handshake after it is done.
struct Agreed {
    protocol: &'static str,
    cipher: &'static str,
    is_server: bool,
    client_random: [u8; RANDOM],
}

pub(crate) enum Phase {
    Handshaking(Box<Handshake>),
    Connected(Channel),
    Closed,
    Failed(Failure),
}

/// Where OpenSSL's verification leaves the certificate that it did not accept.
pub(crate) type Rejected = Arc<Mutex<Option<CertificateFailure>>>;

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
        let rejected = Rejected::default();
        let ssl = client_ssl(context, server_name, &rejected)?;
        let handshake = Handshake::of_client(context, server_name, now);
        let mut session = Self::new(ssl, handshake, rejected)?;
        session.shake_hands(now);
        Ok(session)
    }

    /// Begins a server's session with a datagram that
    /// [`CookieJar::verify_cookie`](crate::CookieJar::verify_cookie) called verified; its first flight waits in
    /// [`drain_datagrams`](Self::drain_datagrams) at once. Only the datagram's first record begins it: what follows is
    /// treated as in any other datagram.
    ///
    /// # Errors
    /// [`ConfigError::OpenSsl`] if OpenSSL cannot make a session or does not read the hello as the
    /// cookie jar did.
    pub fn accept(
        context: &ServerContext,
        hello: &[u8],
        now: Instant,
    ) -> Result<Self, ConfigError> {
        forget_earlier_errors();
        let hello = &mut hello.to_vec();
        let parsed = ClientHello::parse(hello).ok_or(ConfigError::NoHello)?;
        let mut ssl = new_ssl(&context.ssl)?;
        ssl.set_accept_state();
        let handshake = Handshake::of_server(context.settings, &parsed, now);
        let mut session = Self::new(ssl, handshake, Rejected::default())?;
        let first_record = parsed.record_bytes;
        let wire = session.stream.get_mut();
        wire.swap_incoming(hello, false);
        wire.offer(0..first_record);
        let ssl = session.stream.ssl().ok_or(ConfigError::NoHello)?;
        let begun = listen::begin_with_verified_hello(ssl);
        if begun.is_ok() {
            session.shake_hands(now);
        }
        session.stream.get_mut().swap_incoming(hello, false);
        begun.map_err(|stack| ConfigError::openssl(&stack))?;
        session.handle_handshake_records(hello, first_record, now);
        Ok(session)
    }

    fn new(ssl: Ssl, handshake: Handshake, rejected: Rejected) -> Result<Self, ConfigError> {
        let stream =
            Transport::new(ssl, Wire::default()).map_err(|stack| ConfigError::openssl(&stack))?;
        Ok(Self {
            stream,
            phase: Phase::Handshaking(Box::new(handshake)),
            heard_at: None,
            packets: Queue::default(),
            rejected,
            agreed: None,
            restart: None,
        })
    }

    /// Where the session stands. A session that the other side has closed stays
    /// [`Status::Connected`] until the last packet was taken.
    pub fn status(&self) -> Status {
        match self.phase {
            Phase::Handshaking(_) => Status::Handshaking,
            Phase::Connected(_) => Status::Connected,
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
        let offered = || self.stream.ssl().map_or("DTLSv1.2", SslRef::version_str);
        self.agreed
            .as_ref()
            .map_or_else(offered, |agreed| agreed.protocol)
    }

    /// The cipher suite agreed on, by OpenSSL's name; `None` before that.
    pub fn cipher(&self) -> Option<&'static str> {
        match &self.agreed {
            Some(agreed) => Some(agreed.cipher),
            None => self.stream.ssl().and_then(cipher),
        }
    }

    /// When the last record arrived that the other side alone can have sealed; `None` before the end
    /// of the handshake. The time is the `now` that came with its datagram.
    pub fn last_authenticated(&self) -> Option<Instant> {
        self.heard_at
    }

    /// Whether a datagram that came to a server's session begins with a client's hello that is not
    /// the one that the session began with: the client was started again on the same address and
    /// port, or someone poses as it (RFC 6347 section 4.2.8).
    ///
    /// Let [`CookieJar::verify_cookie`](crate::CookieJar::verify_cookie) judge it as an unverified client's. Once it is verified, an
    /// unfinished handshake can be dropped for it, while an established session is to be kept:
    /// [`offer_restart`](Self::offer_restart). [`handle_datagram`](Self::handle_datagram) ignores such hellos.
    pub fn is_new_client_hello(&self, datagram: &[u8]) -> bool {
        let Some(hello) = ClientHello::parse(datagram) else {
            return false;
        };
        if let Some(agreed) = &self.agreed {
            return agreed.is_server && hello.random != agreed.client_random;
        }
        if let Phase::Handshaking(handshake) = &self.phase {
            return handshake
                .client_random()
                .is_some_and(|random| hello.random != *random);
        }
        let mut random = [0; RANDOM];
        self.stream.ssl().is_some_and(|ssl| {
            ssl.is_server() && ssl.client_random(&mut random) == RANDOM && hello.random != random
        })
    }

    /// Whether the session takes datagrams: false once it ended, and while
    /// [`PACKET_QUEUE_BYTES`] of packets, each counting four more than it has, wait to be taken.
    pub fn takes_datagrams(&self) -> bool {
        match self.phase {
            Phase::Handshaking(_) | Phase::Connected(_) => self.packets.held() < PACKET_QUEUE_BYTES,
            Phase::Closed | Phase::Failed(_) => false,
        }
    }

    /// Takes one datagram that came from the other side, whatever it holds. Records that are not valid are dropped alone,
    /// and so is what follows the last whole record (RFC 6347 section 4.1.2.7).
    ///
    /// Where [`takes_datagrams`](Self::takes_datagrams) is false, nothing happens.
    pub fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        if !self.takes_datagrams() {
            return;
        }
        match self.restart {
            Some(_) => self.handle_contested_datagram(datagram, now),
            None => self.handle_own_datagram(datagram, now),
        }
    }

    pub(crate) fn handle_own_datagram(&mut self, datagram: &[u8], now: Instant) {
        match self.phase {
            Phase::Handshaking(_) => self.handle_handshake_records(&mut datagram.to_vec(), 0, now),
            Phase::Connected(_) => self.receive(datagram, now),
            Phase::Closed | Phase::Failed(_) => {}
        }
    }

    /// Opens every record of a datagram, or of a part of one.
    pub(crate) fn receive(&mut self, datagram: &[u8], now: Instant) {
        let Phase::Connected(channel) = &mut self.phase else {
            return;
        };
        let outgoing = &mut self.stream.get_mut().outgoing;
        let received = channel.receive(datagram, &mut self.packets, outgoing);
        if received.is_authentic {
            self.heard_at = Some(now);
        }
        match received.end {
            None => {}
            Some(End::CloseNotify) => self.say_goodbye(),
            Some(End::Alert(alert)) => self.end(Failure::Alert(alert)),
            Some(End::KeyUsedUp) => {
                self.say_goodbye();
                self.end(Failure::TooManyForgeries);
            }
        }
    }

    /// Goes on without OpenSSL, whose handshake is done; the other side's last record had the number `finished`.
    pub(crate) fn hand_over(&mut self, outbound: Outbound, finished: u64) {
        let Some(ssl) = self.stream.ssl() else {
            return;
        };
        let mut agreed = Agreed {
            protocol: ssl.version_str(),
            cipher: cipher(ssl).unwrap_or_default(),
            is_server: ssl.is_server(),
            client_random: [0; RANDOM],
        };
        ssl.client_random(&mut agreed.client_random);
        self.stream.free_ssl();
        match outbound.finish(agreed.is_server) {
            Some(sealed) => {
                let channel = Channel::new(sealed, agreed.is_server, finished);
                self.agreed = Some(Box::new(agreed));
                self.phase = Phase::Connected(channel);
                self.rejected = Rejected::default();
            }
            None => {
                let why = "the last flight was not sealed";
                self.end(Failure::Protocol(why.to_owned()));
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub fn timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Handshaking(handshake) => Some(handshake.timeout()),
            _ => self.restart.as_ref().map(|it| it.timeout()),
        }
    }

    /// Sends the last flight again, begins anew, or gives up, if it is time; otherwise does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.handle_handshake_timeout(now);
        self.handle_restart_timeout(now);
    }

    /// Sends the flight that waits for an answer once more as it is, for an owner that knows that it did not arrive. Does
    /// nothing once the handshake is done.
    pub fn resend_flight(&mut self) {
        if let Phase::Handshaking(handshake) = &self.phase {
            handshake.copy_flight(&mut self.stream.get_mut().outgoing);
        }
    }

    /// Encrypts one packet into one datagram. An empty packet is not sent: DTLS has no use for it.
    ///
    /// # Errors
    /// [`SendError`]; after [`SendError::Failed`] the session has ended.
    pub fn send(&mut self, packet: &[u8]) -> Result<(), SendError> {
        let Phase::Connected(channel) = &mut self.phase else {
            return Err(SendError::NotConnected);
        };
        let (packet_bytes, limit) = (packet.len(), channel.max_packet());
        if packet_bytes > limit {
            return Err(SendError::TooLarge {
                packet: packet_bytes,
                limit,
            });
        }
        if packet.is_empty() {
            return Ok(());
        }
        let outgoing = &mut self.stream.get_mut().outgoing;
        channel.send(packet, outgoing).map_err(|error| {
            if matches!(error, SealError::KeyUsedUp) {
                self.say_goodbye();
            }
            self.end(error.into());
            SendError::Failed
        })
    }

    /// How many packets wait to be taken.
    pub fn packet_count(&self) -> usize {
        self.packets.len()
    }

    /// Hands the oldest packet to `take`, and forgets it; `None` if none waits.
    pub fn next_packet<R>(&mut self, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        self.packets.pop(take)
    }

    /// Ends the session: tells the other side (close_notify, RFC 5246 section 7.2.1) if it is
    /// connected, and forgets packets that were not taken.
    pub fn close(&mut self) {
        self.packets = Queue::default();
        self.restart = None;
        match self.phase {
            Phase::Connected(_) => self.say_goodbye(),
            Phase::Handshaking(_) => self.phase = Phase::Closed,
            Phase::Closed | Phase::Failed(_) => {}
        }
    }

    /// Whether datagrams wait to be sent.
    pub fn has_datagrams(&self) -> bool {
        let of_restart = || self.restart.as_ref().is_some_and(|it| it.has_datagrams());
        !self.stream.get_ref().outgoing.is_empty() || of_restart()
    }

    /// Hands every waiting datagram to `send`, in order, and forgets it.
    pub fn drain_datagrams(&mut self, mut send: impl FnMut(&[u8])) {
        self.stream.get_mut().drain_outgoing(&mut send);
        if let Some(session) = self.restart.as_mut().and_then(|it| it.session_mut()) {
            session.stream.get_mut().drain_outgoing(send);
        }
    }

    fn say_goodbye(&mut self) {
        if let Phase::Connected(channel) = &mut self.phase {
            // Whether or not the alert could be made, the session is over.
            let _ = channel.say_goodbye(&mut self.stream.get_mut().outgoing);
        }
        self.phase = Phase::Closed;
        self.restart = None;
    }

    pub(crate) fn end(&mut self, failure: Failure) {
        self.phase = Phase::Failed(failure);
        self.restart = None;
    }

    pub(crate) fn explain(&self, error: &ssl::Error) -> Failure {
        let rejected = self
            .rejected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match rejected {
            Some(certificate) => Failure::Certificate(certificate),
            None => explain(error),
        }
    }
}

fn cipher(ssl: &SslRef) -> Option<&'static str> {
    ssl.current_cipher().map(|cipher| cipher.name())
}

/// By how many bytes a sealed record of this session is longer than its plain text, at least.
pub(crate) fn sealing_overhead(ssl: Option<&SslRef>) -> usize {
    // Of the shortest seal, until it is known which there will be.
    ssl.and_then(cipher)
        .and_then(Suite::of)
        .unwrap_or(Suite::ChaCha20Poly1305)
        .overhead()
}

pub(crate) fn is_waiting(error: &ssl::Error) -> bool {
    matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE)
}

fn explain(error: &ssl::Error) -> Failure {
    /// Reasons from here on are alerts that the other side sent (openssl/sslerr.h).
    const FIRST_ALERT: i32 = 1000;
    /// ERR_LIB_ASN1 of openssl/err.h. Of a handshake's messages, a certificate alone is read by it.
    const ASN1_LIBRARY: i32 = 13;
    let Some(stack) = error.ssl_error() else {
        return Failure::Protocol("the transport ended".to_owned());
    };
    let why = reason(stack);
    let errors = stack.errors().iter();
    if let Some(cause) = errors.clone().find(|it| it.library_code() == ASN1_LIBRARY) {
        let why = cause.reason().unwrap_or("unknown reason");
        return Failure::CertificateUnreadable(why.to_owned());
    }
    match errors.last() {
        Some(last) if last.reason_code() >= FIRST_ALERT => Failure::Alert(why),
        _ => Failure::Protocol(why),
    }
}

pub(crate) fn client_ssl(
    context: &ClientContext,
    server_name: &str,
    rejected: &Rejected,
) -> Result<Ssl, ConfigError> {
    forget_earlier_errors();
    let mut ssl = new_ssl(&context.ssl)?;
    match &context.verification {
        Verification::Full(_) => {
            expect_name(&mut ssl, server_name)?;
            record_rejection(&mut ssl, rejected, Some(server_name.to_owned()));
        }
        Verification::DangerousAnyName(_) => record_rejection(&mut ssl, rejected, None),
        Verification::DangerousNone => {}
    }
    ssl.set_connect_state();
    Ok(ssl)
}

fn new_ssl(context: &ssl::SslContext) -> Result<Ssl, ConfigError> {
    let make = || {
        let mut ssl = Ssl::new(context)?;
        ssl.set_mtu(OPENSSLS_MTU)?;
        timer::disable(&mut ssl);
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

/// Has OpenSSL's verification leave behind what it does not accept, and accept addresses that stand as text in the
/// certificate.
fn record_rejection(ssl: &mut Ssl, rejected: &Rejected, expected_name: Option<String>) {
    let rejected = Arc::clone(rejected);
    let address: Option<IpAddr> = expected_name.as_ref().and_then(|name| name.parse().ok());
    ssl.set_verify_callback(SslVerifyMode::PEER, move |accepted, context| {
        if accepted {
            return true;
        }
        // OpenSSL calls for each error by itself and ends at the first that is not accepted, so that the rest of the
        // verification, signatures and dates included, is still to come and still counts.
        if is_address_mismatch(context.error())
            && context.error_depth() == 0
            && address.is_some_and(|address| names::is_for_written_address(context, address))
        {
            context.set_error(X509VerifyResult::OK);
            return true;
        }
        rejected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(|| CertificateFailure::new(context, expected_name.clone()));
        false
    });
}
