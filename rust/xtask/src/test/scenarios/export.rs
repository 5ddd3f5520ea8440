//! Exported games: scripts run on OpenSSL without a project folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::Context;
use super::drop_in::turn_off;
use super::edit;
use super::kinds::{self, Classes};
use crate::fixture::Fixture;
use crate::godot;

/// The parts of an export preset that the scenarios vary.
#[derive(Clone, Copy)]
struct Preset {
    name: &'static str,
    platform: &'static str,
    /// Lines of the preset's options.
    options: &'static str,
    /// 0 is text, 1 binary tokens, 2 compressed ones.
    script_mode: u8,
    /// What is exported: lines of the preset.
    filter: &'static str,
    include: &'static str,
    exclude: &'static str,
    feature: &'static str,
}

const OPTIONS: &str = if cfg!(target_arch = "aarch64") {
    "binary_format/architecture=\"arm64\"\nbinary_format/embed_pck=false"
} else {
    "binary_format/architecture=\"x86_64\"\nbinary_format/embed_pck=false"
};

const COMPRESSED: Preset = Preset {
    name: "compressed",
    platform: "Linux",
    options: OPTIONS,
    script_mode: 2,
    filter: "export_filter=\"all_resources\"",
    include: "",
    exclude: "",
    feature: "",
};

const PRESETS: &[Preset] = &[
    COMPRESSED,
    Preset {
        name: "text",
        script_mode: 0,
        ..COMPRESSED
    },
    Preset {
        name: "binary",
        script_mode: 1,
        ..COMPRESSED
    },
    Preset {
        name: "selected scenes",
        filter: "export_filter=\"scenes\"\nexport_files=PackedStringArray(\"res://main.tscn\")",
        // Such a preset does not find what scripts load or preload.
        include: "*.gdextension, *.key, *.crt, kinds/*, addons/neighbour/*",
        ..COMPRESSED
    },
    Preset {
        name: "dedicated server",
        filter: "dedicated_server=true\nexport_filter=\"customized\"\ncustomized_files={ \"res://\": \"strip\" }",
        ..COMPRESSED
    },
    Preset {
        name: "for the engine's classes",
        feature: "stock",
        ..COMPRESSED
    },
    Preset {
        name: "without the addon",
        exclude: "addons/openssl_dtls/*",
        ..COMPRESSED
    },
    Preset {
        name: "embedded",
        options: if cfg!(target_arch = "aarch64") {
            "binary_format/architecture=\"arm64\"\nbinary_format/embed_pck=true"
        } else {
            "binary_format/architecture=\"x86_64\"\nbinary_format/embed_pck=true"
        },
        ..COMPRESSED
    },
    Preset {
        name: "web",
        platform: "Web",
        options: "",
        ..COMPRESSED
    },
    Preset {
        name: "risc-v",
        options: "binary_format/architecture=\"rv64\"",
        ..COMPRESSED
    },
    Preset {
        name: "windows",
        platform: "Windows Desktop",
        options: "binary_format/architecture=\"x86_64\"",
        ..COMPRESSED
    },
    Preset {
        name: "android",
        platform: "Android",
        options: "architectures/armeabi-v7a=true\narchitectures/arm64-v8a=true",
        ..COMPRESSED
    },
    Preset {
        name: "android without internet",
        platform: "Android",
        options: "architectures/armeabi-v7a=false\narchitectures/arm64-v8a=true",
        ..COMPRESSED
    },
    Preset {
        name: "android with internet",
        platform: "Android",
        options: concat!(
            "architectures/armeabi-v7a=false\narchitectures/arm64-v8a=true\n",
            "permissions/internet=true"
        ),
        ..COMPRESSED
    },
    Preset {
        name: "macos sandbox without network",
        platform: "macOS",
        options: "codesign/entitlements/app_sandbox/enabled=true",
        ..COMPRESSED
    },
    Preset {
        name: "macos sandbox with network",
        platform: "macOS",
        options: concat!(
            "codesign/entitlements/app_sandbox/enabled=true\n",
            "codesign/entitlements/app_sandbox/network_client=true"
        ),
        ..COMPRESSED
    },
    Preset {
        name: "downloadable content",
        filter: "export_filter=\"resources\"\nexport_files=PackedStringArray(\"res://extra/level.gd\")",
        ..COMPRESSED
    },
];

/// Every kind of script: as text, binary and compressed tokens, with all scenes or selected ones, and stripped.
pub(crate) fn every_preset(context: &Context) -> Result<()> {
    let exports = Exports::new(context)?;
    for preset in [
        "text",
        "binary",
        "compressed",
        "selected scenes",
        "dedicated server",
    ] {
        let game = exports.release(preset)?;
        exports
            .play(&game, Classes::OpenSsl)
            .with_context(|| format!("exported as {preset}"))?;
    }
    Ok(())
}

/// `--export-pack` exports the same scripts as `--export-release`.
pub(crate) fn pack(context: &Context) -> Result<()> {
    let exports = Exports::new(context)?;
    let game = exports.release("compressed")?;
    let pack = game.with_extension("pck");
    fs::remove_file(&pack)?;
    exports.export("--export-pack", "compressed", &pack)?;
    exports.play(&game, Classes::OpenSsl).map(drop)
}

