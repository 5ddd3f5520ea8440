//! The first import of a project, as on a build server.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::Context;
use crate::fixture::Fixture;
use crate::{check, process};

/// A headless editor that finds the addon for the first time registers it and ends without a crash.
pub(crate) fn ends_in_order(context: &Context) -> Result<()> {
    let project = Fixture::named("typed_pair")?;
    let mut command = context.godot.command(project.path());
    command.arg("--import");
    let finished = process::run(command, Duration::from_secs(120))?;
    check::ensure_no_problem("the editor", &finished.lines, &[])?;
    ensure!(
        finished.succeeded(),
        "it ended with {}\n{}",
        finished.end(),
        finished.tail()
    );
    let known = fs::read_to_string(project.path().join(".godot/extension_list.cfg"))?;
    ensure!(
        known.contains("openssl_dtls.gdextension"),
        "it registered {known}"
    );
    Ok(())
}
