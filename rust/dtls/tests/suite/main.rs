//! Sessions under simulated time on a simulated network.

mod clock;
mod closing;
mod cookies;
mod credentials;
mod handshake;
mod interop;
mod noise;
mod packets;
mod verification;
mod world;
