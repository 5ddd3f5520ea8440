//! A client's connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dtls::{ClientContext, ConfigError, Session};
use endpoint::{SendError, SharedConnection, Status, Timeouts};
use udp::DatagramSocket;

use super::address::scoped;
use super::client_transport::ClientTransport;
use super::happened::Happened;

/// The time limit of a handshake: less than the 30 seconds after which ENet gives up, so that a line says what failed.
const HANDSHAKE_SECONDS: f64 = 25.0;

/// How long a client goes on where nobody listens: a server that starts at the same moment, as when the editor runs several
/// instances of a project, can take seconds.
const WITHOUT_LISTENER: Duration = Duration::from_secs(10);

/// One DTLS connection, which begins with the first datagram that is sent, to the address that it is sent to.
pub(crate) struct ClientLink {
    socket: Arc<DatagramSocket>,
    context: ClientContext,
    host_name: String,
    connection: Arc<SharedConnection>,
    remote: Option<SocketAddr>,
    /// The newest datagram that was sent while the handshake ran: ENet's connect. It goes out when the handshake is done.
    waiting: Option<Vec<u8>>,
    is_polled: bool,
}

impl ClientLink {
    /// No connection yet. A name that the context cannot verify is an error here, where its caller can be told.
    pub(crate) fn new(
        socket: Arc<DatagramSocket>,
        context: ClientContext,
        host: &str,
    ) -> Result<Self, ConfigError> {
        Session::connect(&context, host, Instant::now())?;
        Ok(Self {
            socket,
            context,
            host_name: host.to_owned(),
            connection: Arc::default(),
            remote: None,
            waiting: None,
            is_polled: false,
        })
    }

    pub(crate) fn local_port(&self) -> u16 {
        self.socket.local_port()
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
        let remote = self.remote?;
        loop {
            let taken = self.connection.take_waiting(|packet| {
                into.clear();
                into.extend_from_slice(packet);
            });
            if let Some(((), event)) = taken {
                happened.events.extend(event);
                return Some(remote);
            }
            if self.is_polled {
                self.settle(happened);
                return None;
            }
            self.is_polled = true;
            happened.events.extend(self.connection.poll(now));
            self.send_waiting(happened);
        }
    }

    pub(crate) fn send(
        &mut self,
        to: SocketAddr,
        datagram: &[u8],
        now: Instant,
        happened: &mut Happened,
    ) {
        match self.remote {
            None => self.connect(to, now),
            Some(remote) if remote != to => return,
            Some(_) => {}
        }
        match self.connection.status() {
            Status::Connected => self.send_now(datagram, happened),
            _ => self.waiting = Some(datagram.to_vec()),
        }
    }

    pub(crate) fn close(&mut self, address: SocketAddr, now: Instant) {
        if self.remote == Some(address) {
            self.connection.disconnect(now);
            self.forget();
        }
    }

    fn connect(&mut self, to: SocketAddr, now: Instant) {
        self.remote = Some(to);
        if let Err(error) = self.socket.connect(scoped(to), to.port()) {
            log::debug!(target: "enet", "no socket to {to}: {error}");
            return;
        }
        if let Ok(timeouts) = self.connection.timeouts().with_handshake(HANDSHAKE_SECONDS) {
            self.connection.set_timeouts(Timeouts {
                without_listener: WITHOUT_LISTENER,
                ..timeouts
            });
        }
        let transport = Arc::new(ClientTransport::new(Arc::clone(&self.socket)));
        let began = self
            .connection
            .connect(transport, &self.context, &self.host_name, now);
        if let Err(error) = began {
            log::debug!(target: "enet", "no session with {to}: {error:?}");
        }
    }

    fn send_waiting(&mut self, happened: &mut Happened) {
        if self.connection.status() == Status::Connected
            && let Some(datagram) = self.waiting.take()
        {
            self.send_now(&datagram, happened);
        }
    }

    fn send_now(&mut self, datagram: &[u8], happened: &mut Happened) {
        if let Err(SendError::Failed(Some(event))) = self.connection.send(datagram) {
            happened.events.push(*event);
        }
    }

    /// Notes that the session is gone, once.
    fn settle(&mut self, happened: &mut Happened) {
        if !matches!(
            self.connection.status(),
            Status::Handshaking | Status::Connected
        ) {
            happened.ended.extend(self.remote);
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.connection = Arc::default();
        self.remote = None;
        self.waiting = None;
    }
}
