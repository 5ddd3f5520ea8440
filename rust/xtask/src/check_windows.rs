//! `cargo xtask check-windows`: type-checks what runs below Godot for Windows, without a compiler or linker for it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::platform::{Platform, toolchain};
use crate::{library, workspace};

/// The crates with code of their own for Windows.
const CRATES: &[&str] = &["dtls", "udp", "endpoint", "enet"];

/// Fails on the compiler's errors.
pub(crate) fn run() -> Result<ExitCode> {
    for target in Platform::WindowsX86_64.targets() {
        toolchain::add_rust_target(target)?;
        let openssl = host_openssl()?;
        workspace::step(&format!("Checking {} for {target}", CRATES.join(", ")));
        let mut command = library::cargo();
        command.args(["check", "--target", target]);
        command.args(CRATES.iter().flat_map(|name| ["--package", name]));
        // Only OpenSSL's version is read from its headers, so this machine's OpenSSL and preprocessor serve.
        command
            .env("OPENSSL_DIR", openssl)
            .env("OPENSSL_STATIC", "1");
        command.env(toolchain::variable("CC", target), "cc");
        let status = command.status().context("cargo could not be started")?;
        ensure!(status.success(), "it does not compile for {target}");
    }
    Ok(ExitCode::SUCCESS)
}

/// The OpenSSL that is built for this machine.
fn host_openssl() -> Result<PathBuf> {
    let mut command = library::cargo();
    command.args(["check", "--workspace"]);
    let mut built = None;
    library::follow_build(command, |message| {
        let package = message["package_id"].as_str().unwrap_or_default();
        let is_it = message["reason"] == "build-script-executed" && package.contains("openssl-sys");
        if let (true, Some(folder)) = (is_it, message["out_dir"].as_str()) {
            built = Some(PathBuf::from(folder).join("openssl-build/install"));
        }
    })?;
    let built = built.context("cargo names no build of OpenSSL")?;
    ensure!(
        built.is_dir(),
        "this machine's OpenSSL is not built from source: unset OPENSSL_NO_VENDOR"
    );
    Ok(built)
}
