//! The tests that run in Godot: suites and scenarios.

use anyhow::Result;

use super::scenarios::Scenario;
use super::suites::Suite;
use super::tally::Tally;
use crate::environment::Context;
use crate::workspace;

/// Runs them one after another: the documented port is taken by one alone.
pub(super) fn run(
    context: &Context,
    suites: &[Suite],
    scenarios: &[(&str, Scenario)],
    tally: &mut Tally,
) -> Result<()> {
    for suite in suites {
        workspace::step(&format!("GDScript suite {}", suite.name));
        suite.run(&context.godot, tally)?;
    }
    for (name, scenario) in scenarios {
        workspace::step(&format!("Scenario {name}"));
        tally.record(name, scenario(context));
    }
    Ok(())
}
