//! Servers and connections without Godot: over a simulated network and clock, and over sockets on the loopback.

mod accept;
mod closing;
mod deferred;
mod flood;
mod foreign_sockets;
mod limits;
mod restart;
mod simulation;
mod sockets;
