//! What `fixtures/every_kind` prints when it runs: the class of each object, for each kind of script.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::check;
use crate::process::{self, Finished};

const LIMIT: Duration = Duration::from_secs(60);

/// How many lines `kind WHAT: CLASS` the fixture prints.
const KINDS: usize = 34;

/// What it prints with either classes.
const ALWAYS: &[&str] = &[
    "text: DTLSServer $PacketPeerDTLS UDPServer DTLSServer",
    "key: PacketPeerDTLS",
    "status: true",
    "kept values: 7",
];

/// Whose classes the scripts run on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Classes {
    /// The addon's.
    OpenSsl,
    /// The engine's.
    Engine,
}

impl Classes {
    /// The prefix of their names.
    fn prefix(self) -> &'static str {
        match self {
            Self::OpenSsl => "OpenSSL",
            Self::Engine => "",
        }
    }

    fn are(self, name: &str) -> bool {
        name.starts_with("OpenSSL") == (self == Self::OpenSsl)
    }
}

/// Runs a program to its end. Fails if it fails, or if it prints an error that is neither announced nor `allowed`.
pub(super) fn run(command: Command, allowed: &[&str]) -> Result<Finished> {
    let finished = process::run(command, LIMIT)?;
    let problems = check::problems(&finished.lines, allowed);
    ensure!(
        problems.is_empty(),
        "it printed an error:\n{}",
        problems.join("\n")
    );
    ensure!(
        finished.succeeded(),
        "it ended with {}:\n{}",
        finished.end(),
        finished.tail()
    );
    Ok(finished)
}

/// Checks everything that the fixture prints.
pub(super) fn check(lines: &[String], expected: Classes) -> Result<()> {
    check_each(lines, expected, KINDS)?;
    for line in ALWAYS {
        has(lines, line)?;
    }
    let prefix = expected.prefix();
    has(
        lines,
        &format!("talked: {prefix}PacketPeerDTLS to {prefix}PacketPeerDTLS: there and back"),
    )
}

/// Checks the number of the lines `kind WHAT: CLASS`, and that all classes are the expected ones.
pub(super) fn check_each(lines: &[String], expected: Classes, count: usize) -> Result<()> {
    let kinds: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("kind "))
        .collect();
    for kind in &kinds {
        let (_, class) = kind
            .rsplit_once(": ")
            .context("a line of an unknown form")?;
        ensure!(
            expected.are(class),
            "expected classes of {expected:?}, but: {kind}"
        );
    }
    ensure!(
        kinds.len() == count,
        "{} kinds instead of {count}:\n{}",
        kinds.len(),
        lines.join("\n")
    );
    Ok(())
}

/// Checks that a line was printed.
pub(super) fn has(lines: &[String], line: &str) -> Result<()> {
    ensure!(
        lines.iter().any(|said| said == line),
        "not printed: {line}, but:\n{}",
        lines.join("\n")
    );
    Ok(())
}

/// Checks that the addon itself, and not a script, printed no line.
pub(super) fn is_silent(lines: &[String]) -> Result<()> {
    let own = own_lines(lines);
    ensure!(own.is_empty(), "the addon printed: {own:?}");
    Ok(())
}

/// Checks that the addon printed one line, which contains a text.
pub(super) fn prints_once(lines: &[String], text: &str) -> Result<()> {
    let own = own_lines(lines);
    ensure!(
        own.len() == 1 && own[0].contains(text),
        "not one line with \"{text}\": {own:?}"
    );
    Ok(())
}

/// The lines that the addon itself printed, and not a script.
pub(super) fn own_lines(lines: &[String]) -> Vec<&str> {
    lines
        .iter()
        .filter(|line| line.contains("OpenSSL DTLS:"))
        .map(String::as_str)
        .collect()
}
