//! The class `OpenSSLUDPServer`.

use godot::classes::Engine;
use godot::global::Error;
use godot::prelude::*;

use crate::address;
use crate::codes::code;
use crate::packet_peer_udp::OpenSslPacketPeerUdp;
use crate::report::mistake;

/// One UDP port that many clients send to, each seen as a peer of its own. Mirrors the engine's [UDPServer].
///
/// Beyond the engine's: [method is_connection_available] polls by itself, and finding a client's peer does not take longer with more clients.
///
/// Engine page: https://docs.godotengine.org/en/stable/classes/class_udpserver.html
#[derive(GodotClass)]
#[class(tool, init, base = RefCounted, rename = OpenSSLUDPServer)]
pub(crate) struct OpenSslUdpServer {
    #[init(val = udp::Listener::new())]
    listener: udp::Listener,

    /// How many clients may wait for [method take_connection]; packets of further new clients are dropped. 0 refuses all new clients. When it is lowered, the clients that came last are dropped.
    #[var(
        get = get_max_pending_connections,
        set = set_max_pending_connections,
        hint = RANGE,
        hint_string = "0,256,1",
        usage_flags = [DEFAULT]
    )]
    #[init(val = PhantomVar::default())]
    max_pending_connections: PhantomVar<i32>,
}

#[godot_api]
impl OpenSslUdpServer {
    /// Starts listening on a port. [param port] 0 lets the system choose one, see [method get_local_port].
    ///
    /// [param bind_address] is [code]"*"[/code] for every address of the machine (IPv4 and IPv6), or one address.
    ///
    /// Returns [constant OK], [constant ERR_ALREADY_IN_USE] if the server listens already, [constant ERR_INVALID_PARAMETER] for a bad port or address, [constant ERR_CANT_CREATE] or [constant ERR_UNAVAILABLE] if the system refuses.
    #[func]
    fn listen(&self, port: i64, #[opt(default = "*")] bind_address: GString) -> Error {
        const WHAT: &str = "UDPServer.listen()";
        if self.listener.is_listening() {
            mistake(WHAT, "the server listens already: stop() it first");
            return Error::ERR_ALREADY_IN_USE;
        }
        let Ok(port) = u16::try_from(port) else {
            mistake(
                WHAT,
                format_args!("the port must be between 0 and 65535, and it is {port}"),
            );
            return Error::ERR_INVALID_PARAMETER;
        };
        let Some(address) = address::to_bind(&bind_address.to_string()) else {
            mistake(WHAT, format_args!("\"{bind_address}\" is no IP address"));
            return Error::ERR_INVALID_PARAMETER;
        };
        code(self.listener.listen(port, address))
    }

    /// Takes the packets that have arrived and gives each to its client's peer. Returns [constant ERR_UNCONFIGURED] if the server does not listen.
    #[func]
    fn poll(&self) -> Error {
        code(self.listener.poll())
    }

    /// Returns whether a new client waits for [method take_connection].
    ///
    /// Beyond the engine's: it polls by itself once each frame, so that [code]while server.is_connection_available():[/code] needs no [method poll] before it. What arrives while that loop runs is looked at after it has ended, so that it ends however many clients come.
    #[func]
    fn is_connection_available(&self) -> bool {
        self.listener
            .poll_round(Engine::singleton().get_process_frames())
    }

    /// Returns the local port, or 0 if the server does not listen.
    #[func]
    fn get_local_port(&self) -> i64 {
        i64::from(self.listener.local_port())
    }

    /// Returns whether the server listens.
    #[func]
    fn is_listening(&self) -> bool {
        self.listener.is_listening()
    }

    /// Returns the client that has waited longest as a connected peer, or [code]null[/code] if none waits.
    #[func]
    fn take_connection(&self) -> Option<Gd<OpenSslPacketPeerUdp>> {
        self.listener.accept().map(OpenSslPacketPeerUdp::from_peer)
    }

    /// Stops listening. Peers that were taken from the server are disconnected.
    #[func]
    fn stop(&self) {
        self.listener.stop();
    }

    /// Sets [member max_pending_connections].
    #[func]
    fn set_max_pending_connections(&self, max_pending_connections: i32) {
        match usize::try_from(max_pending_connections) {
            Ok(max) => self.listener.set_max_pending(max),
            Err(_) => mistake(
                "UDPServer.set_max_pending_connections()",
                "the value must be 0 (refuse new clients) or more",
            ),
        }
    }

    /// Returns [member max_pending_connections].
    #[func]
    fn get_max_pending_connections(&self) -> i32 {
        i32::try_from(self.listener.max_pending()).unwrap_or(i32::MAX)
    }
}
