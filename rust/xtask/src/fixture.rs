//! Godot projects in temporary folders, with a real copy of the addon, for scenarios that need a project of their own.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::environment::Context;
use crate::{files, workspace};

/// A project that is deleted when this is dropped.
pub(crate) struct Fixture {
    folder: TempDir,
}

impl Fixture {
    /// A copy of `godot_project/fixtures/NAME`, with the addon and the demo's key and certificate.
    pub(crate) fn named(name: &str) -> Result<Self> {
        let source = workspace::godot_project();
        let fixture = Self::empty()?;
        let own = source.join("fixtures").join(name);
        files::copy_folder(&own, fixture.path(), &is_generated)?;
        fixture.bring(&source, &["key.key", "cert.crt"])?;
        Ok(fixture)
    }

    /// A copy of the project `godot_project/examples/NAME`, with the addon.
    pub(crate) fn example(name: &str) -> Result<Self> {
        let fixture = Self::empty()?;
        let own = workspace::godot_project().join("examples").join(name);
        // There, `addons` is a link to the addon.
        let is_left_out = |name: &str| is_generated(name) || name == "addons";
        files::copy_folder(&own, fixture.path(), &is_left_out)?;
        Ok(fixture)
    }

    /// A copy of the project of the documented pair, its server on one port, its client sending to another.
    pub(crate) fn documented(server_port: u16, client_port: u16) -> Result<Self> {
        let source = workspace::godot_project();
        let fixture = Self::empty()?;
        fixture.bring(&source, &["project.godot", "key.key", "cert.crt"])?;
        let scripts = fixture.path().join("documented");
        files::copy_folder(&source.join("documented"), &scripts, &is_generated)?;
        for (script, port) in [
            ("server_node.gd", server_port),
            ("client_node.gd", client_port),
        ] {
            let path = scripts.join(script);
            let text = fs::read_to_string(&path)?;
            ensure!(
                text.matches("4242").count() == 1,
                "{script} names its port once"
            );
            fs::write(&path, text.replace("4242", &port.to_string()))?;
        }
        Ok(fixture)
    }

    /// A folder with nothing but the addon.
    pub(crate) fn empty() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("openssl-dtls-project-")
            .tempdir()?;
        let addon = folder.path().join("addons").join("openssl_dtls");
        files::copy_folder(&workspace::addon(), &addon, &is_generated)?;
        Ok(Self { folder })
    }

    /// A project with that main script, and that many others of 5 KB without DTLS.
    pub(crate) fn of_scripts(count: usize, main: &str) -> Result<Self> {
        const SIZE: usize = 5_000;
        let line = "\tvar table := { \"one\": 1, 'two': [1, 2, 3] } # and so on\n";
        let script = format!(
            "extends Node\n\n\nfunc step(delta: float) -> void:\n\tprint(delta)\n{}",
            line.repeat(SIZE / line.len())
        );
        let project = Self::empty()?;
        for number in 0..count {
            let folder = project.path().join(format!("part_{}", number / 50));
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(format!("script_{number}.gd")), &script)?;
        }
        project.with_main_script("Scripts", main)
    }

    /// Makes the folder a project of that name whose main scene is one node with this script.
    pub(crate) fn with_main_script(self, name: &str, script: &str) -> Result<Self> {
        let write = |file: &str, text: &str| fs::write(self.path().join(file), text);
        write(
            "project.godot",
            &format!(
                "config_version=5\n[application]\nconfig/name=\"{name}\"\nrun/main_scene=\"res://main.tscn\"\n"
            ),
        )?;
        write(
            "main.tscn",
            "[gd_scene load_steps=2 format=3]\n[ext_resource type=\"Script\" path=\"res://main.gd\" id=\"1\"]\n[node name=\"Main\" type=\"Node\"]\nscript = ExtResource(\"1\")\n",
        )?;
        write("main.gd", script)?;
        Ok(self)
    }

    fn bring(&self, source: &Path, files: &[&str]) -> Result<()> {
        for file in files {
            fs::copy(source.join(file), self.path().join(file))
                .with_context(|| format!("{file} cannot be copied"))?;
        }
        Ok(())
    }

    /// The project's folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Imports the project.
    pub(crate) fn import(&self, context: &Context) -> Result<()> {
        context.godot.import(self.path())
    }
}

/// Whether Godot generates the file or folder.
fn is_generated(name: &str) -> bool {
    name == ".godot"
}
