//! The Rust tests of all packages: by cargo-nextest where it is installed, else by `cargo test`
//! (docs/decisions/test-runner.md).

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::tally::Tally;
use crate::{library, process, workspace};

/// For building everything from nothing.
const BUILD_LIMIT: Duration = Duration::from_secs(60 * 60);
/// For all tests together; .config/nextest.toml has a limit for each.
const RUN_LIMIT: Duration = Duration::from_secs(30 * 60);

/// What `cargo nextest` and `cargo test` build and run.
const SELECTION: &[&str] = &["--workspace", "--lib", "--bins", "--tests"];

/// Builds and runs them, shows what they print, and adds them up.
pub(super) fn run(filters: &[String], tally: &mut Tally) -> Result<()> {
    let mut build = library::cargo();
    build.arg("test").args(SELECTION).arg("--no-run");
    let built = process::start(build, None)?.follow(BUILD_LIMIT, |line| {
        if !line.starts_with("  Executable ") {
            println!("{line}");
        }
    })?;
    if !built.succeeded() {
        bail!("the Rust tests did not build: {}", built.end());
    }
    if has_nextest()? {
        run_nextest(filters, tally)?;
    } else {
        workspace::step(
            "cargo-nextest is not installed: `cargo test` runs the tests, and ends all if one hangs",
        );
        let mut command = library::cargo();
        command.arg("test").args(SELECTION).arg("--no-fail-fast");
        command.arg("--").args(filters);
        run_libtest("Rust tests", command, RUN_LIMIT, tally)?;
    }
    let mut command = library::cargo();
    command.args(["test", "--workspace", "--doc", "--no-fail-fast", "--"]);
    command.args(filters);
    run_libtest("examples in documentation", command, BUILD_LIMIT, tally)
}

fn has_nextest() -> Result<bool> {
    let mut command = library::cargo();
    command.args(["nextest", "--version"]);
    Ok(process::run(command, Duration::from_secs(60))?.succeeded())
}

/// Each test runs in a process of its own: one that hangs is ended and named, with what it printed.
fn run_nextest(filters: &[String], tally: &mut Tally) -> Result<()> {
    let report = workspace::root().join("target/nextest/default/junit.xml");
    if report.exists() {
        fs::remove_file(&report)?;
    }
    let mut command = library::cargo();
    command.arg("nextest").arg("run").args(SELECTION);
    command.arg("--no-tests=pass").args(filters);
    let finished = process::start(command, None)?.follow(RUN_LIMIT, |line| println!("{line}"))?;
    // Without tests to run there is no report.
    let results = match fs::read_to_string(&report) {
        Ok(text) => Results::read_junit(&text).context("nextest's report")?,
        Err(_) => Results::default(),
    };
    results.add_to(tally, "Rust tests", &finished);
    Ok(())
}

/// Runs `cargo test`, or a program that prints as it does, and adds up its tests.
pub(super) fn run_libtest(
    name: &str,
    command: Command,
    limit: Duration,
    tally: &mut Tally,
) -> Result<()> {
    let finished = process::start(command, None)?.follow(limit, |line| println!("{line}"))?;
    Results::read_libtest(&finished.lines).add_to(tally, name, &finished);
    Ok(())
}

#[derive(Debug, Default, Eq, PartialEq)]
struct Results {
    passed: usize,
    failed: Vec<String>,
}

impl Results {
    fn add_to(self, tally: &mut Tally, name: &str, finished: &process::Finished) {
        tally.pass(self.passed);
        if !finished.succeeded() && self.failed.is_empty() {
            // The last line names a test of libtest's that hangs.
            let last = finished.lines.last().map_or("", String::as_str);
            tally.fail(format!("{name}: {}; its last line: {last}", finished.end()));
        }
        for test in self.failed {
            tally.fail(format!("{name}: {test}"));
        }
    }

    /// Reads a JUnit report: a failed test's `testcase` has a line for the failure after it.
    fn read_junit(text: &str) -> Option<Self> {
        let mut results = Self::default();
        let mut tests = 0;
        let mut lines = text.lines().map(str::trim).peekable();
        while let Some(line) = lines.next() {
            if line.starts_with("<testsuites ") {
                tests = attribute(line, "tests")?.parse().ok()?;
            } else if line.starts_with("<testcase ")
                && let Some(next) = lines.peek()
                && (next.starts_with("<failure") || next.starts_with("<error"))
            {
                let kind = attribute(next, "type").unwrap_or("failed");
                let (program, name) = (attribute(line, "classname")?, attribute(line, "name")?);
                results.failed.push(format!("{program} {name}: {kind}"));
            }
        }
        results.passed = usize::checked_sub(tests, results.failed.len())?;
        Some(results)
    }

    /// Reads the lines `test NAME ... FAILED` and `test result: ...`.
    fn read_libtest(lines: &[String]) -> Self {
        let mut results = Self::default();
        let mut failed = 0;
        for line in lines {
            if let Some(result) = line.strip_prefix("test result: ") {
                results.passed += number_before(result, " passed");
                failed += number_before(result, " failed");
            } else if let Some(name) = line.strip_prefix("test ")
                && let Some(name) = name.strip_suffix(" ... FAILED")
            {
                results.failed.push(name.to_owned());
            }
        }
        for _ in results.failed.len()..failed {
            results.failed.push("a test without a name".to_owned());
        }
        results
    }
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = tag.split_once(&format!(" {name}=\""))?;
    value.split('"').next()
}

fn number_before(text: &str, word: &str) -> usize {
    let before = text.split(word).next().unwrap_or_default();
    before
        .rsplit(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtests_results_are_added_up() {
        let output = "test a::works ... ok
test a::breaks ... FAILED
test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        let lines: Vec<String> = output.lines().map(str::to_owned).collect();
        let results = Results::read_libtest(&lines);
        assert_eq!(results.passed, 15);
        assert_eq!(results.failed, ["a::breaks", "a test without a name"]);
    }

    #[test]
    fn nextests_report_is_read() {
        let report = r#"<testsuites name="nextest-run" tests="4" skipped="0" failures="2" errors="0">
    <testsuite name="udp::rounds" tests="4" skipped="0" errors="0" failures="2">
        <testcase name="good" classname="udp" time="0.012"/>
        <testcase name="printed" classname="udp" time="0.012">
            <system-out>fine</system-out>
        </testcase>
        <testcase name="bad" classname="udp::rounds" time="0.304">
            <failure message="panicked" type="test failure with exit code 101">a
 b</failure>
        </testcase>
        <testcase name="hang" classname="udp::rounds" time="2.004">
            <failure type="test timeout"/>
        </testcase>"#;
        let results = Results::read_junit(report).unwrap();
        assert_eq!(results.passed, 2);
        let failed = [
            "udp::rounds bad: test failure with exit code 101",
            "udp::rounds hang: test timeout",
        ];
        assert_eq!(results.failed, failed);
        assert_eq!(Results::read_junit("<testsuites tests="), None);
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
            run_libtest("p", command, Duration::from_secs(2), &mut tally).unwrap();
            let [failure] = tally.failures() else {
                panic!("{:?}", tally.failures());
            };
            assert!(failure.contains(reason), "{failure}");
        }
    }
}
