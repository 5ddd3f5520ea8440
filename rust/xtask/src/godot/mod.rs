//! Getting a Godot: the one that is named, the one on PATH, or Debian's, fetched.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{process, workspace};

mod apt;
mod cache;
mod patch;
mod version;

pub(crate) use cache::{GNUTLS_PROGRAMS, gnutls, programs, release_template};
pub(crate) use version::Version;

/// A Godot that can run the addon.
#[derive(Clone)]
pub(crate) struct Godot {
    /// The editor build's program; it also runs projects.
    pub(crate) program: PathBuf,
    /// Its version, 4.4 or newer.
    pub(crate) version: Version,
}

/// Finds a Godot, or fetches one. Tells what it does if that takes time.
pub(crate) fn obtain() -> Result<Godot> {
    if let Some(program) = std::env::var_os("GODOT4_BIN").filter(|name| !name.is_empty()) {
        return named(Path::new(&program));
    }
    let mut too_old = Vec::new();
    for name in ["godot4", "godot"] {
        let Some(program) = on_path(name) else {
            continue;
        };
        match ask(&program) {
            Ok(version) if version.is_new_enough() => return Ok(Godot { program, version }),
            Ok(version) => too_old.push(format!("{} is {version}", program.display())),
            Err(error) => too_old.push(format!("{error:#}")),
        }
    }
    for found in &too_old {
        workspace::step(&format!("Not used, Godot 4.4 or newer is needed: {found}"));
    }
    let programs = programs().context(
        "no Godot 4.4 or newer is on PATH and none could be fetched; install one (godotengine.org) and put it on PATH or name it in GODOT4_BIN",
    )?;
    Ok(Godot {
        version: ask(&programs.godot)?,
        program: programs.godot,
    })
}

fn named(program: &Path) -> Result<Godot> {
    let program = if program.components().count() == 1 {
        program
            .to_str()
            .and_then(on_path)
            .unwrap_or_else(|| program.to_path_buf())
    } else {
        std::path::absolute(program)?
    };
    let version = ask(&program).context("GODOT4_BIN cannot be used")?;
    if !version.is_new_enough() {
        bail!(
            "GODOT4_BIN cannot be used: {} is {version}, and 4.4 or newer is needed",
            program.display()
        );
    }
    Ok(Godot { program, version })
}

/// The version of the Godot at `program`.
pub(crate) fn ask(program: &Path) -> Result<Version> {
    let mut command = Command::new(program);
    command.arg("--version");
    let finished = process::run(command, Duration::from_secs(30))?;
    if !finished.succeeded() {
        bail!(
            "{} --version: {}\n{}",
            program.display(),
            finished.end(),
            finished.tail()
        );
    }
    Version::parse(&finished.lines)
        .with_context(|| format!("{} does not tell a version of Godot", program.display()))
}

/// The program of that name in the folders of PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(&file))
        .find(|program| is_program(program))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}
