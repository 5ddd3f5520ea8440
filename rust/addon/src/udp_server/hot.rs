//! The methods of `OpenSSLUDPServer` that a game calls each frame: the engine calls [`SHORTCUTS`] in place of the
//! functions. A listener prints nothing.

use godot::classes::Engine;
use godot::global::Error;
use godot::obj::{Gd, Singleton};
use godot::register::godot_api;

use super::OpenSslUdpServer;
use crate::ffi::hot::{Call, Hot, MethodShortcut};
use crate::ffi::state;
use crate::refusal::code;

type Server<'a> = Call<'a, OpenSslUdpServer>;

pub(crate) static SHORTCUTS: [&dyn MethodShortcut; 2] = [
    &Hot::new("UDPServer.poll()", |server: Server<'_>, ()| {
        code(server.peek().poll())
    }),
    &Hot::new(
        "UDPServer.is_connection_available()",
        |server: Server<'_>, ()| poll_round(server.peek()),
    ),
];

#[godot_api(secondary)]
impl OpenSslUdpServer {
    /// Takes the packets that have arrived and gives each to its client's peer. Returns [constant ERR_UNCONFIGURED] if the server does not listen.
    #[func(gd_self)]
    fn poll(this: Gd<Self>) -> Error {
        code(state::of(&this).poll())
    }

    /// Returns whether a new client waits for [method take_connection].
    ///
    /// Beyond the engine's: it polls by itself once each frame, so that [code]while server.is_connection_available():[/code] needs no [method poll] before it. What arrives while that loop runs is looked at after it has ended, so that it ends however many clients come.
    #[func]
    fn is_connection_available(&self) -> bool {
        poll_round(&state::of_value(self))
    }
}

fn poll_round(listener: &udp::Listener) -> bool {
    listener.poll_round(Engine::singleton().get_process_frames())
}
