//! A connection: a session, the transport that carries its datagrams, and what reads, handles, times out and drains.
//!
//! A client's connection has a session from [`Connection::connect`] on. A server's waits for a hello first, and keeps
//! nothing of its client until the hello has a valid cookie (RFC 6347 section 4.2.1).

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use dtls::{ClientContext, ConfigError, Session};

use crate::acceptor::{Acceptor, UnfinishedHandshake};
use crate::event::{Event, Side};
use crate::timeouts::Timeouts;
use crate::transport::{Break, Transport};
use refusals::Refusals;

mod accept;
mod ending;
mod exchange;
mod refusals;
mod restart;

/// How many datagrams one poll reads at the most, however fast they arrive.
const DATAGRAMS_PER_POLL: usize = 4096;

thread_local! {
    /// The datagram being handled: one buffer for each thread, not one for each connection.
    static DATAGRAM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// None was made, or either side has closed it.
    Disconnected = 0,
    /// The two sides are agreeing on keys.
    Handshaking = 1,
    /// Packets can be sent and received.
    Connected = 2,
    /// It failed. Of a server's connection: its client was sent a cookie, and will show up as a new peer.
    Failed = 3,
    /// The server's certificate is for another host name.
    HostNameMismatch = 4,
}

impl Status {
    pub(crate) fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Disconnected,
            1 => Self::Handshaking,
            2 => Self::Connected,
            4 => Self::HostNameMismatch,
            _ => Self::Failed,
        }
    }
}

/// Why a packet was not sent.
#[derive(Debug, PartialEq, Eq)]
pub enum SendError {
    /// The connection is not established.
    NotConnected,
    /// The packet does not fit into a record: [`dtls::SendError::TooLarge`].
    TooLarge(dtls::SendError),
    /// The connection has ended.
    Failed(Option<Box<Event>>),
}

/// What [`Connection::receive`] gives.
#[derive(Debug, PartialEq, Eq)]
pub enum Receive<R> {
    /// What `take` made of the packet, or of an empty slice if no packet waits.
    Packet(R, Option<Event>),
    /// The connection has ended, and no packet is left.
    Ended(Option<Event>),
    /// There is no connection.
    NotConnected,
}

/// One end of a DTLS connection, for one thread at a time. Dropping it closes it.
pub struct Connection {
    state: State,
    timeouts: Timeouts,
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly every connection is open nearly always"
)]
enum State {
    /// No connection: never made, closed, or failed.
    Idle(Status),
    Open(Open),
}

struct Open {
    transport: Arc<dyn Transport>,
    role: Role,
    phase: Phase,
}

enum Role {
    Client,
    Server(Arc<Acceptor>),
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly every connection has a session nearly always, which is stored in place"
)]
enum Phase {
    /// A server's: no hello with a valid cookie has arrived.
    AwaitingHello,
    /// A server's: the cookie is valid. The next step takes long, since it signs.
    Verified {
        hello: Vec<u8>,
        unfinished: UnfinishedHandshake,
    },
    Live(Live),
}

struct Live {
    session: Session,
    /// Of a server's, while a handshake is unfinished: its own, or that of its restarted client.
    unfinished: Option<UnfinishedHandshake>,
    /// The session was established before the connection was made, and it was not polled yet. Until it is, the status is
    /// [`Status::Handshaking`], as owners expect of a new connection.
    is_unpolled: bool,
    /// Whether [`Event::Established`] was returned.
    is_announced: bool,
    broken: Option<Break>,
    refusals: Refusals,
}

impl Role {
    fn side(&self) -> Side {
        match self {
            Self::Client => Side::Client,
            Self::Server(_) => Side::Server,
        }
    }

    fn acceptor(&self) -> Option<&Arc<Acceptor>> {
        match self {
            Self::Client => None,
            Self::Server(acceptor) => Some(acceptor),
        }
    }
}

impl State {
    /// The parts of an open connection that has a session.
    #[inline]
    fn live_mut(&mut self) -> Option<(&Arc<dyn Transport>, &Role, &mut Live)> {
        match self {
            Self::Open(Open {
                transport,
                role,
                phase: Phase::Live(live),
            }) => Some((transport, role, live)),
            _ => None,
        }
    }
}

impl Open {
    fn live(&self) -> Option<&Live> {
        match &self.phase {
            Phase::Live(live) => Some(live),
            Phase::AwaitingHello | Phase::Verified { .. } => None,
        }
    }
}

