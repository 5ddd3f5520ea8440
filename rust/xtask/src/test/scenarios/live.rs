//! Scripts that are saved while the project runs: the engine reads the new text, renamed.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::debugger::{Connection, Debugger};
use super::{Context, edit, kinds};
use crate::check;
use crate::fixture::Fixture;
use crate::process::{self, Running};

const LIMIT: Duration = Duration::from_secs(30);

/// A debugger reloads scripts that other programs changed, without and with the addon's message.
pub(crate) fn reload(context: &Context) -> Result<()> {
    let project = Fixture::named("live")?;
    project.import(context)?;
    let debugger = Debugger::new()?;
    let mut command = context.godot.command(project.path());
    debugger.attach_to(&mut command)?;
    let mut game = process::start(command, None)?;
    let mut connection = debugger.accept()?;
    said(&mut game, "talker: one OpenSSLDTLSServer")?;
    said(&mut game, "plain: one")?;
    said(&mut game, "scene: one OpenSSLUDPServer")?;

    let save = |file: &str, from: &str, to: &str| -> Result<()> {
        edit::replace(&project.path().join(file), from, to)
    };
    let reload =
        |connection: &mut Connection, path: &str| connection.send("reload_scripts", &[path]);

    // Saved several times, with the engine's message.
    for (from, to) in [("one", "two"), ("two", "three"), ("three", "four")] {
        save("talker.gd", &format!("\"{from}"), &format!("\"{to}"))?;
        reload(&mut connection, "res://talker.gd")?;
        said(&mut game, &format!("talker: {to} OpenSSLDTLSServer"))?;
    }
    let packs = packs_of(&project)?;
    // The start's, the newest, and one more if a file was read half written, when the project seemed to use no DTLS.
    ensure!(packs.len() <= 3, "old packs are left: {packs:?}");

    // A script built into a scene.
    save("main.tscn", "one", "two")?;
    connection.send("reload_scripts", &["res://main.tscn::GDScript_1"])?;
    said(&mut game, "scene: two OpenSSLUDPServer")?;

    // A script that named none of the classes when the game started, with the addon's message.
    save(
        "plain.gd",
        "return \"one\"",
        "return \"two \" + PacketPeerDTLS.new().get_class()",
    )?;
    connection.send("openssl_dtls:refresh", &[])?;
    reload(&mut connection, "res://plain.gd")?;
    said(&mut game, "plain: two OpenSSLPacketPeerDTLS")?;

    // A script that no longer names a class.
    save(
        "plain.gd",
        "return \"two \" + PacketPeerDTLS.new().get_class()",
        "return \"three\"",
    )?;
    connection.send("reload_all_scripts", &[])?;
    said(&mut game, "plain: three")?;

    fs::write(project.path().join("stop"), "")?;
    let finished = game.finish(LIMIT)?;
    let problems = check::problems(&finished.lines, &[]);
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    ensure!(finished.succeeded(), "it ended with {}", finished.end());
    let packs = packs_of(&project)?;
    ensure!(packs.len() == 1, "not one pack is left: {packs:?}");
    Ok(())
}

/// Without a debugger, a load gets the saved text, and so does a script that reads it a moment later.
pub(crate) fn load(context: &Context) -> Result<()> {
    let project = Fixture::named("live")?;
    project.import(context)?;
    let mut command = context.godot.command(project.path());
    command.args(["--", "--by-itself"]);
    let finished = kinds::run(command, &[])?;
    for line in [
        "ignored: two OpenSSLDTLSServer",
        "replaced: two OpenSSLUDPServer",
        "new: three OpenSSLPacketPeerDTLS",
        "by source: four OpenSSLDTLSServer",
    ] {
        kinds::has(&finished.lines, line)?;
    }
    Ok(())
}

/// The editor runs the project, and a script is edited and saved in the editor meanwhile.
pub(crate) fn from_the_editor(context: &Context) -> Result<()> {
    let project = Fixture::named("live_editor")?;
    project.import(context)?;
    let mut command = context.godot.command(project.path());
    command.args(["--editor", "--", "--play"]);
    let finished = process::run(command, Duration::from_secs(90))?;
    for text in ["one", "two", "three"] {
        let line = format!("the game says {text} OpenSSLDTLSServer");
        kinds::has(&finished.lines, &line)?;
    }
    ensure!(finished.succeeded(), "it ended with {}", finished.end());
    Ok(())
}

fn packs_of(project: &Fixture) -> Result<Vec<String>> {
    let entries = fs::read_dir(project.path().join(".godot/openssl_dtls"))?;
    Ok(entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect())
}

fn said(game: &mut Running, line: &str) -> Result<()> {
    game.wait_for(line, |said| said == line, LIMIT)
}
