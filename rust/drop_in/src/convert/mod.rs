//! The converter: writes the addon's names into a project's scripts, or the engine's names back.

mod conversion;
mod error;
mod write;

pub use conversion::Conversion;
pub use error::WriteError;
