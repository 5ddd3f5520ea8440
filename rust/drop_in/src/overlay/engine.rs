//! What an overlay needs from the engine.

use std::path::{Path, PathBuf};

use crate::plan::Autoload;

/// The engine's part in an overlay.
pub trait Engine {
    /// The engine's version. Packs of another version are not used.
    fn version(&self) -> String;

    /// The project's autoloads that are global variables.
    fn autoloads(&self) -> Vec<Autoload>;

    /// Writes the resource pack `pack`, given each file's `res://…` path and its path on disk. The error is the
    /// engine's code.
    fn write_pack(&self, pack: &Path, files: &[(&str, PathBuf)]) -> Result<(), String>;

    /// Loads a resource pack over the project and over the packs loaded before it. Returns whether that worked.
    fn load_pack(&self, pack: &Path) -> bool;
}
