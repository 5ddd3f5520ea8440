//! Debian's Godot for 64-bit ARM, and QEMU, which runs it: unpacked once for all working trees of this user.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::apt::{self, Architecture};
use super::program::{Godot, Version};
use crate::{cache, process, workspace};

/// Raise this when other packages are needed or a tree is prepared differently: new trees are then made.
const LAYOUT: u32 = 1;

/// Where Debian keeps the libraries for 64-bit ARM.
const LIBRARIES: &str = "usr/lib/aarch64-linux-gnu";

/// QEMU's start and Godot's, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(120);

/// QEMU, which runs one program for 64-bit ARM; it needs no library. Fetched if that has not been done.
pub(crate) fn qemu() -> Result<PathBuf> {
    let root = provide("qemu-user", |root, downloads| {
        let packages = apt::download_alone(downloads, &["qemu-user"], Architecture::Own)?;
        apt::unpack(&packages, root)
    })?;
    let program = root.join("usr/bin/qemu-aarch64");
    ensure!(program.is_file(), "{} is not there", program.display());
    Ok(program)
}

/// The tree with Godot and all libraries that it needs. Fetched if that has not been done.
pub(crate) fn tree() -> Result<PathBuf> {
    let qemu = qemu()?;
    provide("godot-arm64", |root, downloads| {
        let packages = apt::download(downloads, &["godot"], Architecture::Arm64)?;
        apt::unpack(&packages, root)?;
        prepare(root)?;
        let mut command = Command::new(&qemu);
        command.arg("-L").arg(root);
        command.arg(program(root)).arg("--version");
        version(command).map(drop)
    })
}

/// The Godot of a [`tree`], where its programs can be run as if they were this machine's.
pub(crate) fn godot(tree: &Path) -> Result<Godot> {
    let program = program(tree);
    let mut command = Command::new(&program);
    command.arg("--version");
    let version = version(command)?;
    Ok(Godot { program, version })
}

fn program(tree: &Path) -> PathBuf {
    tree.join("usr/bin/godot")
}

fn version(command: Command) -> Result<Version> {
    let finished = process::run(command, START_LIMIT)?;
    ensure!(
        finished.succeeded(),
        "Godot for 64-bit ARM does not start: {}\n{}",
        finished.end(),
        finished.tail()
    );
    Version::parse(&finished.lines).context("Godot for 64-bit ARM does not print its version")
}

/// A folder of the cache, which `make` fills by way of a folder for downloads.
fn provide(what: &str, make: impl FnOnce(&Path, &Path) -> Result<()>) -> Result<PathBuf> {
    let name = format!("{what}-{}-{LAYOUT}", apt::RELEASE);
    cache::provide(&name, |root| {
        apt::check_system()?;
        workspace::step(&format!(
            "Getting {what} from Debian {} into {}",
            apt::RELEASE,
            root.display()
        ));
        let downloads = root.with_file_name("apt");
        make(root, &downloads)?;
        Ok(fs::remove_dir_all(downloads)?)
    })
}

/// Makes links that Debian's installation would make, or that its programs would find by a path of their own.
fn prepare(root: &Path) -> Result<()> {
    link("usr/lib", &root.join("lib"))?;
    // The libraries look for libpulsecommon under /usr/lib/ARCHITECTURE/pulseaudio, by an absolute path.
    let folder = root.join(LIBRARIES);
    for file in fs::read_dir(folder.join("pulseaudio"))? {
        let name = file?.file_name();
        link(Path::new("pulseaudio").join(&name), &folder.join(&name))?;
    }
    Ok(())
}

#[cfg(unix)]
fn link(target: impl AsRef<Path>, place: &Path) -> Result<()> {
    std::os::unix::fs::symlink(target, place)
        .with_context(|| format!("{} cannot be made", place.display()))
}

#[cfg(not(unix))]
fn link(_: impl AsRef<Path>, _: &Path) -> Result<()> {
    anyhow::bail!("programs for Linux cannot be unpacked here")
}
