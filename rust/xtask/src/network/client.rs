//! A DTLS client on a socket of its own, quick to make, so that hundreds run in one thread.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use dtls::{ClientContext, Roots, Verification};
use endpoint::{Connection, Event, Receive, Status, Transport};

/// The authorities that clients trust, read once.
#[derive(Clone)]
pub(crate) struct Trust(ClientContext);

impl Trust {
    /// Trusts the authorities in a PEM text.
    pub(crate) fn in_root(pem: &[u8]) -> Result<Self> {
        let roots = Roots::from_pem(pem)?;
        Ok(Self(ClientContext::new(Verification::Full(roots))?))
    }
}

/// A client that is connecting or connected. One that is dropped without [`Client::close`] sends no close_notify, as one
/// that crashed.
pub(crate) struct Client {
    peer: Arc<udp::DatagramSocket>,
    connection: Connection,
    /// Why the connection has ended.
    end: Option<Event>,
    began: Instant,
}

impl Client {
    /// Begins to connect to a server whose certificate is for `localhost`.
    pub(crate) fn begin(trust: &Trust, server: SocketAddr) -> Result<Self> {
        let peer = Arc::new(udp::DatagramSocket::new());
        peer.set_blocking(false);
        peer.connect(server.ip(), server.port())
            .map_err(|error| anyhow!("a client has no socket: {error:?}"))?;
        let mut connection = Connection::default();
        let began = Instant::now();
        let transport: Arc<dyn Transport> = peer.clone();
        connection.connect(transport, &trust.0, "localhost", began)?;
        Ok(Self {
            peer,
            connection,
            end: None,
            began,
        })
    }

    /// Its own address, as a server on this machine sees it.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        let remote = self.peer.remote().context("a client without a server")?;
        Ok(SocketAddr::new(remote.ip(), self.peer.local_port()))
    }

    /// When it began to connect.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    /// The status of its connection.
    pub(crate) fn status(&self) -> Status {
        self.connection.status()
    }

    /// Why its connection has ended.
    pub(crate) fn failure(&self) -> String {
        match &self.end {
            Some(Event::Failed { failure, .. }) => failure.to_string(),
            Some(event) => format!("{event:?}"),
            None => "no reason".to_owned(),
        }
    }

    /// Takes what has arrived, passes on the packets, and sends what is due.
    pub(crate) fn poll(&mut self, mut each: impl FnMut(&[u8])) {
        let now = Instant::now();
        let event = self.connection.poll(now);
        self.record(event);
        while self.connection.packet_count() > 0 {
            match self.connection.receive(now, &mut each) {
                Receive::Packet((), event) => self.record(event),
                Receive::Ended(event) => return self.record(event),
                Receive::NotConnected => return,
            }
        }
    }

    /// Sends one packet.
    pub(crate) fn send(&mut self, packet: &[u8]) -> Result<()> {
        if let Err(error) = self.connection.send(packet) {
            bail!("a packet could not be sent: {error:?}");
        }
        Ok(())
    }

    /// Closes the connection with a close_notify.
    pub(crate) fn close(&mut self) {
        self.connection.disconnect(Instant::now());
    }

    fn record(&mut self, event: Option<Event>) {
        match event {
            None | Some(Event::Established { .. }) => {}
            Some(event) => self.end = Some(event),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The connection, which is dropped after this, would send a close_notify.
        self.peer.close();
    }
}
