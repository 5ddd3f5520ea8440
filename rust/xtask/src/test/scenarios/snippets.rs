//! The code in README.md and docs/guide.md runs as it stands there.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Context;
use crate::fixture::Fixture;
use crate::{check, process, tools, workspace};

const LIMIT: Duration = Duration::from_secs(60);

/// README.md's five-minute guide: its certificate, its server and its client.
pub(crate) fn readme_echoes(context: &Context) -> Result<()> {
    let project = project("README.md")?;
    project.import(context)?;
    run(context, project.path(), "make_certificate.gd")?;
    let mut server = process::start(script(context, project.path(), "server.gd"), None)?;
    server.wait_for("port", |line| line == "Listening on port 4242.", LIMIT)?;
    let said = run(context, project.path(), "client.gd")?;
    for start in ["Connected with DTLSv1.2, ECDHE-RSA-", "Echo: Hello!"] {
        ensure!(
            said.iter().any(|line| line.starts_with(start)),
            "the client does not print `{start}`: {said:?}"
        );
    }
    no_problems(&server.stop()?.lines)
}

/// docs/guide.md's server and client, with certificates that the engine made and that openssl made.
pub(crate) fn guide_echoes(context: &Context) -> Result<()> {
    let project = project("docs/guide.md")?;
    let main = "extends Node\nfunc _ready():\n\tload(\"res://mods.gd\")\n\tadd_child(load(\"res://game_server.gd\").new())\n\tadd_child(load(\"res://game_client.gd\").new())\n";
    let project = project.with_main_script("Guide", main)?;
    project.import(context)?;
    run(context, project.path(), "make_certificate.gd")?;
    echoes(context, project.path())?;
    let commands = blocks("docs/guide.md", "sh")?;
    let commands: Vec<_> = commands
        .iter()
        .filter(|block| block.starts_with("openssl "))
        .collect();
    ensure!(commands.len() == 2, "{} blocks of openssl", commands.len());
    for block in commands {
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", block]).current_dir(project.path());
        shell.env("PATH", path_with(&tools::openssl_cli()?)?);
        let made = process::run(shell, LIMIT)?;
        ensure!(made.succeeded(), "{block}\n{}", made.tail());
        echoes(context, project.path())?;
    }
    Ok(())
}

/// docs/guide.md's multiplayer game: a client joins its host.
pub(crate) fn guide_joins(context: &Context) -> Result<()> {
    let main = "extends Node\nfunc _ready():\n\tvar game = load(\"res://multiplayer_game.gd\").new()\n\tadd_child(game)\n\tmultiplayer.peer_connected.connect(func(peer): print(\"connected: \", peer == 1))\n\tif \"host\" in OS.get_cmdline_user_args():\n\t\tgame.host()\n\t\tprint(\"hosting: \", multiplayer.is_server())\n\telse:\n\t\tgame.join(\"127.0.0.1\")\n";
    let project = project("docs/guide.md")?.with_main_script("Guide", main)?;
    project.import(context)?;
    run(context, project.path(), "make_certificate.gd")?;
    let start = |role: &str| {
        let mut command = context.godot.command(project.path());
        command.args(["--", role]).env("OPENSSL_DTLS_LOG", "info");
        process::start(command, None)
    };
    let mut server = start("host")?;
    server.wait_for("host", |line| line == "hosting: true", LIMIT)?;
    let mut client = start("join")?;
    client.wait_for("server", |line| line == "connected: true", LIMIT)?;
    server.wait_for("client", |line| line == "connected: false", LIMIT)?;
    for running in [client, server] {
        let lines = running.stop()?.lines;
        no_problems(&lines)?;
        let established = |line: &String| line.contains("session established: DTLSv1.2");
        ensure!(lines.iter().any(established), "not encrypted: {lines:?}");
    }
    Ok(())
}

/// The search path, with the folder of a program in front.
fn path_with(program: &Path) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folder = program.parent().map(Path::to_owned);
    Ok(std::env::join_paths(
        folder.into_iter().chain(std::env::split_paths(&path)),
    )?)
}

fn echoes(context: &Context, project: &Path) -> Result<()> {
    let mut game = process::start(context.godot.command(project), None)?;
    game.wait_for("echo", |line| line == "Echo: Hello!", LIMIT)?;
    no_problems(&game.stop()?.lines)
}

/// A project with the scripts of a document: those code blocks whose first line is `# NAME.gd`.
fn project(document: &str) -> Result<Fixture> {
    let project = Fixture::empty()?;
    fs::write(project.path().join("project.godot"), "")?;
    for block in blocks(document, "gdscript")? {
        let name = block
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("# "));
        let name =
            name.with_context(|| format!("{document}: a script without a name:\n{block}"))?;
        fs::write(project.path().join(name), &block)?;
    }
    Ok(project)
}

/// The code blocks of a language, without their fences.
fn blocks(document: &str, language: &str) -> Result<Vec<String>> {
    let text = fs::read_to_string(workspace::root().join(document))?;
    let fence = format!("```{language}\n");
    text.split(&fence)
        .skip(1)
        .map(|part| Ok(part.split("```").next().context("no end")?.to_owned()))
        .collect()
}

fn script(context: &Context, project: &Path, name: &str) -> Command {
    let mut command = context.godot.command(project);
    command.args(["-s", name]);
    command
}

/// Runs a script to its end, which must be in order, and returns what it printed.
fn run(context: &Context, project: &Path, name: &str) -> Result<Vec<String>> {
    let finished = process::run(script(context, project, name), LIMIT)?;
    ensure!(finished.succeeded(), "{name}: {}", finished.end());
    no_problems(&finished.lines)?;
    Ok(finished.lines)
}

fn no_problems(lines: &[String]) -> Result<()> {
    check::ensure_no_problem("Godot", lines, &[])
}
