//! What carries ENet's datagrams, below the checks.

pub(crate) mod address;
pub(crate) mod client;
mod client_transport;
pub(crate) mod happened;
pub(crate) mod server;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use udp::DatagramSocket;

use client::ClientLink;
use happened::Happened;
use server::ServerLink;

/// What carries a host's datagrams in place of a socket, for tests with a network of their own: see
/// [`Host::on_carrier`](crate::Host::on_carrier).
pub trait Carrier: Send {
    /// Replaces the content of `into` by the oldest datagram that has arrived, and returns its sender.
    fn receive(&mut self, into: &mut Vec<u8>) -> Option<SocketAddr>;

    /// Sends a datagram.
    fn send(&mut self, to: SocketAddr, datagram: &[u8]);
}

/// UDP, or DTLS on it.
pub(crate) enum Link {
    Carrier(Box<dyn Carrier>),
    Plain(Arc<DatagramSocket>),
    Server(Box<ServerLink>),
    Client(Box<ClientLink>),
}

impl Link {
    pub(crate) fn local_port(&self) -> u16 {
        match self {
            Self::Carrier(_) => 0,
            Self::Plain(socket) => socket.local_port(),
            Self::Server(server) => server.local_port(),
            Self::Client(client) => client.local_port(),
        }
    }

    /// To be called before datagrams are received: the network is read once after it.
    pub(crate) fn begin(&mut self) {
        match self {
            Self::Carrier(_) | Self::Plain(_) => {}
            Self::Server(server) => server.begin(),
            Self::Client(client) => client.begin(),
        }
    }

    /// Replaces the content of `into` by a datagram, and returns its sender.
    pub(crate) fn receive(
        &mut self,
        into: &mut Vec<u8>,
        now: Instant,
        happened: &mut Happened,
    ) -> Option<SocketAddr> {
        match self {
            Self::Carrier(carrier) => carrier.receive(into),
            Self::Plain(socket) => loop {
                match socket.receive(into) {
                    Ok(from) => return Some(from),
                    // An earlier datagram was refused, perhaps another peer's.
                    Err(udp::Error::Refused) => {}
                    Err(_) => return None,
                }
            },
            Self::Server(server) => server.receive(into, now, happened),
            Self::Client(client) => client.receive(into, now, happened),
        }
    }

    /// Sends a datagram; what the network does not take is lost.
    pub(crate) fn send(
        &mut self,
        to: SocketAddr,
        datagram: &[u8],
        now: Instant,
        happened: &mut Happened,
    ) {
        match self {
            Self::Carrier(carrier) => carrier.send(to, datagram),
            Self::Plain(socket) => {
                let _ = socket.send_to(datagram, to);
            }
            Self::Server(server) => server.send(to, datagram, happened),
            Self::Client(client) => client.send(to, datagram, now, happened),
        }
    }

    /// Sends a datagram that is not ENet's, without DTLS. The engine's hosts with DTLS send to their peers alone as well:
    /// false.
    pub(crate) fn send_raw(&mut self, to: SocketAddr, datagram: &[u8]) -> bool {
        match self {
            Self::Carrier(carrier) => carrier.send(to, datagram),
            Self::Plain(socket) => {
                let _ = socket.send_to(datagram, to);
            }
            Self::Server(_) | Self::Client(_) => return false,
        }
        true
    }

    /// No peer has this address any more: its session ends.
    pub(crate) fn close(&mut self, address: SocketAddr, now: Instant) {
        match self {
            Self::Carrier(_) | Self::Plain(_) => {}
            Self::Server(server) => server.close(address, now),
            Self::Client(client) => client.close(address, now),
        }
    }
}
