//! Getting a Godot: the one that is named, the one on PATH, or Debian's, fetched.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

use crate::files::on_path;
use crate::workspace;

pub(crate) mod apt;
pub(crate) mod arm64;
mod cache;
pub(crate) mod patch;
mod program;

pub(crate) use cache::{GNUTLS_PROGRAMS, gnutls, programs, release_template};
pub(crate) use program::{Godot, Version, private_folders};

/// The Godot of the command line.
static CHOSEN: OnceLock<Godot> = OnceLock::new();

/// Has [`obtain()`] return this program.
///
/// # Errors
/// When it is not a Godot 4.4 or newer.
pub(crate) fn choose(program: &Path) -> Result<()> {
    let godot = named(program).context("--godot cannot be used")?;
    CHOSEN.get_or_init(|| godot);
    Ok(())
}

/// Finds a Godot, or fetches one, with progress on standard error.
pub(crate) fn obtain() -> Result<Godot> {
    if let Some(godot) = CHOSEN.get() {
        return Ok(godot.clone());
    }
    if let Some(program) = std::env::var_os("GODOT4_BIN").filter(|name| !name.is_empty()) {
        return named(Path::new(&program)).context("GODOT4_BIN cannot be used");
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
    let version = Version::of(&program)?;
    if !version.is_new_enough() {
        bail!(
            "{} is {version}, and 4.4 or newer is needed",
            program.display()
        );
    }
    Ok(Godot { program, version })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::cargo;

    fn refusal(program: &Path) -> String {
        match named(program) {
            Ok(godot) => panic!("taken: {}", godot.version),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn a_program_that_is_not_godot_is_refused() {
        let other = cargo();
        let error = refusal(Path::new(other.get_program()));
        assert!(
            error.contains("does not print a version of Godot"),
            "{error}"
        );
        let missing = workspace::root().join("no such program");
        let error = refusal(&missing);
        assert!(error.contains("no such program"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn an_older_godot_is_refused() {
        use std::fs;
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("godot");
        let printing = |version: &str| {
            fs::write(&program, format!("#!/bin/sh\necho {version}\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        };
        printing("4.3.stable.official.77dcf97d8");
        let error = refusal(&program);
        assert!(
            error.ends_with("is 4.3.stable.official.77dcf97d8, and 4.4 or newer is needed"),
            "{error}"
        );
        printing("4.4.stable.official.4c311cbee");
        assert!(named(&program).is_ok());
    }
}
