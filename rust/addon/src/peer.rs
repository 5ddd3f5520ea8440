//! One side of a DTLS connection: a session, the UDP peer beneath it, and the way between them.
//!
//! Nothing here prints while it works: what is to be said comes back as [`Notice`]s, so that no
//! script's logger is called from inside a peer.

use std::cell::{Cell, LazyCell};
use std::sync::Arc;
use std::time::Instant;

use dtls::{ClientContext, Failure, SendError, Session};
use godot::classes::PacketPeerUdp;
use godot::obj::Gd;

use crate::engine_link::{EngineLink, Fetched, Outbox};
use crate::link::{Arrival, Break, Link};
use crate::notice::Notice;
use crate::panics;
use crate::server_side::{ServerSide, Underway};
use crate::status::Status;
use crate::timeouts::Timeouts;

/// How many datagrams one poll takes at the most, however fast they arrive.
const DATAGRAMS_PER_POLL: usize = 4096;

/// A DTLS connection, from either end.
pub(crate) struct Peer {
    state: State,
    outbox: Outbox,
    timeouts: Timeouts,
}

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
        session: Box<Session>,
        side: Side,
        /// Of a server's peer, to meet its client again with.
        server: Option<Arc<ServerSide>>,
        /// Of a server's peer, until it is connected.
        underway: Option<Underway>,
        announced: bool,
        broken: Option<Break>,
        absence: Absence,
    },
}

/// Whether a client that is connecting was told that nobody listens at the other end. A server may
/// be about to start, so the handshake goes on; the script's author hears of it once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absence {
    None,
    ToBeSaid,
    Said,
}

impl Absence {
    fn hear(&mut self) {
        if *self == Self::None {
            *self = Self::ToBeSaid;
        }
    }
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
            State::Greeting { .. } | State::Met { .. } => Status::Handshaking,
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
    pub(crate) fn engine_peer(&mut self) -> Option<Gd<PacketPeerUdp>> {
        Some(self.engine_link()?.peer().clone())
    }

    /// The engine's UDP peer beneath, if something is to be fetched from it.
    pub(crate) fn engine_peer_to_read(&mut self) -> Option<Gd<PacketPeerUdp>> {
        let takes_datagrams = match &self.state {
            State::Live { session, .. } => session.takes_datagrams(),
            State::Greeting { .. } => true,
            State::Met { .. } | State::Idle(_) => false,
        };
        let link = self.engine_link()?;
        (takes_datagrams && link.is_drained()).then(|| link.peer().clone())
    }

    /// Takes what was fetched, unless the peer has another link by now.
    pub(crate) fn bring(&mut self, from: &Gd<PacketPeerUdp>, fetched: Fetched) {
        if let Some(link) = self.engine_link()
            && link.peer() == from
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
        self.go_live(link, session, None);
        self.flush();
        Ok(())
    }

    /// Begins a server's connection.
    pub(crate) fn wait_for_hello(&mut self, mut link: Link, server: Arc<ServerSide>) {
        link.stop_blocking();
        self.state = State::Greeting { link, server };
    }

    /// Takes what has arrived, sends what is due.
    pub(crate) fn poll(&mut self) -> Notice {
        panics::point("while a peer is locked");
        if !self.has_something_to_do() {
            return Notice::None;
        }
        if let Err(error) = self.try_to_meet().and_then(|()| self.begin_session()) {
            return Notice::ServerRefused(error);
        }
        let mut datagram = DATAGRAM.take();
        self.exchange(&mut datagram);
        DATAGRAM.set(datagram);
        self.end_silence().unwrap_or_else(|| self.settle())
    }

    /// Of a poll, what a server does with a client before its cookie holds: that is soon done.
    pub(crate) fn meet(&mut self) -> Notice {
        self.try_to_meet()
            .err()
            .map_or(Notice::None, Notice::ServerRefused)
    }

    /// Whether a poll is better left to another thread: it takes long, and so do those of other peers.
    pub(crate) fn is_work_for_a_thread(&self) -> bool {
        match &self.state {
            State::Met { link, server, .. } => link.accepted().is_some() && server.is_crowded(),
            State::Live {
                link,
                session,
                server: Some(server),
                ..
            } => {
                session.status() == dtls::Status::Handshaking
                    && server.is_crowded()
                    && link.accepted().is_some()
                    && !link.is_quiet()
            }
            _ => false,
        }
    }

    /// Sends one packet.
    pub(crate) fn put(&mut self, packet: &[u8]) -> Result<(), PutError> {
        let State::Live { session, .. } = &mut self.state else {
            return Err(PutError::NotConnected);
        };
        let sent = session.send(packet);
        self.flush();
        match sent {
            Ok(()) if self.is_broken() => Err(PutError::Failed(self.settle())),
            Ok(()) => Ok(()),
            Err(error @ SendError::TooLarge(_)) => Err(PutError::TooLarge(error)),
            Err(SendError::NotConnected) => Err(PutError::NotConnected),
            Err(_) => Err(PutError::Failed(self.settle())),
        }
    }

