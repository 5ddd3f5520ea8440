//! Paths in this working tree, and progress messages.

use std::path::{Path, PathBuf};

/// The top of the working tree.
pub(crate) fn root() -> PathBuf {
    // Cargo sets the variable when it runs this program, so a moved working tree needs no rebuild.
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.ancestors()
        .nth(2)
        .map_or_else(|| own.clone(), Path::to_path_buf)
}

/// The Godot project that is run headless.
pub(crate) fn godot_project() -> PathBuf {
    root().join("godot_project")
}

/// The folder that users copy.
pub(crate) fn addon() -> PathBuf {
    root().join("addons").join("openssl_dtls")
}

/// Where benchmarks draw their charts.
pub(crate) fn charts() -> PathBuf {
    root().join("docs").join("charts")
}

/// Prints a step's name on standard error; standard output is for a command's result.
pub(crate) fn step(what: &str) {
    eprintln!("==> {what}");
}
