//! A DTLS client on a socket of its own, quick to make, so that hundreds run in one thread.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use dtls::{ClientContext, Roots, Session, Status, Verification};
use testkit::relay::MAX_UDP_PAYLOAD;

/// Whom clients trust; made once.
#[derive(Clone)]
pub(crate) struct Trust(ClientContext);

impl Trust {
    /// Trusts the authorities in a PEM text.
    pub(crate) fn in_root(pem: &[u8]) -> Result<Self> {
        let roots = Roots::from_pem(pem)?;
        Ok(Self(ClientContext::new(Verification::Full(roots))?))
    }
}

/// A client, connected or on the way there.
pub(crate) struct Client {
    socket: UdpSocket,
    session: Session,
    began: Instant,
}

impl Client {
    /// Begins to connect to a server whose certificate is for `localhost`.
    pub(crate) fn begin(trust: &Trust, server: SocketAddr) -> Result<Self> {
        let socket = UdpSocket::bind((server_side(server), 0))?;
        socket.set_nonblocking(true)?;
        socket.connect(server)?;
        let began = Instant::now();
        let session = Session::connect(&trust.0, "localhost", began)?;
        let mut client = Self {
            socket,
            session,
            began,
        };
        client.flush();
        Ok(client)
    }

    /// Its own address.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        self.socket.local_addr().context("a client's own address")
    }

    /// When it began to connect.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    /// Where its session stands.
    pub(crate) fn status(&self) -> Status {
        self.session.status()
    }

    /// Why its session failed, in words.
    pub(crate) fn failure(&self) -> String {
        self.session
            .failure()
            .map_or_else(|| "no reason".to_owned(), ToString::to_string)
    }

    /// Takes what has arrived, hands over the packets in it, and sends what is due.
    pub(crate) fn poll(&mut self, buffer: &mut Vec<u8>, mut each: impl FnMut(&[u8])) {
        let now = Instant::now();
        loop {
            buffer.resize(MAX_UDP_PAYLOAD, 0);
            match self.socket.recv(buffer) {
                Ok(size) => {
                    buffer.truncate(size);
                    self.session.handle_datagram(buffer, now);
                }
                // An answer of the system's to an earlier datagram: its port is closed, for now.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(_) => break,
            }
            while self.session.next_packet(&mut each).is_some() {}
        }
        if self.session.timeout().is_some_and(|at| now >= at) {
            self.session.handle_timeout(now);
        }
        self.flush();
    }

    /// Sends one packet.
    pub(crate) fn send(&mut self, packet: &[u8]) -> Result<()> {
        if let Err(error) = self.session.send(packet) {
            bail!("a packet could not be sent: {error}");
        }
        self.flush();
        Ok(())
    }

    /// Says goodbye. A client that is dropped without it is gone without a word, as one that crashed.
    pub(crate) fn close(&mut self) {
        self.session.close();
        self.flush();
    }

    fn flush(&mut self) {
        let socket = &self.socket;
        // What the network does not take is lost, as on its way.
        self.session.drain_datagrams(|datagram| {
            let _ = socket.send(datagram);
        });
    }
}

fn server_side(server: SocketAddr) -> &'static str {
    if server.is_ipv4() { "0.0.0.0" } else { "::" }
}
