//! `cargo xtask sanitize`: the Rust tests with AddressSanitizer and LeakSanitizer, in OpenSSL's C code as in ours.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::{library, process};

/// Everything that runs without Godot.
const PACKAGES: &[&str] = &[
    "drop_in", "dtls", "endpoint", "enet", "fuzzing", "testkit", "udp",
];
/// OpenSSL is compiled again, with a check at each memory access.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// Runs them; a test program ends at the first finding and prints where it is.
pub(crate) fn run() -> Result<ExitCode> {
    // GCC and Rust call the same runtime functions, and Rust's toolchain has that runtime.
    ensure!(
        cfg!(target_os = "linux"),
        "the sanitizers are set up for Linux only"
    );
    let host = library::host()?;
    let mut command = library::cargo();
    command.args(["test", "--lib", "--bins", "--tests", "--no-fail-fast"]);
    // With a target named, programs that run while building are left as they are.
    command.args(["--target", &host, "--target-dir", "target/sanitize"]);
    for package in PACKAGES {
        command.args(["--package", package]);
    }
    command
        // The flag is not stable; the sanitizers that it turns on come with the stable toolchain.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .env(
            format!("CFLAGS_{}", host.replace('-', "_")),
            "-fsanitize=address -fno-omit-frame-pointer -g1",
        )
        .env("ASAN_OPTIONS", "detect_leaks=1:strict_string_checks=1");
    let finished = process::start(command, None)?.follow(LIMIT, |line| println!("{line}"))?;
    println!();
    if !finished.succeeded() {
        println!("the sanitizers found something, or a test failed: see above");
        return Ok(ExitCode::FAILURE);
    }
    println!("nothing found in {}", PACKAGES.join(", "));
    Ok(ExitCode::SUCCESS)
}
