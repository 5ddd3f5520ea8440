//! What the runs of tests for other platforms share.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use super::rust;
use super::tally::Tally;
use crate::platform::Platform;
use crate::platform::toolchain::Toolchain;

/// Tests that are not run on a platform: each reason, and the names.
pub(super) type LeftOut = &'static [(&'static str, &'static [&'static str])];

/// For OpenSSL and the examples in documentation, each of which is a program.
const BUILD_LIMIT: Duration = Duration::from_secs(60 * 60);

/// The tools that build for a platform of one target, whose programs this machine can run in an emulator.
///
/// # Errors
/// On machines that run none, and when the tools cannot be had.
pub(super) fn toolchain(platform: Platform) -> Result<Toolchain> {
    let host = Platform::host()?;
    if host == platform {
        bail!("this machine is of that platform: `cargo xtask test` runs the tests");
    }
    if host != Platform::LinuxX86_64 {
        bail!("on {host}, programs for {platform} are not run");
    }
    let [target] = platform.targets() else {
        bail!("{platform} is not one target");
    };
    Toolchain::provide(target)
}

/// Runs the examples in the packages' documentation with a prepared `cargo test`.
pub(super) fn run_examples(
    mut cargo: Command,
    packages: &[&str],
    filters: &[String],
    tally: &mut Tally,
) -> Result<()> {
    cargo.args(["--doc", "--no-fail-fast"]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    cargo.arg("--").args(filters);
    rust::run_libtest("examples in documentation", cargo, BUILD_LIMIT, tally)
}
