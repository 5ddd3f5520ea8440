//! The package, unzipped into a project without the addon, as a user does it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use zip::ZipArchive;

use super::Context;
use super::kinds::{self, Classes};
use crate::platform::Platform;
use crate::platform::build::{self, Library};
use crate::{files, godot, package, process, workspace};

/// Scripts that name the engine's classes run on OpenSSL, also with another OpenSSL in the process. The library exports
/// only its entry point.
pub(crate) fn in_an_empty_project(context: &Context) -> Result<()> {
    let home = tempfile::tempdir()?;
    let host = Platform::host()?;
    workspace::step("Building the addon (release)");
    let library = Library {
        platform: host,
        bytes: fs::read(build::plain(&["--release"])?)?,
        licences: Vec::new(),
    };
    let archive = package::make(home.path(), &[library])?;
    let project = home.path().join("project");
    let source = workspace::godot_project();
    files::copy_folder(&source.join("fixtures/every_kind"), &project, &|name| {
        name == ".godot"
    })?;
    for file in ["key.key", "cert.crt"] {
        fs::copy(source.join(file), project.join(file))?;
    }
    let mut archive = ZipArchive::new(fs::File::open(archive)?)?;
    let library = format!("bin/{}", host.file_name());
    let expected = [
        "LICENSE",
        "README.md",
        "THIRD_PARTY.txt",
        &library,
        "convert.gd",
        "icon/.gdignore",
        "icon/icon.svg",
        "openssl_dtls.gdextension",
    ];
    let expected: BTreeSet<String> = expected
        .iter()
        .map(|name| format!("addons/openssl_dtls/{name}"))
        .collect();
    let packed: BTreeSet<String> = archive
        .file_names()
        .map(|name| Ok(name?.into_owned()))
        .collect::<Result<_>>()?;
    ensure!(packed == expected, "packed: {packed:?}");
    archive.extract(&project)?;
    let extension = project.join("addons/openssl_dtls/openssl_dtls.gdextension");
    let extension = fs::read_to_string(extension)?;
    ensure!(
        extension.contains("\nreloadable = false\n") && extension.matches("bin/").count() == 1,
        "the .gdextension file is for other platforms, or reloadable:\n{extension}"
    );

    context.godot.import(&project)?;
    let finished = kinds::run(context.godot.command(&project), &[])?;
    kinds::check(&finished.lines, Classes::OpenSsl)?;

    let library = project.join("addons/openssl_dtls").join(library);
    check_symbols(&library)?;
    if let Some(other) = other_openssl()? {
        let mut command = context.godot.command(&project);
        command.env("LD_PRELOAD", &other);
        let beside = kinds::run(command, &[])?;
        kinds::check(&beside.lines, Classes::OpenSsl)
            .with_context(|| format!("beside {}", other.display()))?;
        ensure!(kinds::own_lines(&beside.lines) == kinds::own_lines(&finished.lines));
    }
    Ok(())
}

/// The library exports only its entry point, and is stripped.
#[cfg(target_os = "linux")]
fn check_symbols(library: &Path) -> Result<()> {
    let symbols = |which: &[&str]| -> Result<Vec<String>> {
        let mut command = Command::new("nm");
        command.args(which).arg("--format=posix").arg(library);
        let finished = process::run(command, Duration::from_secs(60))?;
        ensure!(finished.succeeded(), "nm: {}", finished.tail());
        // `nm: FILE: no symbols` is no symbol.
        let names = finished
            .lines
            .iter()
            .filter(|line| !line.starts_with("nm: "));
        Ok(names
            .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
            .collect())
    };
    let exported = symbols(&["--dynamic", "--defined-only"])?;
    ensure!(
        exported == ["openssl_dtls_init"],
        "the library exports: {exported:?}"
    );
    let debug = symbols(&["--debug-syms"])?;
    ensure!(
        debug.is_empty(),
        "it is not stripped: {} names",
        debug.len()
    );
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn check_symbols(_: &Path) -> Result<()> {
    Ok(())
}

/// Debian's OpenSSL, if Debian's Godot is used; others may need another C library.
fn other_openssl() -> Result<Option<PathBuf>> {
    if !cfg!(target_os = "linux") {
        return Ok(None);
    }
    let programs = godot::programs()?;
    if godot::obtain()?.program != programs.godot {
        return Ok(None);
    }
    let usr = programs
        .openssl
        .ancestors()
        .nth(2)
        .context("a folder usr")?;
    for folder in fs::read_dir(usr.join("lib"))? {
        let library = folder?.path().join("libssl.so.3");
        if library.exists() {
            return Ok(Some(library));
        }
    }
    Ok(None)
}
