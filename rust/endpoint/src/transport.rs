//! What carries the datagrams of a connection.

use std::net::SocketAddr;

/// What a read of a transport gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// The buffer holds the oldest datagram.
    Datagram,
    /// No datagram waits.
    Nothing,
    /// No datagram can arrive any more, or an earlier one was refused.
    Broken(Break),
}

/// Why a transport does not carry datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// It was closed on this side.
    Closed,
    /// The remote host has no socket on the port (ICMP port unreachable).
    Refused,
}

/// The address that a client's datagrams come from, and the server's port that they come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress {
    /// The client's address and port.
    pub remote: SocketAddr,
    /// The server's port.
    pub local_port: u16,
}

/// A datagram channel to one remote, such as a UDP socket connected to it.
///
/// [`fetch`](Self::fetch) and [`flush`](Self::flush) are called while the connection is not locked. All other methods
/// may be called while it is: they must not block for long, and must not call the connection.
pub trait Transport: Send + Sync {
    /// Replaces the content of `into` by the oldest datagram that has arrived.
    fn receive(&self, into: &mut Vec<u8>) -> Received;

    /// Sends one datagram. What the network does not take is lost, as datagrams may be.
    ///
    /// # Errors
    /// [`Break::Refused`] if an earlier datagram was refused; this one was not sent then.
    fn send(&self, datagram: &[u8]) -> Result<(), Break>;

    /// Sends the answer to the datagram that was received last, from the local address that it came to.
    fn reply(&self, datagram: &[u8]) {
        // What is not sent is lost: the client repeats its hello.
        let _ = self.send(datagram);
    }

    /// Where datagrams go to and come from, if that is known.
    fn remote(&self) -> Option<SocketAddr>;

    /// The local port; 0 if it is not known.
    fn local_port(&self) -> u16;

    /// Whether the transport is open and has one remote.
    fn is_connected(&self) -> bool;

    /// Whether no datagram waits, where that is known without a system call; false where it is not.
    fn is_quiet(&self) -> bool {
        false
    }

    /// Makes [`send`](Self::send) drop what the system does not take at once, instead of waiting.
    fn stop_blocking(&self) {}

    /// Sends from the local address that the datagram received last came to, from now on: its sender is verified.
    fn keep_local_address(&self) {}

    /// Makes the listener present the remote as a new peer whose first datagram is `first`. This transport receives
    /// nothing after that. Returns false if the listener has no room for a pending peer.
    fn replace(&self, first: &[u8]) -> bool;

    /// The UDP peer, if a [`udp::Listener`] accepted it: it tells when datagrams arrive, and any thread may use it.
    fn accepted_peer(&self) -> Option<&udp::DatagramSocket> {
        None
    }

    /// Whether [`fetch`](Self::fetch) and [`flush`](Self::flush) do anything. It never changes.
    fn is_deferred(&self) -> bool {
        false
    }

    /// Moves what has arrived to where [`receive`](Self::receive) finds it.
    fn fetch(&self) {}

    /// Sends what [`send`](Self::send) and [`reply`](Self::reply) have left.
    fn flush(&self) {}

    /// The remote and the local port, if both are known.
    fn client_address(&self) -> Option<ClientAddress> {
        Some(ClientAddress {
            remote: self.remote()?,
            local_port: self.local_port(),
        })
    }
}
