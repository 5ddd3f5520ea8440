//! One side of a DTLS connection: a session, the UDP peer beneath it, and the way between them.
//!
//! Nothing here prints while it works: what is to be said comes back as [`Notice`]s, so that no
//! script's logger is called from inside a peer.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use dtls::{ClientContext, SendError, Session};

use crate::engine_link::{EngineLink, EnginePeer, Fetched, Outbox};
use crate::link::{Break, Link};
use crate::notice::Notice;
use crate::server_side::{ServerSide, Underway};
use crate::status::Status;
use crate::timeouts::Timeouts;
use absence::Absence;

mod absence;
mod ending;
mod meeting;
mod restart;
mod traffic;

/// How many datagrams one poll takes at the most, however fast they arrive.
const DATAGRAMS_PER_POLL: usize = 4096;

/// A DTLS connection, from either end.
pub(crate) struct Peer {
    state: State,
    outbox: Outbox,
    timeouts: Timeouts,
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly every peer is live nearly always: its session lies where the rest of it does"
)]
enum State {
    /// No connection: never made, ended, or failed.
    Idle(Status),
    /// A server waits for its client's hello and remembers nothing of it before its cookie holds.
    Greeting { link: Link, server: Arc<ServerSide> },
    /// The cookie holds. What is next takes long: a server's first flight is signed.
    Met {
        link: Link,
        server: Arc<ServerSide>,
        hello: Vec<u8>,
        underway: Underway,
    },
    Live {
        link: Link,
        session: Session,
        side: Side,
        /// Of a server's peer, for its client when it is started again.
        server: Option<Arc<ServerSide>>,
        /// Of a server's peer, while a handshake is unfinished: its own, or that of its client started again.
        underway: Option<Underway>,
        /// Whether the script has not polled it yet, to which a peer is handshaking first, although the session was
        /// established before it was taken.
        is_unpolled: bool,
        announced: bool,
        broken: Option<Break>,
        absence: Absence,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// Why a packet did not go out.
pub(crate) enum PutError {
    NotConnected,
    TooLarge(SendError),
    Failed(Notice),
}

/// What a look for a packet brought.
pub(crate) enum Got<R> {
    /// What `take` made of the packet, or of an empty slice if none waits.
    Packet(R, Notice),
    /// The session ended, and no packet is left.
    Ended(Notice),
    /// There is no session.
    NotConnected,
}

thread_local! {
    /// The datagram being worked on: one for each thread, not one for each peer.
    static DATAGRAM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Default for Peer {
    fn default() -> Self {
        Self {
            state: State::Idle(Status::Disconnected),
            outbox: Outbox::default(),
            timeouts: Timeouts::default(),
        }
    }
}

impl Peer {
    pub(crate) fn status(&self) -> Status {
        match &self.state {
            State::Idle(status) => *status,
            State::Greeting { .. }
            | State::Met { .. }
            | State::Live {
                is_unpolled: true, ..
            } => Status::Handshaking,
            State::Live { session, .. } => match session.status() {
                dtls::Status::Handshaking => Status::Handshaking,
                dtls::Status::Connected => Status::Connected,
                dtls::Status::Closed => Status::Disconnected,
                dtls::Status::Failed => Status::Error,
            },
        }
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    pub(crate) fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.timeouts = timeouts;
    }

    /// When the other side was heard last.
    pub(crate) fn last_heard(&self) -> Option<Instant> {
        match &self.state {
            State::Live { session, .. } => session.last_authenticated(),
            _ => None,
        }
    }

    /// Whether a connection is being made or in use, so that no other can be begun.
    pub(crate) fn is_active(&self) -> bool {
        !matches!(self.state, State::Idle(_))
    }

    pub(crate) fn protocol(&self) -> Option<&'static str> {
        match &self.state {
            State::Live { session, .. } if session.cipher().is_some() => Some(session.protocol()),
            _ => None,
        }
    }

    pub(crate) fn cipher(&self) -> Option<&'static str> {
        match &self.state {
            State::Live { session, .. } => session.cipher(),
            _ => None,
        }
    }

    /// Whether an engine's UDP peer is beneath.
    pub(crate) fn is_on_engine_link(&self) -> bool {
        matches!(
            self.state,
            State::Greeting {
                link: Link::Engine(_),
                ..
            } | State::Live {
                link: Link::Engine(_),
                ..
            }
        )
    }

    /// The engine's UDP peer beneath, if it is one.
    pub(crate) fn engine_peer(&mut self) -> Option<Arc<EnginePeer>> {
        Some(Arc::clone(self.engine_link()?.peer()))
    }

    /// The engine's UDP peer beneath, if something is to be fetched from it.
    pub(crate) fn engine_peer_to_read(&mut self) -> Option<Arc<EnginePeer>> {
        let takes_datagrams = match &self.state {
            State::Live { session, .. } => session.takes_datagrams(),
            State::Greeting { .. } => true,
            State::Met { .. } | State::Idle(_) => false,
        };
        let link = self.engine_link()?;
        (takes_datagrams && link.is_drained()).then(|| Arc::clone(link.peer()))
    }

    /// Takes what was fetched, unless the peer has another link by now.
    pub(crate) fn bring(&mut self, from: &Arc<EnginePeer>, fetched: Fetched) {
        if let Some(link) = self.engine_link()
            && Arc::ptr_eq(link.peer(), from)
        {
            link.bring(fetched);
        }
    }

    /// What is to be sent once the peer is not locked any more.
    pub(crate) fn take_outbox(&mut self) -> Outbox {
        std::mem::take(&mut self.outbox)
    }

    fn engine_link(&mut self) -> Option<&mut EngineLink> {
        match &mut self.state {
            State::Greeting {
                link: Link::Engine(link),
                ..
            }
            | State::Live {
                link: Link::Engine(link),
                ..
            } => Some(link),
            _ => None,
        }
    }

    /// Begins a client's connection.
    pub(crate) fn connect(
        &mut self,
        link: Link,
        context: &ClientContext,
        host: &str,
    ) -> Result<(), dtls::ConfigError> {
        let context = context.clone().with_settings(self.timeouts.settings);
        let session = Session::connect(&context, host, Instant::now())?;
        self.go_live(link, session, None, None);
        self.flush();
        Ok(())
    }

    fn go_live(
        &mut self,
        link: Link,
        session: Session,
        server: Option<Arc<ServerSide>>,
        underway: Option<Underway>,
    ) {
        if server.is_some() {
            link.keep_local_address();
        }
        self.state = State::Live {
            link,
            session,
            side: match server {
                Some(_) => Side::Server,
                None => Side::Client,
            },
            // A server's session that comes without a handshake is that of a client that was started again.
            is_unpolled: server.is_some() && underway.is_none(),
            server,
            underway,
            announced: false,
            broken: None,
            absence: Absence::None,
        };
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.disconnect();
        self.take_outbox().send();
    }
}
