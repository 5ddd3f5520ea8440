//! The editor reloads the addon, as it does when the library was replaced.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{Context, kinds};
use crate::fixture::Fixture;
use crate::{check, process};

/// Objects of every class exist, two of them are connected, and a thread that used the library still runs.
pub(crate) fn with_live_objects(context: &Context) -> Result<()> {
    let project = Fixture::named("reloaded")?;
    project.import(context)?;
    let mut command = context.godot.command(project.path());
    command.args(["--editor", "--", "--reload"]);
    let finished = process::run(command, Duration::from_secs(120))?;
    check::ensure_no_problem("the editor", &finished.lines, &[])?;
    kinds::has(&finished.lines, "reloaded 3 times")?;
    let said = |line: &str| finished.lines.iter().filter(|said| *said == line).count();
    for line in [
        "before: status 2",
        "before: ENet status 2",
        "reload: 0",
        "status: 0",
        "rebound: 0",
        "listens: 0",
        "set up: 0",
        "ENet status: 0",
        "ENet server: 0",
    ] {
        ensure!(
            said(line) == 3,
            "not said three times: {line}\n{}",
            finished.tail()
        );
    }
    ensure!(finished.succeeded(), "it ended with {}", finished.end());
    Ok(())
}
