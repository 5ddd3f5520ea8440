//! The class `OpenSSLUDPServer`.

use godot::global::Error;
use godot::prelude::*;

use crate::address;
use crate::ffi::catch_panic::catch_panic;
use crate::ffi::state;
use crate::is_class::is_class;
use crate::packet_peer_udp::OpenSslPacketPeerUdp;
use crate::refusal::{Refusal, answer, refuse};

pub(crate) mod hot;

/// One UDP port that many clients send to, each seen as a peer of its own. Mirrors the engine's [UDPServer].
///
/// Beyond the engine's: [method is_connection_available] polls by itself, and finding a client's peer does not take longer with more clients.
///
/// Engine page: https://docs.godotengine.org/en/stable/classes/class_udpserver.html
#[derive(GodotClass)]
#[class(tool, init, base = RefCounted, rename = OpenSSLUDPServer)]
pub(crate) struct OpenSslUdpServer {
    base: Base<RefCounted>,

    /// How many clients may wait for [method take_connection]; packets of further new clients are dropped. 0 refuses all new clients. When it is lowered, the newest clients are dropped.
    #[var(get = get_max_pending_connections, set = set_max_pending_connections, hint = RANGE, hint_string = "0,256,1", usage_flags = [DEFAULT])]
    max_pending_connections: PhantomVar<i64>,
}

state::stateful!(OpenSslUdpServer: udp::Listener);

is_class!(OpenSslUdpServer mirrors "UDPServer");

#[godot_api]
impl OpenSslUdpServer {
    /// Starts listening on a port. [param port] 0 lets the system choose one, see [method get_local_port].
    ///
    /// [param bind_address] is [code]"*"[/code] for every address of the machine (IPv4 and IPv6), or one address; a link-local one with its interface, as in [code]"fe80::1%eth0"[/code].
    ///
    /// Returns [constant OK], [constant ERR_ALREADY_IN_USE] if the server listens already, [constant ERR_INVALID_PARAMETER] for a bad port or address, [constant ERR_UNAVAILABLE] if another socket has the port or the address is not one of this machine, [constant ERR_CANT_CREATE] if the system gives no socket.
    ///
    /// Unlike the engine's: no other server, of this program or of another, gets the port while this one listens.
    #[func(gd_self)]
    fn listen(this: Gd<Self>, port: i64, #[opt(default = "*")] bind_address: GString) -> Error {
        answer("UDPServer.listen()", || {
            let listener = state::of(&this);
            if listener.is_listening() {
                let why = "the server listens already: stop() it first";
                return Err(Refusal::new(Error::ERR_ALREADY_IN_USE, why));
            }
            let listen = |port, address| listener.listen(port, address);
            address::bind(port, &bind_address, listen)
        })
    }

    /// Returns the local port, or 0 if the server does not listen.
    #[func(gd_self)]
    fn get_local_port(this: Gd<Self>) -> i64 {
        i64::from(state::of(&this).local_port())
    }

    /// Returns whether the server listens.
    #[func(gd_self)]
    fn is_listening(this: Gd<Self>) -> bool {
        state::of(&this).is_listening()
    }

    /// Returns the client that has waited longest as a connected peer, or [code]null[/code] if none waits.
    #[func(gd_self)]
    fn take_connection(this: Gd<Self>) -> Option<Gd<OpenSslPacketPeerUdp>> {
        catch_panic("UDPServer.take_connection()", || {
            let listener = state::of(&this);
            let peer = listener.accept()?;
            Some(OpenSslPacketPeerUdp::from_peer(peer, &listener))
        })
    }

    /// Stops listening. Peers that were taken from the server are disconnected.
    #[func(gd_self)]
    fn stop(this: Gd<Self>) {
        state::of(&this).stop();
    }

    /// Sets [member max_pending_connections].
    #[func]
    fn set_max_pending_connections(&self, max_pending_connections: i64) {
        match usize::try_from(max_pending_connections) {
            Ok(max) => state::of_value(self).set_max_pending(max),
            Err(_) => refuse(
                "UDPServer.set_max_pending_connections()",
                "the value must be 0 (refuse new clients) or more",
            ),
        }
    }

    /// Returns [member max_pending_connections].
    #[func]
    fn get_max_pending_connections(&self) -> i64 {
        i64::try_from(state::of_value(self).max_pending()).unwrap_or(i64::MAX)
    }
}
