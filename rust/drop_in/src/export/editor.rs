//! What an export needs from the engine.

use std::path::Path;

use super::other_plugins::OtherPlugin;

/// Reads a file of a `.zip` by its name in there.
pub type ReadZip = Box<dyn Fn(&str) -> Option<Vec<u8>>>;

/// The engine's part in an export.
pub trait Editor {
    /// Other addons' export plugins, as far as they can be found, sorted by name.
    fn other_plugins(&self) -> Vec<OtherPlugin>;

    /// Opens a `.zip`, or a file of that format. `None` if it is none.
    fn open_zip(&self, path: &Path) -> Option<ReadZip>;

    /// Decompresses Zstandard to a buffer of `size` bytes.
    fn decompress_zstd(&self, packed: &[u8], size: usize) -> Option<Vec<u8>>;
}
