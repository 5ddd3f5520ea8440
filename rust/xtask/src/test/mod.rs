//! `cargo xtask test`: Rust tests, a short fuzz, GDScript suites and scenarios, and one sum of them all.

use std::process::ExitCode;

use anyhow::Result;

use crate::project::Headless;
use crate::{certificates, library, workspace};

pub(crate) mod fixture;
mod rust;
mod scenarios;
mod short_fuzz;
mod suites;

/// What the tests came to.
#[derive(Default)]
pub(crate) struct Tally {
    passed: usize,
    failures: Vec<String>,
}

impl Tally {
    fn pass(&mut self) {
        self.passed += 1;
    }

    /// `what` is the test's name, and after a colon the reason.
    fn fail(&mut self, what: impl Into<String>) {
        self.failures.push(what.into());
    }

    fn record(&mut self, name: &str, result: Result<()>) {
        match result {
            Ok(()) => {
                println!("PASS {name}");
                self.pass();
            }
            Err(error) => {
                println!("FAIL {name}: {error:#}");
                self.fail(format!("{name}: {error:#}"));
            }
        }
    }

    /// The closing line.
    fn sum(&self) -> String {
        format!("{} passed, {} failed", self.passed, self.failures.len())
    }

    fn all_is_well(&self) -> bool {
        self.failures.is_empty() && self.passed > 0
    }
}

/// What scenarios run with.
pub(crate) struct Context {
    /// Runs Godot, with the addon built.
    pub(crate) godot: Headless,
}

/// Runs the tests whose names contain one of the filters, or all.
pub(crate) fn run(filters: &[String]) -> Result<ExitCode> {
    let mut tally = Tally::default();
    workspace::step("Rust tests");
    if let Err(error) = rust::run(filters, &mut tally) {
        tally.fail(format!("{error:#}"));
    }
    if let Err(error) = short_fuzz::run(filters, &mut tally) {
        tally.fail(format!("short fuzz: {error:#}"));
    }

    let suites = suites::find(filters)?;
    let scenarios = scenarios::find(filters);
    if !suites.is_empty() || !scenarios.is_empty() {
        match prepare(library::Profile::Debug) {
            Ok(context) => {
                for suite in &suites {
                    workspace::step(&format!("GDScript suite {}", suite.name));
                    suite.run(&context, &mut tally)?;
                }
                for (name, scenario) in scenarios {
                    workspace::step(&format!("Scenario {name}"));
                    tally.record(name, scenario(&context));
                }
            }
            Err(error) => tally.fail(format!("tests in Godot could not be started: {error:#}")),
        }
    }

    println!();
    if !tally.failures.is_empty() {
        println!("Failures:");
        for failure in &tally.failures {
            println!("  {}", failure.replace('\n', "\n      "));
        }
        println!();
    }
    println!("{}", tally.sum());
    Ok(if tally.all_is_well() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Whether a test of that name is to run: without filters all are.
fn is_selected(name: &str, filters: &[String]) -> bool {
    filters.is_empty() || filters.iter().any(|filter| name.contains(filter))
}

/// Builds the addon, makes certificates and has Godot import the project of the tests.
pub(crate) fn prepare(profile: library::Profile) -> Result<Context> {
    library::build(profile)?;
    let godot = Headless::new()?;
    let project = workspace::godot_project();
    certificates::provide_demo(&project)?;
    certificates::make_test_set(&project.join("tests/pki"))?;
    workspace::step("Importing the project");
    godot.import(&project)?;
    Ok(Context { godot })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_run_is_not_well() {
        let mut tally = Tally::default();
        assert!(!tally.all_is_well());
        tally.pass();
        assert!(tally.all_is_well());
        tally.fail("one: because");
        assert!(!tally.all_is_well());
        assert_eq!(tally.sum(), "1 passed, 1 failed");
    }
}
