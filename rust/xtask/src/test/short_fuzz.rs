//! A short fuzz of every part that reads untrusted bytes; docs/testing.md describes the long one.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::tally::Tally;
use crate::{library, process, workspace};

/// The folders of `fuzz/seeds`.
pub(super) const TARGETS: &[&str] = &[
    "hello", "server", "client", "network", "endpoint", "enet", "renamer", "pem",
];
/// For each target; about a minute in all.
const SECONDS_EACH: u64 = 9;
/// For an input that begins just before the end. One that takes longer is a failure.
const GRACE: Duration = Duration::from_secs(20);
/// An input of at most this many bytes is printed, so that the log has it.
const PRINTED: usize = 16 * 1024;

/// Fuzzes the targets one after another.
pub(super) fn run(targets: &[&str], tally: &mut Tally) -> Result<()> {
    if targets.is_empty() {
        return Ok(());
    }
    workspace::step("Short fuzz");
    let program = library::build_program("fuzzing", "short_fuzz")?;
    let inputs = workspace::root().join("target").join("short_fuzz");
    fs::create_dir_all(&inputs)?;
    for target in targets {
        let mut command = Command::new(&program);
        command.arg(target).arg(SECONDS_EACH.to_string());
        command.arg(workspace::root().join("fuzz/seeds").join(target));
        let input = inputs.join(target);
        command.arg(&input);
        let limit = Duration::from_secs(SECONDS_EACH) + GRACE;
        tally.record(&format!("fuzz_{target}"), fuzz(command, limit, &input));
    }
    Ok(())
}

fn fuzz(command: Command, limit: Duration, input: &Path) -> Result<()> {
    let finished = process::start(command, None)?.follow(limit, |line| println!("{line}"))?;
    if !finished.succeeded() {
        let end = finished.end();
        let bytes = fs::read(input).with_context(|| format!("{end}, and no input is left"))?;
        bail!(
            "{end}; the input is in {}{}\n{}",
            input.display(),
            printed(&bytes),
            finished.tail()
        );
    }
    ensure!(
        finished.lines.iter().any(|line| line.ends_with(" runs")),
        "ended without a line about its runs"
    );
    Ok(())
}

fn printed(bytes: &[u8]) -> String {
    if bytes.len() > PRINTED {
        return format!(" ({} bytes)", bytes.len());
    }
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(", in hexadecimal {digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_are_those_that_have_seeds() {
        let mut folders: Vec<String> = fs::read_dir(workspace::root().join("fuzz/seeds"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        folders.sort();
        let mut targets = TARGETS.to_vec();
        targets.sort_unstable();
        assert_eq!(folders, targets);
    }

    #[test]
    #[cfg(unix)]
    fn a_crash_a_hang_and_silence_are_failures_with_their_input() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("input");
        fs::write(&input, [0xab, 0x01]).unwrap();
        let result = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            fuzz(command, Duration::from_secs(2), &input)
        };
        assert!(result("echo renamer: 7 runs").is_ok());
        for (script, reason) in [
            ("echo panicked; exit 101", "exit status: 101"),
            ("kill -SEGV $$", "signal: 11"),
            ("sleep 60", "out of time"),
        ] {
            let error = result(script).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert!(error.contains("ab01"), "{error}");
        }
        assert!(result("true").is_err());
    }
}
