//! The methods of `OpenSSLUDPServer` that a game calls each frame.

use godot::classes::Engine;
use godot::global::Error;
use godot::obj::Singleton;

use super::OpenSslUdpServer;
use crate::ffi::hot::methods;
use crate::refusal::code;

methods! { OpenSslUdpServer, "UDPServer":
    /// Takes the packets that have arrived and gives each to its client's peer. Returns [constant ERR_UNCONFIGURED] if the server does not listen.
    changes fn poll(call) -> Error {
        // A listener prints nothing.
        code(call.peek().poll())
    }

    /// Returns whether a new client waits for [method take_connection].
    ///
    /// Beyond the engine's: it polls by itself once each frame, so that [code]while server.is_connection_available():[/code] needs no [method poll] before it. What arrives while that loop runs is looked at after it has ended, so that it ends however many clients come.
    reads fn is_connection_available(call) -> bool {
        let frame = Engine::singleton().get_process_frames();
        // A listener prints nothing.
        call.peek().poll_round(frame)
    }
}
