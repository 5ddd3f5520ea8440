//! The converter: a converted project runs without the drop-in, and the way back restores every byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Context;
use super::kinds::{self, Classes};
use crate::fixture::Fixture;
use crate::process::{self, Finished};

const CONVERT: [&str; 2] = ["-s", "res://addons/openssl_dtls/convert.gd"];
const LIMIT: Duration = Duration::from_secs(60);

/// To the addon's names and back, with every kind of script, in a project that was not imported.
pub(crate) fn there_and_back(context: &Context) -> Result<()> {
    let project = Fixture::named("every_kind")?;
    let before = texts(project.path())?;

    let finished = convert(context, &project, &["--dry-run"])?;
    ensure!(finished.succeeded(), "it ended with {}", finished.end());
    kinds::has(&finished.lines, "res://main.gd")?;
    kinds::has(
        &finished.lines,
        "  15: + var dtls_server := OpenSSLDTLSServer.new()",
    )?;
    kinds::has(&finished.lines, "Nothing was written.")?;
    ensure!(texts(project.path())? == before, "a dry run changed files");

    let finished = convert(context, &project, &[])?;
    ensure!(finished.succeeded(), "{}", finished.tail());
    let converted = texts(project.path())?;
    let changed: Vec<_> = converted
        .iter()
        .filter(|(path, text)| before.get(*path) != Some(text))
        .map(|(path, _)| path.to_string_lossy().into_owned())
        .collect();
    ensure!(
        changed.len() > 8 && changed.iter().any(|path| path.ends_with("hub.tscn")),
        "changed: {changed:?}"
    );
    ensure!(converted.len() == before.len(), "files were added");

    // The converter's start wrote it.
    fs::remove_dir_all(project.path().join(".godot"))?;
    project.import(context)?;
    let finished = kinds::run(context.godot.command(project.path()), &[])?;
    kinds::check(&finished.lines, Classes::OpenSsl)?;
    ensure!(
        kinds::own_lines(&finished.lines).is_empty()
            && !project.path().join(".godot/openssl_dtls").exists(),
        "a converted project needs the drop-in"
    );
    let finished = convert(context, &project, &[])?;
    kinds::has(
        &finished.lines,
        "No script to be converted uses the engine's DTLS classes.",
    )?;

    let finished = convert(context, &project, &["--back"])?;
    ensure!(finished.succeeded(), "{}", finished.tail());
    let after = texts(project.path())?;
    for (path, text) in &before {
        ensure!(
            after.get(path) == Some(text),
            "{} was not restored",
            path.display()
        );
    }
    Ok(())
}

/// The documented pair, which the engine cannot parse, parses after the conversion.
pub(crate) fn documented_pair(context: &Context) -> Result<()> {
    let project = Fixture::documented(24_242, 24_242)?;
    project.import(context)?;
    let finished = convert(context, &project, &[])?;
    ensure!(finished.succeeded(), "{}", finished.tail());
    let text = fs::read_to_string(project.path().join("documented/server_node.gd"))?;
    ensure!(text.contains("OpenSSLTLSOptions.server("), "{text}");
    for script in ["server_node.gd", "client_node.gd"] {
        let mut command = context.godot.command(project.path());
        command.args(["--check-only", "-s"]);
        command.arg(format!("res://documented/{script}"));
        let finished = kinds::run(command, &[])?;
        ensure!(kinds::own_lines(&finished.lines).is_empty());
    }
    Ok(())
}

/// Files that cannot be converted are listed, and if one file cannot be written none is.
pub(crate) fn says_what_it_cannot(context: &Context) -> Result<()> {
    let project = Fixture::empty()?.with_main_script(
        "Cannot",
        "extends Node\nfunc _ready() -> void:\n\tprint(DTLSServer.new().get_class())\n\tget_tree().quit()\n",
    )?;
    project.import(context)?;
    let latin = project.path().join("latin.gd");
    fs::write(&latin, b"var peer: PacketPeerDTLS # \xe9\n")?;
    fs::write(project.path().join("model.scn"), b"RSRC DTLSServer")?;
    let second = project.path().join("second.gd");
    fs::write(&second, "var peer: PacketPeerDTLS\n")?;
    let writable = fs::metadata(&second)?.permissions();
    let mut read_only = writable.clone();
    read_only.set_readonly(true);
    fs::set_permissions(&second, read_only)?;
    let before = texts(project.path())?;

    let finished = convert(context, &project, &[])?;
    ensure!(
        finished.status.and_then(|status| status.code()) == Some(1),
        "it ended with {}",
        finished.end()
    );
    kinds::has(
        &finished.lines,
        "res://latin.gd is left as it is: it is not UTF-8",
    )?;
    ensure!(
        finished
            .lines
            .iter()
            .any(|line| line.starts_with("res://model.scn is left as it is")),
        "{}",
        finished.tail()
    );
    ensure!(
        finished
            .lines
            .iter()
            .any(|line| line.contains("res://second.gd is read-only; nothing was changed")),
        "{}",
        finished.tail()
    );
    ensure!(texts(project.path())? == before, "something was written");

    fs::set_permissions(&second, writable)?;
    ensure!(convert(context, &project, &[])?.succeeded());
    ensure!(fs::read_to_string(&second)? == "var peer: OpenSSLPacketPeerDTLS\n");
    ensure!(fs::read(&latin)? == b"var peer: PacketPeerDTLS # \xe9\n");

    let finished = convert(context, &project, &["--backwards"])?;
    ensure!(finished.status.and_then(|status| status.code()) == Some(2));
    Ok(())
}

/// The editor's menu shows the changes, and writes them when they are confirmed.
pub(crate) fn from_the_menu(context: &Context) -> Result<()> {
    let project = Fixture::named("convert_menu")?;
    project.import(context)?;
    let mut command = context.godot.command(project.path());
    command.args(["--editor", "--", "--use-menu"]);
    let finished = process::run(command, LIMIT)?;
    for line in [
        "shown: res://user.gd",
        "shown:   2: - var peer: PacketPeerDTLS # a PacketPeerDTLS",
        "shown:   2: + var peer: OpenSSLPacketPeerDTLS # a PacketPeerDTLS",
        "before: true",
        "after: true",
        "back: true",
    ] {
        kinds::has(&finished.lines, line)?;
    }
    ensure!(finished.succeeded(), "it ended with {}", finished.end());
    Ok(())
}

fn convert(context: &Context, project: &Fixture, arguments: &[&str]) -> Result<Finished> {
    let mut command = context.godot.command(project.path());
    command.args(CONVERT).arg("--").args(arguments);
    process::run(command, LIMIT)
}

/// The project's files, without the addon's and the editor's.
fn texts(project: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut texts = BTreeMap::new();
    let mut folders = vec![project.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).context("a folder of the project")? {
            let path = entry?.path();
            let is_own = path.ends_with("addons/openssl_dtls") || path.ends_with(".godot");
            if path.is_dir() && !is_own {
                folders.push(path);
            } else if path.is_file() && path.extension().is_none_or(|end| end != "uid") {
                texts.insert(path.clone(), fs::read(&path)?);
            }
        }
    }
    Ok(texts)
}
