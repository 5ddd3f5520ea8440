//! The methods of `OpenSSLPacketPeerDTLS` that a game calls for each peer and packet.

use std::time::Instant;

use godot::builtin::PackedByteArray;
use godot::classes::PacketPeer;
use godot::global::Error;

use super::OpenSslPacketPeerDtls;
use crate::ffi::hot::methods;
use crate::report;
use crate::status::Status;

methods! { OpenSslPacketPeerDtls, "PacketPeerDTLS":
    /// Takes what has arrived and sends what is due: call it each frame, also while connecting.
    changes fn poll(call) -> () {
        if !call.peek().has_nothing_to_do() {
            report::events(call.state().poll(Instant::now()));
        }
    }

    /// Returns where the connection stands.
    reads fn get_status(call) -> Status {
        call.peek().status()
    }

    /// Returns how many packets wait for [method get_packet].
    reads fn get_available_packet_count(call) -> i32 {
        super::packet_count(call.peek())
    }

    /// Returns the packet that has waited longest, after a look at the network if none waits; empty if there is none, or upon an error, see [method PacketPeer.get_packet_error].
    changes fn get_packet(call) -> PackedByteArray {
        let taken = call.state().take_waiting(|packet| PackedByteArray::from(packet));
        if let Some((packet, event)) = taken {
            report::events(event);
            return packet;
        }
        // By the engine's way, so that it keeps the code for `get_packet_error()`. Nothing was printed.
        call.object().upcast::<PacketPeer>().get_packet()
    }

    /// Encrypts a packet of up to 16,384 bytes and sends it. An empty packet is not sent.
    ///
    /// Returns [constant OK], [constant ERR_UNCONFIGURED] without a connection, [constant ERR_INVALID_PARAMETER] for a packet that is too large, [constant ERR_CONNECTION_ERROR] if the connection has ended; a printed line says which.
    changes fn put_packet(call, buffer: Bytes) -> Error {
        let packet = buffer.as_slice();
        if packet.is_empty() {
            return Error::OK;
        }
        // It is not used after anything was printed.
        super::put(&call.state(), packet)
    }
}
