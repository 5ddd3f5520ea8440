//! Packs that an exported game loads: patches and downloadable content.

use std::fs;

use anyhow::{Result, ensure};

use super::Context;
use super::edit;
use super::export::Exports;
use super::kinds::{self, Classes};

/// Loads the pack given on the command line, then the pack's level if it has one, or else `main.tscn`.
const LOADER: &str = r#"extends Node

func _ready() -> void:
	var pack := OS.get_cmdline_user_args()[0]
	if not ProjectSettings.load_resource_pack(pack):
		push_error("the pack cannot be loaded")
	if ResourceLoader.exists("res://extra/level.gd"):
		load("res://extra/level.gd").new().play()
		get_tree().quit()
	else:
		get_tree().change_scene_to_file.call_deferred("res://main.tscn")
"#;

const LEVEL: &str = "extends RefCounted\n\nfunc play() -> void:\n\tvar player := Player.new()\n\tplayer.peer = PacketPeerDTLS.new()\n\tprint(\"kind level: %s\" % player.peer.get_class())\n\tprint(\"kind server: %s\" % DTLSServer.new().get_class())\n";

fn exports(context: &Context) -> Result<Exports<'_>> {
    Exports::with(context, |project| {
        fs::write(project.join("loader.gd"), LOADER)?;
        fs::write(
            project.join("loader.tscn"),
            "[gd_scene load_steps=2 format=3]\n[ext_resource type=\"Script\" path=\"res://loader.gd\" id=\"1\"]\n[node name=\"Loader\" type=\"Node\"]\nscript = ExtResource(\"1\")\n",
        )?;
        let settings = project.join("project.godot");
        edit::replace(&settings, "res://main.tscn", "res://loader.tscn")
    })
}

/// `--export-patch` after an edit contains the new text, renamed.
pub(crate) fn patch(context: &Context) -> Result<()> {
    let exports = exports(context)?;
    let game = exports.release("compressed")?;
    let base = game.with_extension("pck");
    let main = exports.project.path().join("main.gd");
    edit::replace(&main, "\"untyped\"", "\"patched\"")?;

    let patch = base.with_file_name("patch.pck");
    let mut command = exports.command("--export-patch", "compressed", &patch);
    command.arg("--patches").arg(&base);
    let finished = kinds::run(command, &[])?;
    kinds::is_silent(&finished.lines)?;
    let sizes = [fs::metadata(&patch)?.len(), fs::metadata(&base)?.len()];
    ensure!(
        sizes[0] < sizes[1] / 2,
        "the patch contains unchanged files: {sizes:?} bytes"
    );
    let lines = exports.run(&game, &["--", "patch.pck"], &[])?;
    kinds::check(&lines, Classes::OpenSsl)?;
    kinds::has(&lines, "kind patched: OpenSSLDTLSServer")
}

/// A pack of one selected script, without the addon, for a game with the addon.
pub(crate) fn downloadable_content(context: &Context) -> Result<()> {
    let exports = exports(context)?;
    let game = exports.release("compressed")?;
    let extra = exports.project.path().join("extra");
    fs::create_dir(&extra)?;
    fs::write(extra.join("level.gd"), LEVEL)?;
    exports.project.import(context)?;
    let pack = game.with_file_name("extra.pck");
    let lines = exports.export("--export-pack", "downloadable content", &pack)?;
    kinds::is_silent(&lines)?;
    let lines = exports.run(&game, &["--", "extra.pck"], &[])?;
    kinds::check_each(&lines, Classes::OpenSsl, 2)
}
