//! Hostile clients and servers over DTLS: what a host holds for one is bounded, and the others play on.
//!
//! Hosts and sockets are as in the suite: on the loopback, in time that passes when a test says so.

mod after_the_handshake;
mod game;
mod hostile_server;
#[path = "../suite/hosts.rs"]
#[allow(dead_code, reason = "the suite uses the rest")]
mod hosts;
mod memory;
mod raw;
mod without_peer;
