//! The engine's UDP peers as transports.

use std::net::SocketAddr;

use endpoint::{Break, ForeignSocket, ForeignSockets, ForeignTransport, Place, Received};
use godot::builtin::PackedByteArray;
use godot::classes::PacketPeerUdp;
use godot::obj::{Gd, InstanceId};
use once_cell::sync::Lazy;

static SOCKETS: Lazy<ForeignSockets<InstanceId, EngineSocket>> = Lazy::new(ForeignSockets::default);

/// To be called while no connection is locked.
pub(crate) fn transport(peer: Gd<PacketPeerUdp>) -> ForeignTransport<EngineSocket> {
    SOCKETS.transport(peer.instance_id(), || EngineSocket(peer))
}

/// One of the engine's UDP peers, whose methods print.
pub(crate) struct EngineSocket(Gd<PacketPeerUdp>);

// SAFETY: `Gd` is not `Send` since the object behind it may not be used by several threads at once. This one's methods
// are called by `ForeignSocket`'s alone, which `SOCKETS` calls one at a time: it holds one value for each object, behind
// a mutex, which also orders what those threads do. Dropping a `Gd` counts references, which the engine does atomically.
unsafe impl Send for EngineSocket {}

impl ForeignSocket for EngineSocket {
    fn receive(&mut self, into: &mut Vec<u8>) -> Received {
        match self.0.get_available_packet_count() {
            0 => Received::Nothing,
            1.. => {
                *into = self.0.get_packet().to_vec();
                Received::Datagram
            }
            _ if self.0.is_bound() => Received::Broken(Break::Refused),
            _ => Received::Broken(Break::Closed),
        }
    }

    fn send(&mut self, datagram: &[u8]) {
        self.0.put_packet(&PackedByteArray::from(datagram));
    }

    fn place(&self) -> Place {
        let ip = self.0.get_packet_ip().to_string().parse().ok();
        let port = u16::try_from(self.0.get_packet_port()).ok();
        Place {
            is_connected: self.0.is_socket_connected(),
            remote: ip.zip(port).map(|(ip, port)| SocketAddr::new(ip, port)),
            local_port: u16::try_from(self.0.get_local_port()).unwrap_or(0),
        }
    }
}
