//! Getting a Godot: the one that is named, the one on PATH, or Debian's, fetched.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::files::on_path;
use crate::workspace;

mod apt;
mod cache;
mod patch;
mod program;

pub(crate) use cache::{GNUTLS_PROGRAMS, gnutls, programs, release_template};
pub(crate) use program::{Godot, Version, private_folders};

/// Finds a Godot, or fetches one, with progress on standard error.
pub(crate) fn obtain() -> Result<Godot> {
    if let Some(program) = std::env::var_os("GODOT4_BIN").filter(|name| !name.is_empty()) {
        return named(Path::new(&program));
    }
    let mut too_old = Vec::new();
    for name in ["godot4", "godot"] {
        let Some(program) = on_path(name) else {
            continue;
        };
        match Version::of(&program) {
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
        version: Version::of(&programs.godot)?,
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
    let version = Version::of(&program).context("GODOT4_BIN cannot be used")?;
    if !version.is_new_enough() {
        bail!(
            "GODOT4_BIN cannot be used: {} is {version}, and 4.4 or newer is needed",
            program.display()
        );
    }
    Ok(Godot { program, version })
}
