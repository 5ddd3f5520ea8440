//! Sessions against other implementations, under simulated time on a simulated network.

#[path = "../../../dtls/tests/suite/clock.rs"]
mod clock;
mod dimpl;
mod ours;
