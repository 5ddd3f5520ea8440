//! A server's sessions.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dtls::ServerContext;
use endpoint::{HandshakePool, SendError, Server, SharedConnection, Status};
use udp::Listener;

use super::happened::Happened;
use crate::error::SetUpError;

/// How long a session may be established without an ENet peer. ENet's clients ask for a connection again after 0.5, 1, 2
/// and 4 seconds.
const WITHOUT_PEER: Duration = Duration::from_secs(10);

/// How many sessions may be established without an ENet peer. When there is one more, the oldest is closed.
const MAX_WITHOUT_PEER: usize = 256;

/// How many new addresses may wait to be accepted between two polls: as many as players that join at the same moment.
/// Those beyond it ask again after a second.
const MAX_PENDING: usize = 1024;

/// The DTLS sessions of a server, by the address of the client.
pub(crate) struct ServerLink {
    listener: Arc<Listener>,
    server: Server,
    sessions: HashMap<SocketAddr, Session>,
    /// The address of each session, by its token in the server's registry.
    tokens: HashMap<u64, SocketAddr>,
    next_token: u64,
    /// The sessions with packets, in turn.
    ready: VecDeque<SocketAddr>,
    is_polled: bool,
}

struct Session {
    connection: Arc<SharedConnection>,
    token: u64,
    is_ready: bool,
    /// Since when it is established and has no ENet peer, as of the last [`ServerLink::close_unused`].
    without_peer: Option<Instant>,
}

impl ServerLink {
    /// # Errors
    /// [`SetUpError::Config`].
    pub(crate) fn new(
        listener: Arc<Listener>,
        context: ServerContext,
        pool: Arc<HandshakePool>,
        now: Instant,
    ) -> Result<Self, SetUpError> {
        let server = Server::new(pool);
        server.set_up(context, now).map_err(|error| match error {
            endpoint::SetUpError::AlreadyDone => SetUpError::AlreadySetUp,
            endpoint::SetUpError::Config(error) => SetUpError::Config(error),
        })?;
        listener.set_max_pending(MAX_PENDING);
        Ok(Self {
            listener,
            server,
            sessions: HashMap::new(),
            tokens: HashMap::new(),
            next_token: 0,
            ready: VecDeque::new(),
            is_polled: false,
        })
    }

    pub(crate) fn local_port(&self) -> u16 {
        self.listener.local_port()
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    pub(crate) fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// New addresses are not answered while this is true.
    pub(crate) fn refuse_new(&self, refuses: bool) {
        self.listener
            .set_max_pending(if refuses { 0 } else { MAX_PENDING });
    }

    pub(crate) fn begin(&mut self) {
        self.is_polled = false;
    }

    pub(crate) fn receive(
        &mut self,
        into: &mut Vec<u8>,
        now: Instant,
        happened: &mut Happened,
    ) -> Option<SocketAddr> {
        loop {
            while let Some(address) = self.ready.pop_front() {
                if self.take(address, into, happened) {
                    return Some(address);
                }
            }
            if std::mem::replace(&mut self.is_polled, true) {
                return None;
            }
            self.poll(now, happened);
        }
    }

    /// Takes a packet of a session that has some, and puts the session behind the others if it has more.
    fn take(&mut self, address: SocketAddr, into: &mut Vec<u8>, happened: &mut Happened) -> bool {
        let Some(session) = self.sessions.get_mut(&address) else {
            return false;
        };
        let taken = session.connection.take_waiting(|packet| {
            into.clear();
            into.extend_from_slice(packet);
        });
        session.is_ready = session.connection.packet_count() > 0;
        if session.is_ready {
            self.ready.push_back(address);
        } else if !is_open(&session.connection) {
            self.remove(address);
            happened.ended.push(address);
        }
        let Some(((), event)) = taken else {
            return false;
        };
        happened.events.extend(event);
        true
    }

    fn poll(&mut self, now: Instant, happened: &mut Happened) {
        if self.sessions.is_empty() {
            // The registry polls it once it has a connection of it.
            let _ = self.listener.poll();
        }
        let polled = self.server.registry().poll(now, |token| token);
        happened.events.extend(polled.events);
        for token in polled.changed {
            let Some(&address) = self.tokens.get(&token) else {
                continue;
            };
            let Some(session) = self.sessions.get_mut(&address) else {
                continue;
            };
            if session.connection.packet_count() > 0 {
                if !std::mem::replace(&mut session.is_ready, true) {
                    self.ready.push_back(address);
                }
            } else if !is_open(&session.connection) {
                self.remove(address);
                happened.ended.push(address);
            }
        }
        while let Some(socket) = self.listener.accept() {
            let Some(remote) = socket.remote() else {
                continue;
            };
            self.accept(remote, socket, now, happened);
        }
    }

    fn accept(
        &mut self,
        remote: SocketAddr,
        socket: Arc<udp::DatagramSocket>,
        now: Instant,
        happened: &mut Happened,
    ) {
        let connection = Arc::<SharedConnection>::default();
        let token = self.next_token;
        let listener = Some(Arc::downgrade(&self.listener));
        let accepted = self
            .server
            .accept(&connection, token, socket, listener, now);
        happened.events.extend(accepted);
        if !is_open(&connection) {
            // The client was sent a cookie.
            return;
        }
        self.next_token += 1;
        if self.remove(remote).is_some() {
            // The client was restarted, and its new handshake is as good as the old one was.
            happened.ended.push(remote);
        }
        self.tokens.insert(token, remote);
        let session = Session {
            connection,
            token,
            is_ready: false,
            without_peer: None,
        };
        self.sessions.insert(remote, session);
    }

    pub(crate) fn send(&mut self, to: SocketAddr, datagram: &[u8], happened: &mut Happened) {
        let Some(session) = self.sessions.get(&to) else {
            return;
        };
        if let Err(SendError::Failed(event)) = session.connection.send(datagram) {
            happened.events.extend(event.map(|event| *event));
            self.remove(to);
            happened.ended.push(to);
        }
    }

    pub(crate) fn close(&mut self, address: SocketAddr, now: Instant) {
        if let Some(session) = self.remove(address) {
            session.connection.disconnect(now);
        }
    }

    /// Closes the sessions that have had no ENet peer for too long; `used` are the addresses of the peers.
    pub(crate) fn close_unused(&mut self, used: &HashSet<SocketAddr>, now: Instant) {
        let mut unused = Vec::new();
        for (address, session) in &mut self.sessions {
            if used.contains(address) || session.connection.status() != Status::Connected {
                session.without_peer = None;
            } else {
                let since = *session.without_peer.get_or_insert(now);
                unused.push((since, *address));
            }
        }
        unused.sort_unstable();
        let excess = unused.len().saturating_sub(MAX_WITHOUT_PEER);
        for (index, (since, address)) in unused.into_iter().enumerate() {
            if index < excess || now.saturating_duration_since(since) >= WITHOUT_PEER {
                log::debug!(target: "enet", "{address}: closed, since it does not use its session");
                self.close(address, now);
            }
        }
    }

    fn remove(&mut self, address: SocketAddr) -> Option<Session> {
        let session = self.sessions.remove(&address)?;
        self.tokens.remove(&session.token);
        Some(session)
    }

    /// Ends all sessions with a close_notify.
    fn close_all(&mut self, now: Instant) {
        for session in self.sessions.values() {
            session.connection.disconnect(now);
        }
    }
}

impl Drop for ServerLink {
    fn drop(&mut self) {
        self.close_all(Instant::now());
    }
}

fn is_open(connection: &SharedConnection) -> bool {
    matches!(connection.status(), Status::Handshaking | Status::Connected)
}
