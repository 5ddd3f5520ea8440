//! The Rust tests of all packages, counted from cargo's output.

use std::time::Duration;

use anyhow::Result;

use super::Tally;
use crate::library::cargo;
use crate::process;

/// Building everything from nothing is part of it.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// Runs them, shows what cargo prints, and adds them up.
pub(crate) fn run(filter: &str, tally: &mut Tally) -> Result<()> {
    let mut command = cargo();
    command.args(["test", "--workspace", "--no-fail-fast", "--", filter]);
    let finished = process::start(command, None)?.follow(LIMIT, |line| println!("{line}"))?;
    let counts = Counts::read(&finished.lines);
    tally.passed += counts.passed;
    for name in &counts.failed {
        tally.fail(format!("{name} (Rust)"));
    }
    for _ in counts.failed.len()..counts.failed_sum {
        tally.fail("a Rust test whose name was not told");
    }
    if counts.unfinished > 0 {
        tally.fail(format!(
            "{} programs of Rust tests did not finish",
            counts.unfinished
        ));
    } else if !finished.succeeded() && counts.failed_sum == 0 {
        tally.fail(format!("cargo test: {}", finished.end()));
    }
    Ok(())
}

#[derive(Debug, Default, Eq, PartialEq)]
struct Counts {
    passed: usize,
    failed_sum: usize,
    failed: Vec<String>,
    /// Test programs that were started and gave no result.
    unfinished: usize,
}

impl Counts {
    fn read(lines: &[String]) -> Self {
        let mut counts = Self::default();
        for line in lines {
            if let Some(result) = line.strip_prefix("test result: ") {
                counts.passed += number_before(result, " passed");
                counts.failed_sum += number_before(result, " failed");
                counts.unfinished = counts.unfinished.saturating_sub(1);
            } else if line.starts_with("     Running ") || line.starts_with("   Doc-tests ") {
                counts.unfinished += 1;
            } else if let Some(name) = failed_test(line) {
                counts.failed.push(name.to_owned());
            }
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

    fn read(text: &str) -> Counts {
        Counts::read(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn results_are_added_up() {
        let counts = read(
            "     Running unittests src/lib.rs (target/a)
test a::works ... ok
test a::breaks ... FAILED
test result: FAILED. 12 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
   Doc-tests a
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        );
        assert_eq!(counts.passed, 15);
        assert_eq!(counts.failed, ["a::breaks"]);
        assert_eq!((counts.failed_sum, counts.unfinished), (1, 0));
    }

    #[test]
    fn a_program_that_crashes_is_counted() {
        let counts = read(
            "     Running unittests src/lib.rs (target/a)
error: test failed, to rerun pass `-p a --lib`
     Running unittests src/lib.rs (target/b)
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        );
        assert_eq!(counts.unfinished, 1);
    }
}
