//! How many tests passed, and which failed.

use std::process::ExitCode;

use anyhow::Result;

/// The results so far.
#[derive(Default)]
pub(super) struct Tally {
    passed: usize,
    failures: Vec<String>,
    left_out: Vec<String>,
}

impl Tally {
    /// Counts tests that passed.
    pub(super) fn pass(&mut self, count: usize) {
        self.passed += count;
    }

    /// `what` is the test's name, and after a colon the reason.
    pub(super) fn fail(&mut self, what: impl Into<String>) {
        self.failures.push(what.into());
    }

    /// Notes a test that cannot run here, which is neither a success nor a failure.
    pub(super) fn leave_out(&mut self, name: &str, reason: &str) {
        self.left_out.push(format!("{name}: {reason}"));
    }

    /// Prints and counts a test's result.
    pub(super) fn record(&mut self, name: &str, result: Result<()>) {
        match result {
            Ok(()) => {
                println!("PASS {name}");
                self.pass(1);
            }
            Err(error) => {
                println!("FAIL {name}: {error:#}");
                self.fail(format!("{name}: {error:#}"));
            }
        }
    }

    /// Prints what was left out, the failures, and as the last line the sum.
    pub(super) fn print(&self) {
        println!();
        if !self.left_out.is_empty() {
            println!("Not run here ({}):", self.left_out.len());
            for test in &self.left_out {
                println!("  {test}");
            }
            println!();
        }
        if !self.failures.is_empty() {
            println!("Failures:");
            for failure in &self.failures {
                println!("  {}", failure.replace('\n', "\n      "));
            }
            println!();
        }
        println!("{}", self.sum());
    }

    pub(super) fn sum(&self) -> String {
        format!("{} passed, {} failed", self.passed, self.failures.len())
    }

    /// Whether tests were run, and all passed.
    pub(super) fn is_success(&self) -> bool {
        self.failures.is_empty() && self.passed > 0
    }

    /// Success if tests were run and all passed.
    pub(super) fn exit_code(&self) -> ExitCode {
        if self.is_success() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    /// What failed.
    #[cfg(test)]
    pub(super) fn failures(&self) -> &[String] {
        &self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tests_are_no_success() {
        let mut tally = Tally::default();
        assert!(!tally.is_success());
        tally.pass(1);
        assert!(tally.is_success());
        tally.fail("one: because");
        assert!(!tally.is_success());
        assert_eq!(tally.sum(), "1 passed, 1 failed");
    }
}
