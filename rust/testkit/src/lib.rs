//! What tests, fuzzers and tools share. Nothing here is for production.

pub mod certificates;
mod clock;
pub mod enet;
mod faults;
pub mod forged;
pub mod openssl_rng;
pub mod relay;
mod seeded_rng;
pub mod simulation;

pub use clock::Clock;
pub use faults::{Faults, Treatment};
pub use seeded_rng::SeededRng;
pub use simulation::To;
