//! A DTLS client whose ENet datagrams are made by hand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use endpoint::{SharedConnection, Status};
use testkit::enet::{Answer, Commands, UNCONNECTED};

use crate::hosts::{Clock, LOCALHOST, Node, client_context};

/// The client: a session, and perhaps a peer of the server.
pub(crate) struct Raw {
    session: Arc<SharedConnection>,
    /// The server's number of it, and of the two's connection.
    header: u16,
    /// What the server sent since [`Raw::forget_received`].
    received: Vec<Vec<u8>>,
}

impl Raw {
    /// Begins a handshake, which [`Raw::poll`] goes on with.
    pub(crate) fn begin(server: &Node, clock: &Clock) -> Self {
        let socket = Arc::new(udp::DatagramSocket::new());
        socket.set_blocking(false);
        socket.connect(LOCALHOST, server.host.local_port()).unwrap();
        let session = Arc::<SharedConnection>::default();
        session
            .connect(socket, &client_context(), "localhost", clock.0)
            .unwrap();
        Self {
            session,
            header: UNCONNECTED,
            received: Vec::new(),
        }
    }

    /// A session without a peer.
    pub(crate) fn session(server: &mut Node, clock: &mut Clock) -> Self {
        let mut raw = Self::begin(server, clock);
        raw.run(server, clock, Self::is_connected);
        raw
    }

    /// A session with a peer.
    pub(crate) fn peer(server: &mut Node, clock: &mut Clock) -> Self {
        let mut raw = Self::session(server, clock);
        raw.become_peer(server, clock, 1);
        raw
    }

    /// Becomes a peer of the server, for which it acknowledges the server's answer.
    pub(crate) fn become_peer(&mut self, server: &mut Node, clock: &mut Clock, id: u32) {
        self.send(&Commands::connect(id, 0));
        self.run(server, clock, Self::is_peer);
        clock.pass(Duration::from_millis(50), [server]);
    }

    fn run(&mut self, server: &mut Node, clock: &mut Clock, done: impl Fn(&Self) -> bool) {
        let limit = Duration::from_secs(20);
        let is_done = clock.run(limit, [server], |[_]| {
            self.poll();
            done(self)
        });
        assert!(is_done, "{:?}", self.session.status());
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.session.status() == Status::Connected
    }

    /// Whether the server has closed its session.
    pub(crate) fn is_closed(&self) -> bool {
        !matches!(
            self.session.status(),
            Status::Handshaking | Status::Connected
        )
    }

    /// Goes on with the handshake, and receives what the server has sent. Acknowledges the server's answer to a connect.
    pub(crate) fn poll(&mut self) {
        self.session.poll(Instant::now());
        let first = self.received.len();
        let received = &mut self.received;
        while self
            .session
            .take_waiting(|packet| received.push(packet.to_vec()))
            .is_some()
        {}
        if self.is_peer() {
            return;
        }
        if let Some(answer) = self.received[first..]
            .iter()
            .find_map(|it| Answer::read(it))
        {
            self.header = answer.to;
            self.send(&answer.acknowledged());
        }
    }

    /// Whether it is a peer of the server.
    pub(crate) fn is_peer(&self) -> bool {
        self.header != UNCONNECTED
    }

    /// Forgets what the server has sent.
    pub(crate) fn forget_received(&mut self) {
        self.poll();
        self.received.clear();
    }

    /// Ends the session.
    pub(crate) fn close(&mut self) {
        self.session.disconnect(Instant::now());
    }

    /// Sends a datagram.
    pub(crate) fn send(&self, commands: &Commands) {
        self.send_to(self.header, commands);
    }

    /// Sends a datagram as one that is no peer yet.
    pub(crate) fn send_unconnected(&self, commands: &Commands) {
        self.send_to(UNCONNECTED, commands);
    }

    fn send_to(&self, header: u16, commands: &Commands) {
        self.send_raw(&commands.datagram(header));
    }

    /// Sends bytes that need not be a datagram of ENet's; nothing once the session is closed.
    pub(crate) fn send_raw(&self, bytes: &[u8]) {
        let _ = self.session.send(bytes);
    }
}
