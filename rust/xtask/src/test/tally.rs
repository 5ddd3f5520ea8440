//! How many tests passed, and which failed.

use anyhow::Result;

/// The results so far.
#[derive(Default)]
pub(super) struct Tally {
    passed: usize,
    failures: Vec<String>,
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

    /// Prints the failures, and as the last line the sum.
    pub(super) fn print(&self) {
        println!();
        if !self.failures.is_empty() {
            println!("Failures:");
            for failure in &self.failures {
                println!("  {}", failure.replace('\n', "\n      "));
            }
            println!();
        }
        println!("{}", self.sum());
    }

    fn sum(&self) -> String {
        format!("{} passed, {} failed", self.passed, self.failures.len())
    }

    /// Whether tests were run, and all passed.
    pub(super) fn is_success(&self) -> bool {
        self.failures.is_empty() && self.passed > 0
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
