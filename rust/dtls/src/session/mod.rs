//! A session as its owner sees it: an association, and a second one while its client begins again.

mod association;
mod restart;
mod status;

use std::time::Instant;

use log::debug;

use crate::config::context::{ClientContext, ServerContext};
use crate::config::error::ConfigError;
use crate::failure::Failure;
use crate::wire_format::ClientHello;

use association::Association;
use restart::{KEPT_BYTES, Restart};

pub use restart::RESTART_SILENCE;
pub use status::{SendError, Status};

/// A client's or a server's side of one DTLS 1.2 session.
///
/// After every call that may produce datagrams, send what [`drain_datagrams`](Self::drain_datagrams) returns, and call
/// [`handle_timeout`](Self::handle_timeout) at the time that [`timeout`](Self::timeout) returns.
pub struct Session {
    association: Association,
    /// Of a server's established session, whose client may have been started again.
    restart: Option<Box<Restart>>,
}

impl Session {
    /// Begins a client's session; its first hello is in [`drain_datagrams`](Self::drain_datagrams) at once.
    ///
    /// `server_name` is the host name or IP address that the server's certificate must be for. It is ignored where the
    /// context does not verify names.
    ///
    /// # Errors
    /// [`ConfigError::NameMissing`] or [`ConfigError::NameInvalid`] for a name that cannot be verified,
    /// [`ConfigError::OpenSsl`] if OpenSSL cannot make a session.
    pub fn connect(
        context: &ClientContext,
        server_name: &str,
        now: Instant,
    ) -> Result<Self, ConfigError> {
        Association::connect(context, server_name, now).map(Self::from)
    }

    /// Begins a server's session with a datagram for which
    /// [`CookieJar::verify_cookie`](crate::CookieJar::verify_cookie) returned
    /// [`Verified`](crate::CookieCheck::Verified); its first flight is in [`drain_datagrams`](Self::drain_datagrams) at
    /// once. The datagram's first record begins the session; the others are treated as those of any datagram.
    ///
    /// # Errors
    /// [`ConfigError::NoHello`] for a datagram that does not begin with a ClientHello, [`ConfigError::OpenSsl`] if
    /// OpenSSL cannot make a session or does not read the hello.
    pub fn accept(
        context: &ServerContext,
        hello: &[u8],
        now: Instant,
    ) -> Result<Self, ConfigError> {
        Association::accept(context, hello, now).map(Self::from)
    }

    /// A number that the log events of this session carry, different for each session of the process.
    pub fn id(&self) -> u64 {
        self.association.id()
    }

    /// The state of the session. A session that the other side has closed stays [`Status::Connected`] until the last
    /// packet is taken.
    pub fn status(&self) -> Status {
        self.association.status()
    }

    /// Why the session failed.
    pub fn failure(&self) -> Option<&Failure> {
        self.association.failure()
    }

