//! Exports in projects in which other addons have export plugins, too.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Context;
use super::edit;
use super::export::Exports;
use super::kinds::{self, Classes};
use crate::{files, process, workspace};

const LIMIT: Duration = Duration::from_secs(60);
const FOLDER: &str = "addons/others";

/// A project with `fixtures/export_plugins` as another addon.
fn exports(context: &Context) -> Result<Exports<'_>> {
    Exports::with(context, |project| {
        let source = workspace::godot_project().join("fixtures/export_plugins");
        files::copy_folder(&source, &project.join(FOLDER), &|_| false)?;
        edit::append(
            &project.join("project.godot"),
            "\n[editor_plugins]\n\nenabled=PackedStringArray(\"res://addons/others/plugin.cfg\")\n",
        )?;
        let spare = "extends Node\nvar server := DTLSServer.new()\n";
        fs::write(project.join("spare.gd"), spare)?;
        let plain = "[gd_scene format=3]\n\n[node name=\"Plain\" type=\"Node\"]\n";
        Ok(fs::write(project.join("plain.tscn"), plain)?)
    })
}

/// What an export printed, and whether it succeeded.
struct Exported {
    lines: Vec<String>,
    succeeded: bool,
}

impl Exported {
    fn has(&self, line: &str) -> bool {
        self.lines.iter().any(|said| said == line)
    }
}

fn export(
    exports: &Exports<'_>,
    plugins: &str,
    how: &str,
    preset: &str,
    to: &Path,
) -> Result<Exported> {
    let mut command = exports.command(how, preset, to);
    command.env("OTHER_EXPORT_PLUGINS", plugins);
    let finished = process::run(command, LIMIT)?;
    Ok(Exported {
        succeeded: finished.succeeded(),
        lines: finished.lines,
    })
}

/// Plugins of any name see the scripts that the engine asks them for, and can leave files out or rename them; the game
/// runs on OpenSSL.
pub(crate) fn work_side_by_side(context: &Context) -> Result<()> {
    let exports = exports(context)?;
    for (preset, plugins, seen) in [
        (
            "text",
            "watch,leave_out",
            &["A watcher", "GDScript watcher", "Z watcher"][..],
        ),
        // The engine asks no plugin after its own for a script that becomes binary tokens.
        ("compressed", "watch,leave_out,rename", &["A watcher"][..]),
    ] {
        let game = exports.folder(preset)?.join("game");
        let exported = export(&exports, plugins, "--export-release", preset, &game)?;
        let said = exported.lines.join("\n");
        ensure!(exported.succeeded, "{preset}: it failed:\n{said}");
        kinds::is_silent(&exported.lines).with_context(|| preset.to_owned())?;
        for watcher in ["A watcher", "GDScript watcher", "Z watcher"] {
            ensure!(
                exported.has(&format!("{watcher} saw res://hub.tscn")),
                "{preset}: {watcher} did not see a scene:\n{said}"
            );
            ensure!(
                exported.has(&format!("{watcher} saw res://main.gd")) == seen.contains(&watcher),
                "{preset}: what {watcher} saw:\n{said}"
            );
        }
        exports
            .play(&game, Classes::OpenSsl)
            .with_context(|| format!("exported as {preset}"))?;
    }
    Ok(())
}

/// If another plugin adds a script with the engine's names, the export fails, prints which plugin and which files, and
/// removes the game.
pub(crate) fn fail_rather_than_ship_half(context: &Context) -> Result<()> {
    let exports = exports(context)?;
    for (plugin, how, preset, file) in [
        ("replace", "--export-release", "compressed", "game"),
        ("watch,replace", "--export-release", "embedded", "game"),
        ("replace", "--export-pack", "binary", "game.pck"),
        ("replace", "--export-pack", "text", "game.zip"),
        ("replace_first", "--export-pack", "text", "game.pck"),
        ("replace_first", "--export-pack", "compressed", "game.zip"),
        ("replace_late", "--export-pack", "text", "game.pck"),
        ("remap", "--export-pack", "compressed", "game.pck"),
    ] {
        let what = format!("{plugin}, {how} {preset}");
        let to = exports.folder(preset)?.join(file);
        let exported = export(&exports, plugin, how, preset, &to)?;
        let said = kinds::own_lines(&exported.lines);
        let name = match plugin {
            "replace_first" => "\"\u{1} A replacer\"",
            "replace_late" => "\"Replacer\"",
            "remap" => "\"A remapper\"",
            _ => "\"A replacer\"",
        };
        ensure!(
            said.len() == 1
                && said[0].contains("ERROR")
                && said[0].contains(&format!(
                    "the export plugin {name} (res://addons/others/replacer.gd)"
                ))
                && said[0].contains("of res://direct.gd, res://kinds/player.gd into"),
            "{what}: not one line that names the plugin and the files: {said:?}"
        );
        ensure!(!exported.succeeded, "{what}: the export succeeded");
        let packs = ["game.pck", "game.zip"].map(|name| to.with_file_name(name));
        ensure!(
            packs.iter().all(|pack| !pack.exists()),
            "{what}: the game was not removed"
        );
    }
    // Without that plugin the export succeeds.
    let to = exports.folder("text")?.join("game.zip");
    let exported = export(&exports, "", "--export-pack", "text", &to)?;
    ensure!(exported.succeeded && to.is_file());
    Ok(())
}

/// The addon adds a scene with a built-in script as a whole; a plugin that would customize it is named in a warning.
pub(crate) fn say_what_is_not_customized(context: &Context) -> Result<()> {
    let exports = exports(context)?;
    let game = exports.folder("compressed")?.join("game");
    let exported = export(
        &exports,
        "customize",
        "--export-release",
        "compressed",
        &game,
    )?;
    let said = kinds::own_lines(&exported.lines);
    ensure!(
        said.len() == 1
            && said[0].contains("\"Customizer\" (res://addons/others/customizer.gd)")
            && said[0].contains("res://hub.tscn"),
        "not one line that names the plugin and the scene: {said:?}"
    );
    ensure!(
        exported.succeeded && exported.has("customized res://plain.tscn"),
        "the scene without a built-in script was not customized:\n{}",
        exported.lines.join("\n")
    );
    exports.play(&game, Classes::OpenSsl).map(drop)
}
