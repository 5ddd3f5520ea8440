//! What scenarios and long tests run in: the addon built, certificates made, the project imported.

use anyhow::Result;

use crate::platform::build;
use crate::project::Headless;
use crate::{certificates, library, workspace};

/// What scenarios run with.
pub(crate) struct Context {
    /// Runs Godot, with the addon built.
    pub(crate) godot: Headless,
}

/// Builds the addon, makes certificates and imports godot_project.
pub(crate) fn prepare(profile: library::Profile) -> Result<Context> {
    build::for_this_machine(profile)?;
    let godot = Headless::new()?;
    let project = workspace::godot_project();
    certificates::provide_demo(&project)?;
    certificates::make_test_set(&project.join("tests/pki"))?;
    workspace::step("Importing the project");
    godot.import(&project)?;
    Ok(Context { godot })
}
