//! Runs Godot headless on a project, with settings folders of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use tempfile::TempDir;

use crate::files::{self, Access};
use crate::godot::{Godot, Version, private_folders};
use crate::{check, process, workspace};

const IMPORT_LIMIT: Duration = Duration::from_secs(180);

/// A Godot with empty settings folders, which are deleted when this is dropped.
pub(crate) struct Headless {
    godot: Godot,
    /// Imports projects.
    importer: Godot,
    home: TempDir,
}

impl Headless {
    /// Gets a Godot.
    pub(crate) fn new() -> Result<Self> {
        let godot = crate::godot::obtain()?;
        Self::set_up(godot.clone(), godot)
    }

    /// Runs a Godot for another processor, and this one's to import: that is slow where it is emulated, and the result is
    /// the same.
    pub(crate) fn emulated(&self, godot: Godot) -> Result<Self> {
        Self::set_up(godot, self.godot.clone())
    }

    fn set_up(godot: Godot, importer: Godot) -> Result<Self> {
        workspace::step(&format!(
            "Using Godot {} ({})",
            godot.version,
            godot.program.display()
        ));
        let home = tempfile::Builder::new()
            .prefix("openssl-dtls-home-")
            .tempdir()?;
        Ok(Self {
            godot,
            importer,
            home,
        })
    }

    /// Which Godot it is.
    pub(crate) fn version(&self) -> &Version {
        &self.godot.version
    }

    /// A call of Godot on the project; arguments can be added.
    pub(crate) fn command(&self, project: &Path) -> Command {
        let mut command = self.run(&self.godot.program);
        command.arg("--path").arg(project);
        command
    }

    /// A call of Godot in the folder that it is started in.
    pub(crate) fn command_here(&self) -> Command {
        self.run(&self.godot.program)
    }

    /// A call of an exported game, or of another program that Godot is part of.
    pub(crate) fn run(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.arg("--headless");
        for (variable, folder) in private_folders(self.home.path()) {
            command.env(variable, folder);
        }
        command
    }

    /// Where Godot keeps the `user://` folders of all projects.
    pub(crate) fn user_folders(&self) -> PathBuf {
        self.home.path().join("data/godot/app_userdata")
    }

    /// Imports the project, so that a later run knows its extensions and class names.
    pub(crate) fn import(&self, project: &Path) -> Result<()> {
        list_the_addon(project)?;
        let mut command = self.run(&self.importer.program);
        command.arg("--path").arg(project).arg("--import");
        let finished = process::run(command, IMPORT_LIMIT)?;
        let problems = check::problems(&finished.lines, &[]);
        if !problems.is_empty() {
            bail!("importing {}:\n{}", project.display(), problems.join("\n"));
        }
        if !finished.succeeded() {
            bail!(
                "importing {}: {}\n{}",
                project.display(),
                finished.end(),
                finished.tail()
            );
        }
        Ok(())
    }
}

/// Lists the addon as an import would.
///
/// A headless editor that finds the addon by itself takes some seconds longer (see the addon's
/// `headless_import_workaround.rs`).
pub(crate) fn list_the_addon(project: &Path) -> Result<()> {
    let list = project.join(".godot/extension_list.cfg");
    let addon = "res://addons/openssl_dtls/openssl_dtls.gdextension\n";
    let listed = std::fs::read_to_string(&list).unwrap_or_default();
    if !listed.contains(addon.trim_end()) {
        files::write(&list, (listed + addon).as_bytes(), Access::Usual)?;
    }
    Ok(())
}
