//! The UDP socket of a client's DTLS connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use endpoint::{Break, Received, Transport};
use udp::DatagramSocket;

/// A socket that tells of a refusal (an ICMP message) when all datagrams that had arrived are read. A server that closes
/// sends ENet's disconnect and a close_notify; a client that sends before it has read them is refused, and the system
/// reports that first.
pub(super) struct ClientTransport {
    socket: Arc<DatagramSocket>,
    is_refused: AtomicBool,
}

impl ClientTransport {
    pub(super) fn new(socket: Arc<DatagramSocket>) -> Self {
        Self {
            socket,
            is_refused: AtomicBool::new(false),
        }
    }
}

impl Transport for ClientTransport {
    fn receive(&self, into: &mut Vec<u8>) -> Received {
        let socket: &dyn Transport = &*self.socket;
        loop {
            match socket.receive(into) {
                // The system reports it once.
                Received::Broken(Break::Refused) => self.is_refused.store(true, Ordering::Relaxed),
                Received::Nothing if self.is_refused.swap(false, Ordering::Relaxed) => {
                    return Received::Broken(Break::Refused);
                }
                received => return received,
            }
        }
    }

    fn send(&self, datagram: &[u8]) -> Result<(), Break> {
        let socket: &dyn Transport = &*self.socket;
        if socket.send(datagram) == Err(Break::Refused) {
            self.is_refused.store(true, Ordering::Relaxed);
            // That was an earlier one's, and this one was not sent.
            let _ = socket.send(datagram);
        }
        Ok(())
    }

    fn remote(&self) -> Option<SocketAddr> {
        self.socket.remote()
    }

    fn local_port(&self) -> u16 {
        self.socket.local_port()
    }

    fn is_connected(&self) -> bool {
        self.socket.is_connected()
    }

    fn stop_blocking(&self) {
        self.socket.set_blocking(false);
    }

    /// Clients are not restarted.
    fn replace(&self, _first: &[u8]) -> bool {
        false
    }
}
