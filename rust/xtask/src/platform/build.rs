//! Builds the addon's library for a platform, and puts this machine's where the .gdextension file looks for it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::toolchain::{self, Toolchain};
use super::{Platform, build_paths, inspect, universal};
use crate::files::{self, Access};
use crate::library::{self, Profile};
use crate::workspace;

/// Builds the addon for this machine and copies the library into `addons/openssl_dtls/bin`; the result is its path.
///
/// Programs that have the old library loaded keep it.
pub(crate) fn for_this_machine(profile: Profile) -> Result<PathBuf> {
    let platform = Platform::host()?;
    let placed = workspace::addon().join("bin").join(platform.file_name());
    match profile {
        Profile::Debug => {
            workspace::step("Building the addon");
            files::copy(&plain(&[])?, &placed)?;
        }
        Profile::Release => files::write(&placed, &release(platform)?.bytes, Access::Usual)?,
    }
    Ok(placed)
}

/// Builds the addon for this machine with its own C compiler and linker, which may have it need a newer system than
/// [`release`] does; the result is where cargo put the library.
pub(crate) fn plain(arguments: &[&str]) -> Result<PathBuf> {
    let mut command = library::cargo();
    command.arg("build").args(arguments);
    library::compile_with(command)
}

/// A library that users get.
#[derive(Debug)]
pub(crate) struct Library {
    /// What it is for.
    pub(crate) platform: Platform,
    /// The file.
    pub(crate) bytes: Vec<u8>,
    /// What it contains beside OpenSSL, Rust and crates: each work's name and its licence's file.
    pub(crate) licences: Vec<(&'static str, PathBuf)>,
}

impl Library {
    /// A library that was built by these tools, here or elsewhere.
    ///
    /// # Errors
    /// When the texts of its licences cannot be had.
    pub(crate) fn new(platform: Platform, bytes: Vec<u8>) -> Result<Self> {
        let mut licences = Vec::new();
        for target in platform.targets() {
            licences.extend(toolchain::licences(target)?);
        }
        Ok(Self {
            platform,
            bytes,
            licences,
        })
    }
}

/// Builds the library that users get for a platform, and checks it.
///
/// # Errors
/// Also when the library needs more of a system than it may.
pub(crate) fn release(platform: Platform) -> Result<Library> {
    workspace::step(&format!("Building the addon for {platform} (release)"));
    let mut built = Vec::new();
    let mut folders = Vec::new();
    for target in platform.targets() {
        let toolchain = Toolchain::provide(target)?;
        let mut command = toolchain.cargo("build")?;
        command.arg("--release");
        build_paths::keep_out(&mut command, target, toolchain.rust_flags());
        built.push(read(&library::compile_with(command)?)?);
        folders.extend(toolchain.folders());
    }
    let bytes = if platform == Platform::Macos {
        universal::join(&built)?
    } else {
        built.swap_remove(0)
    };
    let mut problems = inspect::problems(platform, &bytes)?;
    problems.extend(
        build_paths::found_in(&bytes, &folders)
            .into_iter()
            .map(|path| format!("it names a path of this machine: {path}")),
    );
    ensure!(
        problems.is_empty(),
        "the library for {platform} cannot be given to users:\n{}",
        problems.join("\n")
    );
    Library::new(platform, bytes)
}

fn read(library: &Path) -> Result<Vec<u8>> {
    fs::read(library).with_context(|| format!("{} cannot be read", library.display()))
}
