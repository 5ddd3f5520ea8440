//! GDScript suites: each `godot_project/tests/test_*.gd` runs in a Godot of its own.

use std::fs;
use std::time::Duration;

use anyhow::Result;

use super::tally::Tally;
use crate::project::Headless;
use crate::{check, process, workspace};

/// For a suite without a line `const TIME_LIMIT := SECONDS`.
const TIME_LIMIT: u64 = 120;

/// One file of tests.
pub(super) struct Suite {
    /// The file's name without its ending.
    pub(super) name: String,
    limit: Duration,
}

/// All suites, in the order of their names.
pub(super) fn all() -> Result<Vec<Suite>> {
    let mut suites = Vec::new();
    for entry in fs::read_dir(workspace::godot_project().join("tests"))? {
        let path = entry?.path();
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_suite =
            name.starts_with("test_") && path.extension().is_some_and(|ending| ending == "gd");
        if is_suite {
            let limit = Duration::from_secs(time_limit(&fs::read_to_string(&path)?));
            suites.push(Suite { name, limit });
        }
    }
    suites.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(suites)
}

fn time_limit(source: &str) -> u64 {
    let mut values = source
        .lines()
        .filter_map(|line| line.strip_prefix("const TIME_LIMIT := "));
    values
        .find_map(|value| value.trim().parse().ok())
        .unwrap_or(TIME_LIMIT)
}

impl Suite {
    /// Runs it, shows what it prints, and adds up its tests.
    pub(super) fn run(&self, godot: &Headless, tally: &mut Tally) -> Result<()> {
        let mut command = godot.command(&workspace::godot_project());
        command.args(["res://tests/runner.tscn", "--"]);
        command.arg(format!("res://tests/{}.gd", self.name));
        let finished =
            process::start(command, None)?.follow(self.limit, |line| println!("{line}"))?;
        let mut report = read(&self.name, &finished.lines);
        if !report.ended {
            report.failures.push(format!(
                "{}: did not run to its end ({})",
                self.name,
                finished.end()
            ));
        } else if report.passed + report.failures.len() == 0 {
            report.failures.push(format!("{}: has no tests", self.name));
        } else if report.failures.is_empty() && !finished.succeeded() {
            report
                .failures
                .push(format!("{}: {}", self.name, finished.end()));
        }
        tally.pass(report.passed);
        for failure in report.failures {
            tally.fail(failure);
        }
        Ok(())
    }
}

#[derive(Debug, Default, Eq, PartialEq)]
struct Report {
    passed: usize,
    failures: Vec<String>,
    /// The closing line was seen.
    ended: bool,
}

/// Reads what runner.gd printed:
///
/// - `TEST NAME` begins a test, `PASS NAME` ends it, `FAIL NAME: REASON` too, once for each reason;
/// - `END SUITE` is the last line.
///
/// An error line fails the test that it is printed in; outside of tests it fails the suite.
fn read(suite: &str, lines: &[String]) -> Report {
    let mut report = Report::default();
    let mut test: Option<Test> = None;
    let mut outside = Vec::new();
    for line in lines {
        if let Some(name) = line.strip_prefix("TEST ") {
            if let Some(last) = test.take() {
                last.close(&mut report);
            }
            test = Some(Test {
                name: name.to_owned(),
                ..Test::default()
            });
        } else if line.strip_prefix("END ").is_some_and(|name| name == suite) {
            report.ended = true;
            if let Some(last) = test.take() {
                last.close(&mut report);
            }
        } else if let Some(test) = &mut test {
            if line
                .strip_prefix("PASS ")
                .is_some_and(|name| name == test.name)
            {
                test.passed = true;
            } else if let Some(reason) = line
                .strip_prefix("FAIL ")
                .filter(|rest| rest.starts_with(&test.name))
            {
                test.reasons.push(reason.to_owned());
            } else {
                test.output.push(line.clone());
            }
        } else {
            outside.push(line.clone());
        }
    }
    if let Some(last) = test.take() {
        last.close(&mut report);
    }
    let problems = check::problems(&outside, &[]);
    report.failures.extend(
        problems
            .into_iter()
            .map(|problem| format!("{suite}: {problem}")),
    );
    report
}

#[derive(Default)]
struct Test {
    name: String,
    passed: bool,
    reasons: Vec<String>,
    output: Vec<String>,
}

impl Test {
    fn close(mut self, report: &mut Report) {
        let problems = check::problems(&self.output, &[]);
        self.reasons.extend(
            problems
                .iter()
                .map(|problem| format!("{}: {problem}", self.name)),
        );
        if self.reasons.is_empty() && !self.passed {
            self.reasons.push(format!("{}: did not finish", self.name));
        }
        // One test counts once, however many reasons it has.
        if self.reasons.is_empty() {
            report.passed += 1;
        } else {
            report.failures.push(self.reasons.join("\n"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str) -> Report {
        read(
            "test_a",
            &text.lines().map(str::to_owned).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn tests_are_counted_once_each() {
        let report = report(
            "Godot Engine\nTEST test_a.one\nhello\nPASS test_a.one\nTEST test_a.two\nFAIL test_a.two: 1 is not 2\nFAIL test_a.two: 3 is not 4\nEND test_a",
        );
        assert_eq!(report.passed, 1);
        assert_eq!(
            report.failures,
            ["test_a.two: 1 is not 2\ntest_a.two: 3 is not 4"]
        );
        assert!(report.ended);
    }

    #[test]
    fn an_error_line_fails_the_test_it_stands_in() {
        let report = report(
            "TEST test_a.one\nSCRIPT ERROR: Invalid call.\n   at: f\nPASS test_a.one\nTEST test_a.two\nPASS test_a.two\nEND test_a",
        );
        assert_eq!(report.passed, 1);
        assert_eq!(
            report.failures,
            ["test_a.one: SCRIPT ERROR: Invalid call.\n   at: f"]
        );
    }

    #[test]
    fn an_error_is_expected_in_its_own_test_alone() {
        let report = report(
            "TEST test_a.one\nexpect-error: no key\nERROR: no key\nPASS test_a.one\nTEST test_a.two\nERROR: no key\nPASS test_a.two\nEND test_a",
        );
        assert_eq!(report.passed, 1);
        assert_eq!(report.failures, ["test_a.two: ERROR: no key"]);
    }

    #[test]
    fn a_leak_at_the_end_fails_the_suite() {
        let report = report(
            "TEST test_a.one\nPASS test_a.one\nEND test_a\nWARNING: ObjectDB instances leaked at exit",
        );
        assert_eq!(report.passed, 1);
        assert_eq!(report.failures.len(), 1);
    }

    #[test]
    fn a_crash_fails_the_test_it_happens_in() {
        let report = report("TEST test_a.one\nPASS test_a.one\nTEST test_a.two\nhello");
        assert_eq!(report.passed, 1);
        assert_eq!(report.failures, ["test_a.two: did not finish"]);
        assert!(!report.ended);
    }

    #[test]
    fn a_suite_sets_its_own_time_limit() {
        assert_eq!(time_limit("extends Node\nconst TIME_LIMIT := 300\n"), 300);
        assert_eq!(time_limit("extends Node\n"), TIME_LIMIT);
    }
}
