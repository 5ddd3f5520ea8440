//! The UDP layer's peers as transports.

use std::net::SocketAddr;

use crate::transport::{Break, Received, Transport};

impl Transport for udp::DatagramSocket {
    fn receive(&self, into: &mut Vec<u8>) -> Received {
        match self.receive(into) {
            Ok(_) => Received::Datagram,
            Err(udp::Error::Unavailable) => Received::Nothing,
            Err(udp::Error::Refused) => Received::Broken(Break::Refused),
            Err(_) if !self.is_bound() => Received::Broken(Break::Closed),
            Err(_) => Received::Nothing,
        }
    }

    fn send(&self, datagram: &[u8]) -> Result<(), Break> {
        match self.send_deferred(datagram) {
            Err(udp::Error::Refused) => Err(Break::Refused),
            _ => Ok(()),
        }
    }

    fn reply(&self, datagram: &[u8]) {
        // What the network does not take is lost: the client repeats its hello.
        let _ = self.reply_deferred(datagram);
    }

    fn remote(&self) -> Option<SocketAddr> {
        self.remote()
    }

    fn local_port(&self) -> u16 {
        self.local_port()
    }

    fn is_connected(&self) -> bool {
        self.is_connected()
    }

    fn is_quiet(&self) -> bool {
        self.is_accepted() && self.has_datagrams() == Ok(false)
    }

    fn stop_blocking(&self) {
        self.set_blocking(false);
    }

    fn keep_local_address(&self) {
        self.pin_local_address();
    }

    fn replace(&self, first: &[u8]) -> bool {
        self.replace(first).is_ok()
    }

    fn accepted_peer(&self) -> Option<&udp::DatagramSocket> {
        self.is_accepted().then_some(self)
    }
}
