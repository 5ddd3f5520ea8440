//! Sessions under simulated time on a simulated network.

mod clock;
mod closing;
mod cookies;
mod credentials;
mod flights;
mod fragments;
mod handshake;
mod hellos;
mod hostile;
mod interop;
mod loss;
mod noise;
mod packets;
mod restarts;
mod settings;
mod simulation;
mod verification;
mod versions;
