//! Building the addon's library and putting it where the .gdextension file looks for it.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::platform::Platform;
use crate::{files, workspace};

mod build_paths;

/// The addon's package, and the stem of its library's name.
pub(crate) const PACKAGE: &str = "openssl_dtls";

/// How the library is compiled. Editors and exported games load the same file, whichever was built last.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Profile {
    /// Quick to build, slow to run.
    Debug,
    /// What users get.
    Release,
}

/// Builds the addon for this machine and copies the library into `addons/openssl_dtls/bin`; the result is its path.
///
/// Programs that have the old library loaded keep it.
pub(crate) fn build(profile: Profile) -> Result<PathBuf> {
    workspace::step(match profile {
        Profile::Debug => "Building the addon",
        Profile::Release => "Building the addon (release)",
    });
    let built = compile(profile)?;
    let placed = workspace::addon()
        .join("bin")
        .join(Platform::host()?.file_name());
    files::copy(&built, &placed)?;
    Ok(placed)
}

/// The cargo that runs this program, else the one on PATH.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(workspace::root());
    command
}

/// The rustc that cargo uses.
pub(crate) fn rustc() -> Command {
    let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(program);
    command.current_dir(workspace::root());
    command
}

/// This machine's target triple: `x86_64-unknown-linux-gnu`.
pub(crate) fn host() -> Result<String> {
    let output = cargo().args(["--version", "--verbose"]).output();
    let output = output.context("cargo could not be started")?;
    String::from_utf8(output.stdout)?
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("cargo does not print this machine's target triple")
}

/// Builds the addon for this machine; the result is where cargo put the library.
pub(crate) fn compile(profile: Profile) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--package", PACKAGE]);
    if profile == Profile::Release {
        command.arg("--release");
        build_paths::keep_out(&mut command);
    }
    let mut library = None;
    follow_build(command, |message| {
        library = built_library(message).or(library.take());
    })
    .context("the addon")?;
    let library = library.context("cargo built the addon, but named no library")?;
    if profile == Profile::Release {
        build_paths::check(&library)?;
    }
    Ok(library)
}

/// Builds a program of a package of ours, in the profile of the tests; the result is where cargo put it.
pub(crate) fn build_program(package: &str, name: &str) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--package", package, "--bin", name]);
    let mut program = None;
    follow_build(command, |message| {
        let is_it = message["reason"] == "compiler-artifact" && message["target"]["name"] == name;
        if let (true, Some(path)) = (is_it, message["executable"].as_str()) {
            program = Some(PathBuf::from(path));
        }
    })
    .with_context(|| name.to_owned())?;
    program.with_context(|| format!("cargo built {name}, but named no program"))
}

/// Runs a build, shows cargo's diagnostics, and calls `each` with its JSON messages.
pub(crate) fn follow_build(
    mut command: Command,
    mut each: impl FnMut(&serde_json::Value),
) -> Result<()> {
    command.arg("--message-format=json-render-diagnostics");
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo could not be started")?;
    let messages = child.stdout.take().context("cargo has no output")?;
    for line in std::io::BufReader::new(messages).lines() {
        if let Ok(message) = serde_json::from_str(&line?) {
            each(&message);
        }
    }
    if !child.wait()?.success() {
        bail!("did not build; cargo's errors are above");
    }
    Ok(())
}

/// The path of the addon's library, if this message names it.
fn built_library(message: &serde_json::Value) -> Option<PathBuf> {
    if message["reason"] != "compiler-artifact" || message["target"]["name"] != PACKAGE {
        return None;
    }
    let mut files = message["filenames"]
        .as_array()?
        .iter()
        .filter_map(|name| name.as_str());
    let ending = std::env::consts::DLL_EXTENSION;
    files
        .find(|file| Path::new(file).extension().is_some_and(|own| own == ending))
        .map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_found_among_cargos_messages() {
        let library = format!(
            "/t/debug/libopenssl_dtls.{}",
            std::env::consts::DLL_EXTENSION
        );
        let message = serde_json::json!({
            "reason": "compiler-artifact",
            "target": { "name": PACKAGE, "kind": ["cdylib"] },
            "filenames": ["/t/debug/other.rlib", library],
        });
        assert_eq!(built_library(&message), Some(PathBuf::from(library)));
        let end = serde_json::json!({ "reason": "build-finished", "success": true });
        assert_eq!(built_library(&end), None);
    }
}