/// An edit of a script, scene or resource after an export is in the next export.
pub(crate) fn after_an_edit(context: &Context) -> Result<()> {
    let exports = Exports::new(context)?;
    exports.release("compressed")?;
    for (file, from, to) in [
        ("main.gd", "\"untyped\"", "\"edited\""),
        (
            "hub.tscn",
            "var udp := UDPServer.new()",
            "var udp := DTLSServer.new()",
        ),
        (
            "kinds/built_in.tres",
            "return DTLSServer.new()",
            "return PacketPeerUDP.new()",
        ),
        ("kinds/built_in.tres", "-> DTLSServer", "-> PacketPeerUDP"),
    ] {
        edit::replace(&exports.project.path().join(file), from, to)?;
    }
    let game = exports.release("compressed")?;
    let lines = exports.play(&game, Classes::OpenSsl)?;
    for line in [
        "kind edited: OpenSSLDTLSServer",
        "kind scene autoload's variable: OpenSSLDTLSServer",
        "kind script in a resource: OpenSSLPacketPeerUDP",
    ] {
        kinds::has(&lines, line)?;
    }
    Ok(())
}

/// With the drop-in off, for all or for a feature of the preset, scripts run on the engine's classes.
pub(crate) fn without_drop_in(context: &Context) -> Result<()> {
    let exports = Exports::new(context)?;
    let settings = exports.project.path().join("project.godot");
    let text = fs::read_to_string(&settings)?;
    edit::append(&settings, "\n[openssl_dtls]\n\ndrop_in.stock=false\n")?;
    let game = exports.release("for the engine's classes")?;
    exports
        .play(&game, Classes::Engine)
        .context("off for a feature")?;
    let game = exports.release("compressed")?;
    exports
        .play(&game, Classes::OpenSsl)
        .context("off for another preset's feature")?;

    fs::write(&settings, text)?;
    turn_off(exports.project.path())?;
    let game = exports.release("compressed")?;
    exports.play(&game, Classes::Engine).context("off")?;
    Ok(())
}

/// A preset that excludes the addon exports a game on the engine's classes and prints a warning.
pub(crate) fn without_addon(context: &Context) -> Result<()> {
    let exports = Exports::new(context)?;
    let preset = "without the addon";
    let folder = exports.folder(preset)?;
    let lines = exports.export("--export-release", preset, &folder.join("game"))?;
    kinds::prints_once(&lines, "its preset leaves out res://addons/openssl_dtls")?;
    exports
        .play(&folder.join("game"), Classes::Engine)
        .map(drop)
}

/// A project and the games exported from it.
pub(super) struct Exports<'c> {
    context: &'c Context,
    pub(super) project: Fixture,
    games: tempfile::TempDir,
}

impl<'c> Exports<'c> {
    pub(super) fn new(context: &'c Context) -> Result<Self> {
        Self::with(context, |_| Ok(()))
    }

    /// With changes to the project before the engine imports it.
    pub(super) fn with(
        context: &'c Context,
        change: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Self> {
        let template = godot::release_template()?;
        let project = Fixture::named("every_kind")?;
        fs::write(
            project.path().join("export_presets.cfg"),
            presets(&template),
        )?;
        change(project.path())?;
        project.import(context)?;
        Ok(Self {
            context,
            project,
            games: tempfile::tempdir()?,
        })
    }

    /// Exports a game to a new folder. Returns its program.
    pub(super) fn release(&self, preset: &str) -> Result<PathBuf> {
        let game = self.folder(preset)?.join("game");
        let lines = self.export("--export-release", preset, &game)?;
        kinds::is_silent(&lines)?;
        let library = fs::read_dir(self.folder(preset)?)?
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().contains("openssl_dtls"));
        ensure!(library, "the addon's library is not beside the game");
        Ok(game)
    }

    pub(super) fn folder(&self, preset: &str) -> Result<PathBuf> {
        let folder = self.games.path().join(preset);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    pub(super) fn export(&self, how: &str, preset: &str, to: &Path) -> Result<Vec<String>> {
        let command = self.command(how, preset, to);
        let finished = kinds::run(command, &[]).with_context(|| format!("{how} {preset}"))?;
        ensure!(to.is_file(), "{how} {preset} made no {}", to.display());
        Ok(finished.lines)
    }

    /// The command of an export.
    pub(super) fn command(&self, how: &str, preset: &str, to: &Path) -> Command {
        let mut command = self.context.godot.command(self.project.path());
        command.args([how, preset]).arg(to);
        command
    }

    /// Runs a game without its project's folder, and checks the classes.
    pub(super) fn play(&self, game: &Path, expected: Classes) -> Result<Vec<String>> {
        let lines = self.run(game, &[], &[])?;
        kinds::check(&lines, expected)?;
        kinds::is_silent(&lines)?;
        Ok(lines)
    }

    /// Runs a game with arguments to its end, without its project's folder.
    pub(super) fn run(&self, game: &Path, args: &[&str], allowed: &[&str]) -> Result<Vec<String>> {
        let folder = game.parent().context("a game lies in a folder")?;
        let away = self.games.path().join("project");
        fs::rename(self.project.path(), &away)?;
        let mut command: Command = self.context.godot.run(game);
        command.current_dir(folder).args(args);
        let finished = kinds::run(command, allowed);
        fs::rename(&away, self.project.path())?;
        Ok(finished?.lines)
    }
}

fn presets(template: &Path) -> String {
    let template = template.display();
    let mut text = String::new();
    for (number, preset) in PRESETS.iter().enumerate() {
        let Preset {
            name,
            platform,
            options,
            script_mode,
            filter,
            include,
            exclude,
            feature,
        } = preset;
        text += &format!(
            r#"[preset.{number}]

name="{name}"
platform="{platform}"
runnable=false
custom_features="{feature}"
{filter}
include_filter="{include}"
exclude_filter="{exclude}"
export_path=""
script_export_mode={script_mode}

[preset.{number}.options]

custom_template/release="{template}"
texture_format/s3tc_bptc=true
{options}

"#
        );
    }
    text
}
