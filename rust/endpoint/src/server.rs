//! A DTLS server: it makes connections of transports.

use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Instant;

use dtls::{ConfigError, ServerContext};

use crate::acceptor::Acceptor;
use crate::acceptor::address_limits::{AddressLimits, Network};
use crate::connection::Status;
use crate::event::Event;
use crate::handshake_pool::HandshakePool;
use crate::lock::lock;
use crate::peer_registry::PeerRegistry;
use crate::shared_connection::SharedConnection;
use crate::timeouts::Timeouts;
use crate::transport::Transport;

/// Why a server was not set up.
#[derive(Debug, PartialEq, Eq)]
pub enum SetUpError {
    /// It was set up before.
    AlreadyDone,
    /// There are no random numbers for cookies.
    Config(ConfigError),
}

/// A DTLS server. Its limits and time-outs can be set before its keys are.
pub struct Server {
    acceptor: OnceLock<Arc<Acceptor>>,
    registry: Arc<PeerRegistry>,
    limits: Arc<AddressLimits>,
    timeouts: Mutex<Timeouts>,
    pool: Arc<HandshakePool>,
}

impl Server {
    /// A server without keys, whose handshakes run in `pool` when there are many.
    pub fn new(pool: Arc<HandshakePool>) -> Self {
        Self {
            acceptor: OnceLock::new(),
            registry: Arc::default(),
            limits: Arc::default(),
            timeouts: Mutex::default(),
            pool,
        }
    }

    /// Gives the server its key and certificate, once.
    ///
    /// # Errors
    /// [`SetUpError`]; nothing has changed then.
    pub fn set_up(&self, context: ServerContext, now: Instant) -> Result<(), SetUpError> {
        let (limits, pool) = (Arc::clone(&self.limits), Arc::clone(&self.pool));
        let acceptor = Acceptor::new(context, limits, pool, now).map_err(SetUpError::Config)?;
        let set = self.acceptor.set(Arc::new(acceptor));
        set.map_err(|_| SetUpError::AlreadyDone)
    }

    /// Whether [`set_up`](Self::set_up) has succeeded.
    pub fn is_set_up(&self) -> bool {
        self.acceptor.get().is_some()
    }

    /// Its connections.
    pub fn registry(&self) -> &Arc<PeerRegistry> {
        &self.registry
    }

    /// Its limits for each address.
    pub fn limits(&self) -> &AddressLimits {
        &self.limits
    }

    /// The time limits that connections get when they are accepted.
    pub fn timeouts(&self) -> Timeouts {
        *lock(&self.timeouts)
    }

    /// Sets the time limits of connections that are accepted later.
    pub fn set_timeouts(&self, timeouts: Timeouts) {
        *lock(&self.timeouts) = timeouts;
    }

    /// Makes `connection`, which is new, a server's on this transport, and polls it: it is [`Status::Handshaking`] if the
    /// client's hello has a valid cookie or has not arrived yet, and [`Status::Failed`] if the client was just sent one.
    /// Before [`set_up`](Self::set_up) nothing happens.
    ///
    /// `owner` is the token that [`PeerRegistry::poll`] passes on for it. `listener` is the transport's, if it has one;
    /// [`PeerRegistry::poll`] polls it.
    pub fn accept(
        &self,
        connection: &Arc<SharedConnection>,
        owner: u64,
        transport: Arc<dyn Transport>,
        listener: Option<Weak<udp::Listener>>,
        now: Instant,
    ) -> Vec<Event> {
        let Some(acceptor) = self.acceptor.get() else {
            return Vec::new();
        };
        connection.set_timeouts(self.timeouts());
        let event = connection.accept(Arc::clone(&transport), Arc::clone(acceptor), now);
        let mut events = Vec::new();
        if connection.status() == Status::Handshaking {
            events = self.registry.add(connection, owner, &transport, listener);
            if let Some(remote) = transport.remote()
                && self.limits.is_exceeded(remote.ip())
            {
                let network = Network::of(remote.ip());
                events.extend(self.registry.drop_oldest_handshake_of(network));
            }
        }
        events.extend(event);
        events
    }
}
