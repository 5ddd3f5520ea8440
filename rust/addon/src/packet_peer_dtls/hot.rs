//! The methods of `OpenSSLPacketPeerDTLS` that a game calls for each peer and packet: the engine calls [`SHORTCUTS`] in
//! place of the functions.
//!
//! Some of them hide a method of `PacketPeer` that does the same through the engine's virtual methods. Typed code that
//! holds a peer as a `PacketPeer` calls that one.

use std::sync::Arc;
use std::time::Instant;

use endpoint::SharedConnection;
use godot::builtin::PackedByteArray;
use godot::classes::PacketPeer;
use godot::global::Error;
use godot::obj::Gd;
use godot::register::godot_api;

use super::OpenSslPacketPeerDtls;
use crate::ffi::hot::{Call, Hot, MethodShortcut};
use crate::ffi::state;
use crate::report;
use crate::status::StatusCode;

type Peer<'a> = Call<'a, OpenSslPacketPeerDtls>;

pub(crate) static SHORTCUTS: [&dyn MethodShortcut; 5] = [
    &Hot::new("PacketPeerDTLS.poll()", |peer: Peer<'_>, ()| {
        if !peer.peek().has_nothing_to_do() {
            poll(&peer.state());
        }
    }),
    &Hot::new("PacketPeerDTLS.get_status()", |peer: Peer<'_>, ()| {
        StatusCode::from(peer.peek().status())
    }),
    &Hot::new(
        "PacketPeerDTLS.get_available_packet_count()",
        |peer: Peer<'_>, ()| super::packet_count(peer.peek()),
    ),
    &Hot::new("PacketPeerDTLS.get_packet()", |peer: Peer<'_>, ()| {
        let taken = peer
            .state()
            .take_waiting(|packet| PackedByteArray::from(packet));
        let Some((packet, event)) = taken else {
            // Nothing was printed.
            return get_packet(peer.object());
        };
        report::events(event);
        packet
    }),
    &Hot::new(
        "PacketPeerDTLS.put_packet()",
        |peer: Peer<'_>, (buffer,)| put_packet(&peer.state(), &buffer),
    ),
];

#[godot_api(secondary)]
impl OpenSslPacketPeerDtls {
    /// Takes what has arrived and sends what is due: call it each frame, also while connecting.
    #[func(gd_self)]
    fn poll(this: Gd<Self>) {
        poll(&Arc::clone(&state::of(&this)));
    }

    /// Returns where the connection stands.
    #[func]
    fn get_status(&self) -> StatusCode {
        state::of_value(self).status().into()
    }

    /// Returns how many packets wait for [method get_packet].
    #[func]
    fn get_available_packet_count(&self) -> i32 {
        super::packet_count(&state::of_value(self))
    }

    /// Returns the packet that has waited longest, after a look at the network if none waits; empty if there is none, or upon an error, see [method PacketPeer.get_packet_error].
    #[func(gd_self)]
    fn get_packet(this: Gd<Self>) -> PackedByteArray {
        get_packet(this)
    }

    /// Encrypts a packet of up to 16,384 bytes and sends it. An empty packet is not sent.
    ///
    /// Returns [constant OK], [constant ERR_UNCONFIGURED] without a connection, [constant ERR_INVALID_PARAMETER] for a packet that is too large, [constant ERR_CONNECTION_ERROR] if the connection has ended; a printed line says which.
    #[func(gd_self)]
    fn put_packet(this: Gd<Self>, buffer: PackedByteArray) -> Error {
        put_packet(&Arc::clone(&state::of(&this)), &buffer)
    }
}

fn poll(connection: &Arc<SharedConnection>) {
    report::events(connection.poll(Instant::now()));
}

/// By the engine's way, so that it keeps the code for `get_packet_error()`.
fn get_packet(peer: Gd<OpenSslPacketPeerDtls>) -> PackedByteArray {
    peer.upcast::<PacketPeer>().get_packet()
}

fn put_packet(connection: &Arc<SharedConnection>, buffer: &PackedByteArray) -> Error {
    match buffer.as_slice() {
        [] => Error::OK,
        packet => super::put(connection, packet),
    }
}