    pub(crate) fn packet_count(&self) -> usize {
        match &self.state {
            State::Live { session, .. } => session.packet_count(),
            _ => 0,
        }
    }

    /// Hands the oldest packet to `take`, after a look at the network if none waits.
    pub(crate) fn get<R>(&mut self, take: impl FnOnce(&[u8]) -> R) -> Got<R> {
        if self.status() != Status::Connected {
            return Got::NotConnected;
        }
        if self.packet_count() == 0 {
            let notice = self.poll();
            if self.status() != Status::Connected {
                return Got::Ended(notice);
            }
        }
        let State::Live { session, .. } = &mut self.state else {
            return Got::NotConnected;
        };
        let taken = take(session.next_packet().unwrap_or_default());
        // The last packet of a session that the other side closed ends it.
        Got::Packet(taken, self.settle())
    }

    /// Whether a poll would do anything; it costs next to nothing to ask.
    fn has_something_to_do(&self) -> bool {
        match &self.state {
            State::Idle(_) => false,
            State::Live { link, session, .. } => {
                !rests(session) || !link.is_quiet() || self.is_silent_too_long()
            }
            State::Greeting { .. } | State::Met { .. } => true,
        }
    }

    /// The UDP peer of a connection for which a poll does nothing until a datagram comes.
    pub(crate) fn waits_for(&self) -> Option<&udp::Peer> {
        match &self.state {
            State::Live { link, session, .. } if self.timeouts.idle.is_zero() && rests(session) => {
                link.accepted()
            }
            _ => None,
        }
    }

    fn is_silent_too_long(&self) -> bool {
        let limit = self.timeouts.idle;
        !limit.is_zero() && self.last_heard().is_some_and(|at| at.elapsed() > limit)
    }

    /// Ends a connection whose other side has been silent for too long.
    fn end_silence(&mut self) -> Option<Notice> {
        if !self.is_silent_too_long() {
            return None;
        }
        let State::Live {
            link,
            session,
            side,
            ..
        } = &mut self.state
        else {
            return None;
        };
        if session.packet_count() > 0 {
            return None;
        }
        let (side, remote) = (*side, link.remote());
        session.close();
        self.flush();
        self.state = State::Idle(Status::Error);
        Some(Notice::Silent(self.timeouts.idle, side, remote))
    }

    fn is_broken(&self) -> bool {
        matches!(
            self.state,
            State::Live {
                broken: Some(_),
                ..
            }
        )
    }

    /// Ends the connection, with a word to the other side if there is a session.
    pub(crate) fn disconnect(&mut self) {
        if let State::Live { session, .. } = &mut self.state {
            session.close();
            self.flush();
        }
        if self.is_active() {
            self.state = State::Idle(Status::Disconnected);
        }
    }

    /// Ends the connection as it is, without a goodbye.
    pub(crate) fn abandon(&mut self) {
        if self.is_active() {
            self.state = State::Idle(Status::Error);
        }
    }

    /// Ends a server's handshake, if it is not done: there are too many.
    pub(crate) fn give_up(&mut self) -> Notice {
        if self.status() != Status::Handshaking {
            return Notice::None;
        }
        let remote = match &self.state {
            State::Live { link, .. } | State::Greeting { link, .. } | State::Met { link, .. } => {
                link.remote()
            }
            State::Idle(_) => None,
        };
        self.state = State::Idle(Status::Error);
        Notice::TooManyHandshakes(remote)
    }

    fn go_live(
        &mut self,
        link: Link,
        session: Session,
        server: Option<(Arc<ServerSide>, Underway)>,
    ) {
        let (server, underway) = server.unzip();
        self.state = State::Live {
            link,
            session: Box::new(session),
            side: match server {
                Some(_) => Side::Server,
                None => Side::Client,
            },
            server,
            underway,
            announced: false,
            broken: None,
            absence: Absence::None,
        };
    }

    /// Until its cookie holds, a client is answered and forgotten (RFC 6347 section 4.2.1): the peer
    /// ends in an error, as the engine's does, and the client's next hello makes a new one.
    fn try_to_meet(&mut self) -> Result<(), dtls::ConfigError> {
        let State::Greeting { link, server } = &mut self.state else {
            return Ok(());
        };
        let mut hello = DATAGRAM.take();
        let mut verdict = None;
        for _ in 0..DATAGRAMS_PER_POLL {
            match link.receive(&mut hello) {
                Arrival::Datagram => {
                    let now = Instant::now();
                    verdict = Some(server.greet(link, &hello, now, &mut self.outbox));
                    if verdict != Some(Ok(false)) {
                        break;
                    }
                }
                Arrival::Nothing => break,
                Arrival::Broken(_) => {
                    verdict = Some(Ok(false));
                    break;
                }
            }
        }
        let idle = State::Idle(Status::Error);
        match verdict {
            Some(Ok(true)) => {
                if let State::Greeting { link, server } = std::mem::replace(&mut self.state, idle) {
                    self.state = State::Met {
                        link,
                        underway: Underway::begin(&server),
                        server,
                        hello,
                    };
                }
                return Ok(());
            }
            Some(_) => self.state = idle,
            None => {}
        }
        DATAGRAM.set(hello);
        verdict.map_or(Ok(()), |verdict| verdict.map(|_| ()))
    }

