//! Calls of cargo that build the addon's library and programs of this workspace.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace;

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

/// Builds the addon with a prepared `cargo build`; the result is where cargo put the library.
pub(crate) fn compile_with(mut command: Command) -> Result<PathBuf> {
    command.args(["--package", PACKAGE]);
    let mut library = None;
    follow_build(command, |message| {
        library = built_library(message).or(library.take());
    })
    .context("the addon")?;
    library.context("cargo built the addon, but named no library")
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
    let files = message["filenames"].as_array()?;
    let mut files = files.iter().filter_map(|name| name.as_str().map(Path::new));
    let is_library = |file: &&Path| {
        let ending = file.extension().unwrap_or_default();
        ["so", "dll", "dylib"].iter().any(|own| ending == *own)
    };
    files.find(is_library).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_found_among_cargos_messages() {
        for library in [
            "libopenssl_dtls.so",
            "openssl_dtls.dll",
            "libopenssl_dtls.dylib",
        ] {
            let message = serde_json::json!({
                "reason": "compiler-artifact",
                "target": { "name": PACKAGE, "kind": ["cdylib"] },
                "filenames": ["/t/libopenssl_dtls.dll.a", "/t/openssl_dtls.pdb", format!("/t/{library}")],
            });
            assert_eq!(built_library(&message), Some(Path::new("/t").join(library)));
        }
        let end = serde_json::json!({ "reason": "build-finished", "success": true });
        assert_eq!(built_library(&end), None);
    }
}
