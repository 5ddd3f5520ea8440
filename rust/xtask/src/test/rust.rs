//! The Rust tests of all packages: cargo builds them, we run them, so that one that hangs is ended and named.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Tally;
use crate::{library, process};

/// For building everything from nothing.
const BUILD_LIMIT: Duration = Duration::from_secs(60 * 60);
/// For the tests of one file or crate.
const RUN_LIMIT: Duration = Duration::from_secs(5 * 60);

/// Builds and runs them, shows what they print, and adds them up.
pub(crate) fn run(filters: &[String], tally: &mut Tally) -> Result<()> {
    for program in build()? {
        println!("\n{}", program.name);
        let mut command = Command::new(&program.path);
        // As cargo runs them.
        command.current_dir(&program.package);
        command.env("CARGO_MANIFEST_DIR", &program.package);
        command.args(filters);
        run_and_count(&program.name, command, RUN_LIMIT, tally)?;
    }
    let mut command = library::cargo();
    command.args(["test", "--workspace", "--doc", "--no-fail-fast", "--"]);
    command.args(filters);
    run_and_count("examples in documentation", command, BUILD_LIMIT, tally)
}

fn run_and_count(name: &str, command: Command, limit: Duration, tally: &mut Tally) -> Result<()> {
    let finished = process::start(command, None)?.follow(limit, |line| println!("{line}"))?;
    let counts = Counts::read(&finished.lines);
    tally.passed += counts.passed;
    for test in &counts.failed {
        tally.fail(format!("{name}: {test}"));
    }
    if !finished.succeeded() && counts.failed.is_empty() {
        let last = finished.lines.last().map_or("", String::as_str);
        tally.fail(format!("{name}: {}; its last line: {last}", finished.end()));
    }
    Ok(())
}

/// A program made of tests.
#[derive(Debug, Eq, PartialEq)]
struct Program {
    /// The package and, inside it, the file or crate.
    name: String,
    path: PathBuf,
    /// The package's folder.
    package: PathBuf,
}

fn build() -> Result<Vec<Program>> {
    let mut command = library::cargo();
    command.args(["test", "--workspace", "--no-run"]);
    let mut programs = Vec::new();
    library::follow_build(command, |message| programs.extend(program(message)))
        .context("the Rust tests")?;
    if programs.is_empty() {
        bail!("cargo named no Rust tests");
    }
    programs.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(programs)
}

/// The test program that this message of cargo's tells of, if it does.
fn program(message: &serde_json::Value) -> Option<Program> {
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let path = PathBuf::from(message["executable"].as_str()?);
    let package = Path::new(message["manifest_path"].as_str()?)
        .parent()?
        .to_path_buf();
    let folder = package.file_name()?.to_string_lossy().into_owned();
    let target = message["target"]["name"].as_str()?;
    let kind = message["target"]["kind"][0].as_str()?;
    let name = if kind == "test" {
        format!("{folder}/{target}")
    } else {
        folder
    };
    Some(Program {
        name,
        path,
        package,
    })
}

#[derive(Debug, Default, Eq, PartialEq)]
struct Counts {
    passed: usize,
    failed: Vec<String>,
}

impl Counts {
    fn read(lines: &[String]) -> Self {
        let mut counts = Self::default();
        let mut failed = 0;
        for line in lines {
            if let Some(result) = line.strip_prefix("test result: ") {
                counts.passed += number_before(result, " passed");
                failed += number_before(result, " failed");
            } else if let Some(name) = failed_test(line) {
                counts.failed.push(name.to_owned());
            }
        }
        for _ in counts.failed.len()..failed {
            counts
                .failed
                .push("a test whose name was not told".to_owned());
        }
        counts
    }
}

fn number_before(text: &str, word: &str) -> usize {
    let before = text.split(word).next().unwrap_or_default();
    before
        .rsplit(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

/// Reads `test NAME ... FAILED`.
fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn results_are_added_up() {
        let counts = Counts::read(&lines(
            "test a::works ... ok
test a::breaks ... FAILED
test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ));
        assert_eq!(counts.passed, 15);
        assert_eq!(
            counts.failed,
            ["a::breaks", "a test whose name was not told"]
        );
    }

    #[test]
    #[cfg(unix)]
    fn a_program_that_crashes_or_hangs_fails() {
        for (script, reason) in [
            ("echo running 1 test; kill -ABRT $$", "signal: 6"),
            ("sleep 60", "out of time"),
        ] {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            let mut tally = Tally::default();
            run_and_count("p", command, Duration::from_secs(2), &mut tally).unwrap();
            assert_eq!(tally.failures.len(), 1);
            assert!(tally.failures[0].contains(reason), "{}", tally.failures[0]);
        }
    }

    #[test]
    fn test_programs_are_found_among_cargos_messages() {
        let message = |executable: serde_json::Value, test: bool, kind: &str| {
            serde_json::json!({
                "reason": "compiler-artifact",
                "manifest_path": "/w/rust/udp/Cargo.toml",
                "target": { "name": "rounds", "kind": [kind] },
                "profile": { "test": test },
                "executable": executable,
            })
        };
        let found = program(&message("/t/rounds-1".into(), true, "test")).unwrap();
        assert_eq!(found.name, "udp/rounds");
        assert_eq!(found.package, Path::new("/w/rust/udp"));
        assert_eq!(
            program(&message("/t/udp-1".into(), true, "lib"))
                .unwrap()
                .name,
            "udp"
        );
        assert_eq!(program(&message("/t/udp".into(), false, "bin")), None);
        assert_eq!(
            program(&message(serde_json::Value::Null, true, "lib")),
            None
        );
    }
}