    /// Begins a server's session with a client whose cookie holds.
    fn begin_session(&mut self) -> Result<(), dtls::ConfigError> {
        if !matches!(self.state, State::Met { .. }) {
            return Ok(());
        }
        let idle = State::Idle(Status::Error);
        if let State::Met {
            link,
            server,
            mut hello,
            underway,
        } = std::mem::replace(&mut self.state, idle)
        {
            let context = server.context.clone().with_settings(self.timeouts.settings);
            let session = Session::accept(&context, &mut hello, Instant::now());
            DATAGRAM.set(hello);
            self.go_live(link, session?, Some((server, underway)));
        }
        Ok(())
    }

    fn exchange(&mut self, datagram: &mut Vec<u8>) {
        let State::Live {
            link,
            session,
            side,
            server,
            broken,
            absence,
            ..
        } = &mut self.state
        else {
            return;
        };
        // Asked for once, and only if anything happens.
        let now = LazyCell::new(Instant::now);
        for _ in 0..DATAGRAMS_PER_POLL {
            if !session.takes_datagrams() {
                break;
            }
            match link.receive(datagram) {
                Arrival::Datagram if session.is_another_hello(datagram) => {
                    // The client was started again, or somebody poses as it: only who has a cookie
                    // receives at its address (RFC 6347 section 4.2.8).
                    let is_restarted = server.as_ref().is_some_and(|server| {
                        server.greet(link, datagram, *now, &mut self.outbox) == Ok(true)
                    });
                    if is_restarted && link.give_up_to_newcomer(datagram) {
                        // Without a goodbye, which the new session could not read.
                        self.state = State::Idle(match session.status() {
                            dtls::Status::Handshaking => Status::Error,
                            _ => Status::Disconnected,
                        });
                        return;
                    }
                }
                Arrival::Datagram => session.handle_datagram(datagram, *now),
                Arrival::Nothing => break,
                Arrival::Broken(Break::Refused) if is_joining(*side, session) => {
                    absence.hear();
                }
                Arrival::Broken(why) => {
                    *broken = Some(why);
                    return;
                }
            }
        }
        if session.timeout().is_some_and(|at| *now >= at) {
            session.handle_timeout(*now);
        }
        self.flush();
    }

    fn flush(&mut self) {
        if let State::Live {
            link,
            session,
            side,
            broken,
            absence,
            ..
        } = &mut self.state
            && session.has_datagrams()
        {
            let is_joining = is_joining(*side, session);
            session.drain_datagrams(|datagram| match link.send(datagram, &mut self.outbox) {
                Ok(()) => {}
                Err(Break::Refused) if is_joining => absence.hear(),
                Err(why) => *broken = Some(why),
            });
        }
    }

    /// Draws the consequences of what the session has become.
    fn settle(&mut self) -> Notice {
        let State::Live {
            link,
            session,
            side,
            underway,
            announced,
            broken,
            absence,
            ..
        } = &mut self.state
        else {
            return Notice::None;
        };
        if let Some(why) = *broken
            && session.failure().is_none()
            && session.packet_count() == 0
        {
            let notice = Notice::LinkBroken(why, *side, link.remote());
            self.state = State::Idle(Status::Error);
            return notice;
        }
        match session.status() {
            dtls::Status::Handshaking if *absence == Absence::ToBeSaid => {
                *absence = Absence::Said;
                Notice::NobodyThere(
                    self.timeouts.settings.current_handshake_limit(),
                    link.remote(),
                )
            }
            dtls::Status::Handshaking => Notice::None,
            dtls::Status::Connected if *announced => Notice::None,
            dtls::Status::Connected => {
                *underway = None;
                *announced = true;
                Notice::Established {
                    protocol: session.protocol(),
                    cipher: session.cipher().unwrap_or("no cipher"),
                    remote: link.remote(),
                }
            }
            dtls::Status::Closed => {
                self.state = State::Idle(Status::Disconnected);
                Notice::None
            }
            dtls::Status::Failed => {
                let remote = link.remote();
                let side = *side;
                let Some(failure) = session.failure().cloned() else {
                    return Notice::None;
                };
                let status = match &failure {
                    Failure::Certificate(certificate) if certificate.is_name_mismatch() => {
                        Status::ErrorHostnameMismatch
                    }
                    _ => Status::Error,
                };
                self.state = State::Idle(status);
                match side {
                    Side::Client => Notice::ClientFailed(failure),
                    Side::Server => Notice::ServerFailed(failure, remote),
                }
            }
        }
    }
}

/// Whether nothing is due from a session by itself.
fn rests(session: &Session) -> bool {
    session.timeout().is_none() && !session.has_datagrams()
}

/// Whether this is a client that has not reached its server yet.
fn is_joining(side: Side, session: &Session) -> bool {
    side == Side::Client && session.status() == dtls::Status::Handshaking
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.disconnect();
        self.take_outbox().send();
    }
}