impl Live {
    /// Whether the session does nothing before a datagram arrives.
    fn is_at_rest(&self) -> bool {
        self.session.timeout().is_none() && !self.session.has_datagrams()
    }

    fn is_handshaking(&self) -> bool {
        self.session.status() == dtls::Status::Handshaking
    }
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            state: State::Idle(Status::Disconnected),
            timeouts: Timeouts::default(),
        }
    }
}

impl Connection {
    /// Begins a client's connection, and sends its first hello.
    ///
    /// `host` is the name or the address that the server's certificate must be for, where the context verifies names. A
    /// connection that this one had ends without a close_notify.
    ///
    /// # Errors
    /// As [`Session::connect`].
    pub fn connect(
        &mut self,
        transport: Arc<dyn Transport>,
        context: &ClientContext,
        host: &str,
        now: Instant,
    ) -> Result<(), ConfigError> {
        let context = context.clone().with_settings(self.timeouts.settings);
        let session = Session::connect(&context, host, now)?;
        log::debug!(target: "endpoint", "{}: connecting", Shown(transport.remote()));
        self.state = State::Open(Open {
            transport,
            role: Role::Client,
            phase: Phase::Live(Live::new(session, None)),
        });
        self.flush(now);
        Ok(())
    }

    /// Begins a server's connection, which waits for its client's hello.
    pub fn accept(&mut self, transport: Arc<dyn Transport>, acceptor: Arc<Acceptor>) {
        transport.stop_blocking();
        self.state = State::Open(Open {
            transport,
            role: Role::Server(acceptor),
            phase: Phase::AwaitingHello,
        });
    }

    /// Where the connection stands.
    pub fn status(&self) -> Status {
        let open = match &self.state {
            State::Idle(status) => return *status,
            State::Open(open) => open,
        };
        match open.live() {
            None
            | Some(Live {
                is_unpolled: true, ..
            }) => Status::Handshaking,
            Some(live) => match live.session.status() {
                dtls::Status::Handshaking => Status::Handshaking,
                dtls::Status::Connected => Status::Connected,
                dtls::Status::Closed => Status::Disconnected,
                dtls::Status::Failed => Status::Failed,
            },
        }
    }

    /// Its time limits.
    pub fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// Sets the time limits. Those of a handshake hold for handshakes that begin later.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.timeouts = timeouts;
    }

    /// When the last record arrived that the other side alone can have sealed.
    pub fn last_authenticated(&self) -> Option<Instant> {
        self.live()?.session.last_authenticated()
    }

    /// Whether a connection is being made or in use.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// The protocol that the two sides agreed on, such as `DTLSv1.2`.
    pub fn protocol(&self) -> Option<&'static str> {
        let session = &self.live()?.session;
        session.cipher().map(|_| session.protocol())
    }

    /// The cipher suite that the two sides agreed on, by OpenSSL's name.
    pub fn cipher(&self) -> Option<&'static str> {
        self.live()?.session.cipher()
    }

    /// The transport of an open connection.
    pub fn transport(&self) -> Option<&Arc<dyn Transport>> {
        match &self.state {
            State::Open(open) => Some(&open.transport),
            State::Idle(_) => None,
        }
    }

    /// Whether the next poll reads datagrams.
    pub(crate) fn takes_datagrams(&self) -> bool {
        match &self.state {
            State::Open(open) => match &open.phase {
                Phase::AwaitingHello => true,
                Phase::Verified { .. } => false,
                Phase::Live(live) => live.session.takes_datagrams(),
            },
            State::Idle(_) => false,
        }
    }

    fn live(&self) -> Option<&Live> {
        match &self.state {
            State::Open(open) => open.live(),
            State::Idle(_) => None,
        }
    }
}

impl Live {
    fn new(session: Session, unfinished: Option<UnfinishedHandshake>) -> Self {
        Self {
            session,
            unfinished,
            is_unpolled: false,
            is_announced: false,
            broken: None,
            refusals: Refusals::None,
        }
    }
}

/// An address in `log` events.
struct Shown(Option<SocketAddr>);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("unknown address"),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let transport = self.transport().cloned();
        self.disconnect(Instant::now());
        if let Some(transport) = transport {
            transport.flush();
        }
    }
}
