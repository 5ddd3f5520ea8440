//! Exports for platforms that the addon has no library for.

use std::fs;

use anyhow::{Context as _, Result};

use super::Context;
use super::export::Exports;
use super::kinds::{self, Classes};

/// What the engine prints if a game's library is for another platform.
const NO_LIBRARY: &[&str] = &[
    "open_dynamic_library",
    "GDExtension dynamic library not found",
    "No GDExtension library found",
    "Error loading extension",
];

/// Scripts stay on the engine's classes, and one line gives the reason.
pub(crate) fn without_a_library(context: &Context) -> Result<()> {
    let exports = Exports::new(context)?;
    let game = exports.release("compressed")?;
    let windows = exports
        .project
        .path()
        .join("addons/openssl_dtls/bin/openssl_dtls.windows.x86_64.dll");
    if windows.exists() {
        fs::remove_file(windows)?;
    }
    for (preset, why) in [
        ("web", "since the addon has no library for Web on wasm32."),
        (
            "risc-v",
            "since the addon has no library for Linux on rv64.",
        ),
        (
            "android",
            "since the addon has no library for Android on arm32.",
        ),
        (
            "windows",
            "since the addon's library for Windows is missing, res://addons/openssl_dtls/bin/openssl_dtls.windows.x86_64.dll; copy it from the addon's release.",
        ),
    ] {
        let folder = exports.folder(preset)?;
        let pack = folder.join("game.pck");
        let lines = exports
            .export("--export-pack", preset, &pack)
            .with_context(|| preset.to_owned())?;
        kinds::prints_once(&lines, why).with_context(|| preset.to_owned())?;
        // The same program runs the pack on the engine's classes, without a library beside it.
        let program = folder.join("game");
        fs::copy(&game, &program)?;
        let lines = exports
            .run(&program, &[], NO_LIBRARY)
            .with_context(|| preset.to_owned())?;
        kinds::check(&lines, Classes::Engine).with_context(|| preset.to_owned())?;
    }
    Ok(())
}

/// On a platform that the addon supports, the library has to exist.
pub(crate) fn with_a_library(context: &Context) -> Result<()> {
    let exports = Exports::new(context)?;
    let library = exports
        .project
        .path()
        .join("addons/openssl_dtls/bin/openssl_dtls.windows.x86_64.dll");
    fs::write(&library, "an export checks only that this exists")?;
    let pack = exports.folder("windows")?.join("game.pck");
    let lines = exports.export("--export-pack", "windows", &pack)?;
    kinds::is_silent(&lines).context("with its library")?;

    // Also without the drop-in: scripts can name the addon's classes.
    fs::remove_file(&library)?;
    super::drop_in::turn_off(exports.project.path())?;
    let lines = exports.export("--export-pack", "windows", &pack)?;
    kinds::prints_once(&lines, "the exported game lacks the addon's classes")
}

/// A preset that gives the game no network is named.
pub(crate) fn without_network(context: &Context) -> Result<()> {
    let exports = Exports::new(context)?;
    let libraries = exports.project.path().join("addons/openssl_dtls/bin");
    for library in [
        "libopenssl_dtls.android.arm64.so",
        "libopenssl_dtls.macos.dylib",
    ] {
        fs::write(
            libraries.join(library),
            "an export checks only that this exists",
        )?;
    }
    for (preset, what) in [
        ("android without internet", Some("permissions/internet")),
        ("android with internet", None),
        ("macos sandbox without network", Some("App Sandbox")),
        ("macos sandbox with network", None),
    ] {
        let pack = exports.folder(preset)?.join("game.pck");
        let lines = exports
            .export("--export-pack", preset, &pack)
            .with_context(|| preset.to_owned())?;
        match what {
            Some(what) => kinds::prints_once(&lines, what),
            None => kinds::is_silent(&lines),
        }
        .with_context(|| preset.to_owned())?;
    }
    Ok(())
}
