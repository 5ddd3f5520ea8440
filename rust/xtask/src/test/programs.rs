//! Test programs of another platform: cargo builds them, and each test runs in a process of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::tally::Tally;
use crate::{library, process, workspace};

/// For the list of a program's tests.
const LIST_LIMIT: Duration = Duration::from_secs(60);
/// As .config/nextest.toml has it for this machine's own programs.
const TEST_LIMIT: Duration = Duration::from_secs(180);

/// A program of tests.
pub(super) struct TestProgram {
    /// Its package and its own name, `udp::rounds`.
    name: String,
    /// The program's file.
    path: PathBuf,
    /// Where its package is; tests run there.
    folder: PathBuf,
}

/// One test of a program.
struct Test<'a> {
    program: &'a TestProgram,
    name: String,
}

impl Test<'_> {
    fn full_name(&self) -> String {
        format!("{} {}", self.program.name, self.name)
    }
}

/// Builds the test programs of the packages with a prepared `cargo test`.
pub(super) fn build(mut cargo: Command, packages: &[&str]) -> Result<Vec<TestProgram>> {
    cargo.args(["--lib", "--tests", "--no-run"]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    let mut programs = Vec::new();
    library::follow_build(cargo, |message| programs.extend(test_program(message)))
        .context("the tests")?;
    ensure!(!programs.is_empty(), "cargo built no test program");
    Ok(programs)
}

/// The test program that a message of cargo's names.
fn test_program(message: &serde_json::Value) -> Option<TestProgram> {
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?;
    let package = folder.file_name()?.to_str()?;
    let target = message["target"]["name"].as_str()?;
    Some(TestProgram {
        name: if target == package {
            package.to_owned()
        } else {
            format!("{package}::{target}")
        },
        path: message["executable"].as_str()?.into(),
        folder: folder.to_path_buf(),
    })
}

/// Runs those tests of the programs that are selected by their full name, `udp::rounds NAME`.
///
/// `emulated` makes the call of a program on this machine; arguments are added to it.
pub(super) fn run(
    programs: &[TestProgram],
    emulated: &(dyn Fn(&Path) -> Command + Sync),
    is_selected: &dyn Fn(&str) -> bool,
    tally: &mut Tally,
) -> Result<()> {
    let call = |program: &TestProgram| {
        let mut command = emulated(&program.path);
        command.current_dir(&program.folder);
        command.env("CARGO_MANIFEST_DIR", &program.folder);
        command
    };
    let mut tests = Vec::new();
    for program in programs {
        workspace::step(&format!("Listing the tests of {}", program.name));
        let (to_run, ignored) = list(program, &call)?;
        tests.extend(to_run);
        for test in ignored.iter().filter(|test| is_selected(&test.full_name())) {
            tally.leave_out(&test.full_name(), "marked with `ignore` in its source");
        }
    }
    tests.retain(|test| is_selected(&test.full_name()));
    workspace::step(&format!("Running {} Rust tests", tests.len()));

    let results = Mutex::new(tally);
    let queue = Mutex::new(tests.into_iter());
    let next = || queue.lock().ok()?.next();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(test) = next() {
                    let result = run_one(&test, call(test.program));
                    if let Ok(mut tally) = results.lock() {
                        tally.record(&test.full_name(), result);
                    }
                }
            });
        }
    });
    Ok(())
}

/// The tests to run, and those that are marked with `ignore`.
fn list<'a>(
    program: &'a TestProgram,
    call: &dyn Fn(&TestProgram) -> Command,
) -> Result<(Vec<Test<'a>>, Vec<Test<'a>>)> {
    let names = |more: &[&str]| -> Result<Vec<String>> {
        let mut command = call(program);
        command.args(["--list", "--format", "terse"]).args(more);
        let finished = process::run(command, LIST_LIMIT)?;
        ensure!(
            finished.succeeded(),
            "{} does not list its tests: {}\n{}",
            program.name,
            finished.end(),
            finished.tail()
        );
        Ok(listed(&finished.lines))
    };
    let ignored = names(&["--ignored"])?;
    let tests = names(&[])?.into_iter();
    let tests = tests.map(|name| Test { program, name });
    Ok(tests.partition(|test| !ignored.contains(&test.name)))
}

/// Reads lines `NAME: test`.
fn listed(lines: &[String]) -> Vec<String> {
    let names = lines.iter().filter_map(|line| line.strip_suffix(": test"));
    names.map(str::to_owned).collect()
}

fn run_one(test: &Test<'_>, mut command: Command) -> Result<()> {
    command.args(["--exact", &test.name, "--nocapture"]);
    let finished = process::run(command, TEST_LIMIT)?;
    let is_run = finished.lines.iter().any(|line| line == "running 1 test");
    ensure!(
        finished.succeeded() && is_run,
        "{}\n{}",
        finished.end(),
        finished.tail()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> serde_json::Value {
        serde_json::json!({
            "reason": "compiler-artifact",
            "manifest_path": "/w/rust/udp/Cargo.toml",
            "target": { "name": "rounds", "kind": ["test"] },
            "profile": { "test": true },
            "executable": "/w/target/t/debug/deps/rounds-1",
        })
    }

    #[test]
    #[cfg(unix)]
    fn test_programs_are_found_among_cargos_messages() {
        let program = test_program(&message()).unwrap();
        assert_eq!(program.name, "udp::rounds");
        assert_eq!(program.path, Path::new("/w/target/t/debug/deps/rounds-1"));
        assert_eq!(program.folder, Path::new("/w/rust/udp"));
        let mut own = message();
        own["target"]["name"] = "udp".into();
        assert_eq!(test_program(&own).unwrap().name, "udp");
        let mut library = message();
        library["profile"]["test"] = false.into();
        assert!(test_program(&library).is_none());
    }

    #[test]
    #[cfg(unix)]
    fn tests_that_fail_hang_or_are_not_there_fail() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("tests");
        std::fs::write(
            &script,
            "case \"$*\" in
'--list --format terse') printf 'good: test\\nbad: test\\nlater: test\\nother: test\\ngone: test\\n';;
'--list --format terse --ignored') echo 'later: test';;
'--exact good --nocapture') echo 'running 1 test';;
'--exact bad --nocapture') echo 'running 1 test'; echo 'it is bad'; exit 101;;
'--exact gone --nocapture') echo 'running 0 tests';;
*) exit 99;;
esac",
        )
        .unwrap();
        let program = TestProgram {
            name: "p::tests".into(),
            path: script,
            folder: folder.path().to_path_buf(),
        };
        let shell = |path: &Path| {
            let mut command = Command::new("sh");
            command.arg(path);
            command
        };
        let mut tally = Tally::default();
        let is_selected = |name: &str| name != "p::tests other";
        run(&[program], &shell, &is_selected, &mut tally).unwrap();
        assert_eq!(tally.sum(), "1 passed, 2 failed");
        let failures = tally.failures().join("\n");
        assert!(
            failures.contains("p::tests bad: exit status: 101"),
            "{failures}"
        );
        assert!(failures.contains("p::tests gone: "), "{failures}");
    }
}