    /// The protocol agreed on, such as `DTLSv1.2`; the one offered before that.
    pub fn protocol(&self) -> &'static str {
        self.association.protocol()
    }

    /// The cipher suite agreed on, by OpenSSL's name; `None` before that.
    pub fn cipher(&self) -> Option<&'static str> {
        self.association.cipher()
    }

    /// When the last authentic record arrived; `None` before the end of the handshake. The time is the `now` that came
    /// with its datagram.
    pub fn last_authenticated(&self) -> Option<Instant> {
        self.association.last_authenticated()
    }

    /// Whether a datagram for a server's session begins with a ClientHello that is not the one that the session began
    /// with: the client was started again on the same address and port, or someone sends under its address (RFC 6347
    /// section 4.2.8).
    ///
    /// Check it with [`CookieJar::verify_cookie`](crate::CookieJar::verify_cookie) as the hello of an unverified client.
    /// Once it is verified, an unfinished handshake can be dropped for it; an established session is to be kept:
    /// [`offer_restart`](Self::offer_restart). [`handle_datagram`](Self::handle_datagram) ignores such hellos.
    pub fn is_new_client_hello(&self, datagram: &[u8]) -> bool {
        self.association.is_new_client_hello(datagram)
    }

    /// Whether the session takes datagrams: false once it has ended, and while
    /// [`PACKET_QUEUE_BYTES`](crate::PACKET_QUEUE_BYTES) of packets, each counted with four bytes more than it has, wait
    /// to be taken.
    pub fn takes_datagrams(&self) -> bool {
        self.association.takes_datagrams()
    }

    /// Takes one datagram from the other side. Each record that is not valid is dropped alone, and so is what follows
    /// the last whole record (RFC 6347 section 4.1.2.7).
    ///
    /// Where [`takes_datagrams`](Self::takes_datagrams) is false, nothing happens.
    pub fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        if !self.takes_datagrams() {
            return;
        }
        match self.restart {
            None => {
                self.association.handle_datagram(datagram, now);
            }
            Some(_) => self.handle_datagram_during_restart(datagram, now),
        }
    }

    /// The established association is first: a datagram in which it opens no record has no effect on it.
    fn handle_datagram_during_restart(&mut self, datagram: &[u8], now: Instant) {
        if !self.is_restarted() && self.association.handle_datagram(datagram, now) {
            debug!(target: "dtls", "session {}: still connected, the restart is dropped", self.id());
            self.restart = None;
        }
        if let Some(restart) = &mut self.restart {
            restart.handle_datagram(datagram, now);
        }
        self.drop_ended_restart();
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub fn timeout(&self) -> Option<Instant> {
        let restart = || self.restart.as_ref().map(|restart| restart.timeout());
        self.association.timeout().or_else(restart)
    }

    /// Sends the last flight again, begins another attempt, or gives up, if it is time; otherwise does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.association.handle_timeout(now);
        if let Some(association) = self.new_association_mut() {
            association.handle_timeout(now);
            self.drop_ended_restart();
        }
    }

    /// Sends the flight that waits for an answer once more as it is, for an owner that knows that it did not arrive. Does
    /// nothing once the handshake is finished.
    pub fn resend_flight(&mut self) {
        self.association.resend_flight();
    }

    /// Encrypts one packet into one datagram. An empty packet is not sent: DTLS has no use for it.
    ///
    /// # Errors
    /// [`SendError`]; after [`SendError::Failed`] the session has ended.
    pub fn send(&mut self, packet: &[u8]) -> Result<(), SendError> {
        let sent = self.association.send(packet);
        if sent == Err(SendError::Failed) {
            self.drop_ended_restart();
        }
        sent
    }

    /// How many packets wait to be taken.
    pub fn packet_count(&self) -> usize {
        self.association.packet_count()
    }

    /// Passes the oldest packet to `take` and removes it; `None` if none waits.
    pub fn next_packet<R>(&mut self, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        self.association.next_packet(take)
    }

    /// Ends the session: sends close_notify (RFC 5246 section 7.2.1) if it is connected, and drops packets that were not
    /// taken.
    pub fn close(&mut self) {
        self.restart = None;
        self.association.close();
    }

    /// Whether datagrams wait to be sent.
    pub fn has_datagrams(&self) -> bool {
        let has_datagrams = |association: &Association| association.has_datagrams();
        self.association.has_datagrams() || self.new_association().is_some_and(has_datagrams)
    }

    /// Passes every waiting datagram to `send`, in order, and removes it.
    pub fn drain_datagrams(&mut self, mut send: impl FnMut(&[u8])) {
        self.association.drain_datagrams(&mut send);
        if let Some(association) = self.new_association_mut() {
            association.drain_datagrams(send);
        }
    }

    /// Takes a hello from the address of this established session for which
    /// [`is_new_client_hello`](Self::is_new_client_hello) is true and whose cookie is
    /// [`Verified`](crate::CookieCheck::Verified). Nothing is sent yet: see [`restart_is_due`](Self::restart_is_due).
    ///
    /// A hello that differs from the one before replaces it, at most once a second after the handshake has begun. Where
    /// the session is not established, and for a hello of more than 8,192 bytes, nothing happens.
    pub fn offer_restart(&mut self, hello: &[u8], now: Instant) {
        let Some(parsed) = ClientHello::parse(hello) else {
            return;
        };
        if !self.association.is_established() || self.is_restarted() || hello.len() > KEPT_BYTES {
            return;
        }
        match &mut self.restart {
            Some(restart) => restart.offer(*parsed.random, hello, now),
            None => {
                debug!(target: "dtls", "session {}: a verified hello may restart it", self.id());
                let restart = Restart::new(*parsed.random, hello, now);
                self.restart = Some(Box::new(restart));
            }
        }
    }

    /// Whether the session has been silent for [`RESTART_SILENCE`] since a new hello came from its client's address, so
    /// that the hello is to be answered: call [`accept_restart`](Self::accept_restart), or
    /// [`drop_restart`](Self::drop_restart) to refuse it. [`timeout`](Self::timeout) returns that time.
    pub fn restart_is_due(&self, now: Instant) -> bool {
        self.restart
            .as_ref()
            .is_some_and(|restart| restart.is_due(now))
    }

    /// Begins the handshake with the client that was started again. This session stays as it is, and
    /// [`drain_datagrams`](Self::drain_datagrams), [`timeout`](Self::timeout) and
    /// [`handle_datagram`](Self::handle_datagram) serve both.
    ///
    /// # Errors
    /// As [`accept`](Self::accept); the restart is dropped then.
    pub fn accept_restart(
        &mut self,
        context: &ServerContext,
        now: Instant,
    ) -> Result<(), ConfigError> {
        let Some(restart) = &mut self.restart else {
            return Ok(());
        };
        let begun = restart.begin(context, now);
        match &begun {
            Ok(()) => self.drop_ended_restart(),
            Err(_) => self.restart = None,
        }
        if let Some(association) = self.new_association() {
            let (old, new) = (self.id(), association.id());
            debug!(target: "dtls", "session {old}: is silent, session {new} answers the hello");
        }
        begun
    }

    /// Drops the restart; the client's next hello counts as its first.
    pub fn drop_restart(&mut self) {
        self.restart = None;
    }

    /// Whether the handshake with a client that was started again is unfinished.
    pub fn is_restarting(&self) -> bool {
        let restart = self.restart.as_ref();
        restart.is_some_and(|restart| restart.has_status(Status::Handshaking))
    }

    /// Whether [`take_restarted`](Self::take_restarted) returns a session.
    pub fn is_restarted(&self) -> bool {
        let restart = self.restart.as_ref();
        restart.is_some_and(|restart| restart.has_status(Status::Connected))
    }

    /// The session that replaces this one, once its handshake is finished, which proves that the owner of the new keys
    /// receives at this address. Until it is taken, [`timeout`](Self::timeout) is in the past. Drop the old session
    /// without [`close`](Self::close): the client could not read the alert.
    ///
    /// Send what [`drain_datagrams`](Self::drain_datagrams) returns before that, or take it from the new session.
    pub fn take_restarted(&mut self) -> Option<Self> {
        if !self.is_restarted() {
            return None;
        }
        let association = self.restart.take()?.into_association()?;
        debug!(target: "dtls", "session {}: replaced by session {}", self.id(), association.id());
        Some(Self::from(association))
    }

    #[cfg(test)]
    pub(crate) fn record_layer_of_test(&mut self) -> &mut crate::record::record_layer::RecordLayer {
        self.association.record_layer_of_test()
    }

    #[cfg(all(test, target_os = "linux"))]
    pub(crate) fn ssl_of_test(&self) -> Option<&openssl::ssl::SslRef> {
        self.association.ssl_of_test()
    }

    fn new_association(&self) -> Option<&Association> {
        let restart = self.restart.as_ref();
        restart.and_then(|restart| restart.association())
    }

    fn new_association_mut(&mut self) -> Option<&mut Association> {
        let restart = self.restart.as_mut();
        restart.and_then(|restart| restart.association_mut())
    }

    /// Drops a restart whose handshake failed, or whose session has ended.
    fn drop_ended_restart(&mut self) {
        let is_over = self.association.is_over();
        self.restart.take_if(|restart| is_over || restart.is_over());
    }
}

impl From<Association> for Session {
    fn from(association: Association) -> Self {
        Self {
            association,
            restart: None,
        }
    }
}
