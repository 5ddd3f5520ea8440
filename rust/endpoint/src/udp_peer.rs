//! A UDP socket with what a DTLS connection on it needs to know.

use std::sync::{Arc, Mutex, OnceLock, Weak};

use udp::{DatagramSocket, Listener, ScopedIp};

use crate::lock::lock;

/// A UDP socket, the listener that accepted it or the host that it was connected to.
#[derive(Default)]
pub struct UdpPeer {
    socket: OnceLock<Arc<DatagramSocket>>,
    listener: OnceLock<Weak<Listener>>,
    host: Mutex<String>,
}

impl UdpPeer {
    /// The socket; a closed one at first.
    pub fn socket(&self) -> &Arc<DatagramSocket> {
        self.socket.get_or_init(|| Arc::new(DatagramSocket::new()))
    }

    /// Makes a new value one of a socket that `listener` has accepted.
    pub fn set_accepted(&self, socket: Arc<DatagramSocket>, listener: &Arc<Listener>) {
        // It has no others yet.
        let _ = self.socket.set(socket);
        let _ = self.listener.set(Arc::downgrade(listener));
    }

    /// The listener that has accepted the socket.
    pub fn listener(&self) -> Option<Weak<Listener>> {
        self.listener.get().cloned()
    }

    /// Connects the socket to `ip`, the address of `host`.
    ///
    /// # Errors
    /// As [`DatagramSocket::connect`].
    pub fn connect(&self, host: &str, ip: ScopedIp, port: u16) -> Result<(), udp::Error> {
        self.socket().connect(ip, port)?;
        // A certificate has no interfaces in it.
        let host = host.split('%').next().unwrap_or_default();
        host.clone_into(&mut lock(&self.host));
        Ok(())
    }

    /// The host that [`connect`](Self::connect) was given, without an interface, for a certificate to be checked against.
    pub fn host(&self) -> String {
        lock(&self.host).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[test]
    fn the_host_is_kept_as_written_but_for_its_interface() {
        let peer = UdpPeer::default();
        let ip = IpAddr::from(Ipv4Addr::LOCALHOST).into();
        assert!(!peer.socket().is_bound());
        assert_eq!(peer.host(), "");
        assert!(peer.connect("never", ip, 0).is_err(), "port 0");
        assert_eq!(peer.host(), "");
        peer.connect("localhost", ip, 9).unwrap();
        assert_eq!(peer.host(), "localhost");
        peer.connect("fe80::1%eth0", ip, 9).unwrap();
        assert_eq!(peer.host(), "fe80::1");
        assert!(peer.listener().is_none());
    }

    #[test]
    fn an_accepted_peer_has_its_listener() {
        let listener = Arc::new(Listener::new());
        let peer = UdpPeer::default();
        let socket = Arc::new(DatagramSocket::new());
        peer.set_accepted(Arc::clone(&socket), &listener);
        assert!(Arc::ptr_eq(peer.socket(), &socket));
        let known = peer.listener().and_then(|it| it.upgrade());
        assert!(known.is_some_and(|it| Arc::ptr_eq(&it, &listener)));
    }
}
