//! `cargo xtask deny`: checks the dependencies against deny.toml and the database of advisories.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::files::on_path;
use crate::{library, process, workspace};

/// The release of cargo-deny that is built if none is installed.
const VERSION: &str = "0.20.2";
/// Two minutes on two cores.
const INSTALL_LIMIT: Duration = Duration::from_secs(30 * 60);
const CHECK_LIMIT: Duration = Duration::from_secs(5 * 60);

/// The checks that need no network.
const ALWAYS: &[&str] = &["bans", "licenses", "sources"];

/// Checks the dependencies. The advisories are checked if their database can be fetched; if not, a line says so.
pub(crate) fn run() -> Result<ExitCode> {
    let program = obtain()?;
    let mut checks = ALWAYS.to_vec();
    let fetched = process::run(command(&program, &["fetch", "db"]), CHECK_LIMIT)?;
    if fetched.succeeded() {
        checks.push("advisories");
    } else {
        println!(
            "NOT CHECKED: advisories; their database cannot be fetched ({})",
            reason(&fetched.lines)
        );
    }
    let mut check = command(&program, &["check"]);
    check.args(checks);
    let finished = process::start(check, None)?.follow(CHECK_LIMIT, |line| println!("{line}"))?;
    Ok(if finished.succeeded() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The last line that is not empty.
fn reason(lines: &[String]) -> &str {
    let mut words = lines.iter().rev().map(|line| line.trim());
    words
        .find(|line| !line.is_empty())
        .unwrap_or("no reason given")
}

fn command(program: &PathBuf, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace::root()).args(arguments);
    command
}

/// cargo-deny: the one on PATH, else one built into `target/tools`.
fn obtain() -> Result<PathBuf> {
    if let Some(program) = on_path("cargo-deny") {
        return Ok(program);
    }
    let tools = workspace::root().join("target/tools");
    let program = tools
        .join("bin")
        .join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if program.is_file() {
        return Ok(program);
    }
    workspace::step(&format!("Building cargo-deny {VERSION}"));
    let mut install = library::cargo();
    install.args(["install", "cargo-deny", "--locked", "--version", VERSION]);
    install.arg("--root").arg(&tools);
    let finished = process::run(install, INSTALL_LIMIT)?;
    ensure!(
        finished.succeeded(),
        "cargo-deny cannot be built ({}); put one on PATH:\n{}",
        finished.end(),
        finished.tail()
    );
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn the_reason_is_the_last_line_that_is_not_empty() {
        let lines = ["cloning", "fatal: no such host", " ", ""].map(str::to_owned);
        assert_eq!(reason(&lines), "fatal: no such host");
        assert_eq!(reason(&[]), "no reason given");
    }
}
