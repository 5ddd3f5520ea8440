//! The overlay: a resource pack with renamed copies, loaded over a project before its scripts are.
//!
//! See docs/decisions/drop-in.md for why it is a pack.

mod engine;
mod error;
mod live;
mod pack;
mod staging;
mod summary;

pub use engine::Engine;
pub use error::{OverlayError, StaleText};
pub use live::Overlay;
