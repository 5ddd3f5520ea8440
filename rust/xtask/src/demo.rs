//! `cargo xtask demo`: builds the addon and runs the documented server and client on it.

use std::process::ExitCode;

use anyhow::Result;

use crate::documented_pair::{DOCUMENTED_PORT, DocumentedPair, Ending, Session};
use crate::platform::build;
use crate::project::Headless;
use crate::{certificates, library, workspace};

/// Fails unless both print their messages and report OpenSSL.
pub(crate) fn run(profile: library::Profile) -> Result<ExitCode> {
    build::for_this_machine(profile)?;
    let godot = Headless::new()?;
    let project = workspace::godot_project();
    certificates::provide_demo(&project)?;
    workspace::step("Importing the project");
    godot.import(&project)?;
    workspace::step("Running the documented server and client");
    let pair = DocumentedPair {
        server: &godot,
        client: &godot,
        project: &project,
        port: DOCUMENTED_PORT,
        ending: Ending::Stopped,
    };
    let sessions = pair.run()?;
    workspace::step("The documented server and client talked over OpenSSL");
    for (
        end,
        Session {
            protocol,
            cipher,
            library,
        },
    ) in [("server", &sessions.server), ("client", &sessions.client)]
    {
        println!("    {end}: {library}, {protocol}, {cipher}");
    }
    Ok(ExitCode::SUCCESS)
}
