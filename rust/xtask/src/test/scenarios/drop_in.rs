//! The drop-in in running projects: every kind of script, every kind of start, and errors.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::Context;
use super::edit;
use super::kinds::{self, Classes};
use crate::files;
use crate::fixture::Fixture;
use crate::process;

/// Every kind of GDScript runs on OpenSSL, and with the drop-in off on the engine's classes.
pub(crate) fn every_kind(context: &Context) -> Result<()> {
    let project = imported(context, "every_kind")?;
    ensure!(
        !project.path().join(".godot/openssl_dtls").exists(),
        "the editor made an overlay"
    );
    let finished = kinds::run(context.godot.command(project.path()), &[])?;
    kinds::check(&finished.lines, Classes::OpenSsl)?;
    kinds::has(&finished.lines, "ignored: var server := DTLSServer.new()")?;
    ensure!(kinds::own_lines(&finished.lines).len() == 1);

    turn_off(project.path())?;
    let finished = kinds::run(context.godot.command(project.path()), &[])?;
    kinds::check(&finished.lines, Classes::Engine)?;
    kinds::is_silent(&finished.lines)?;
    Ok(())
}

/// Names that a project declares itself keep their meaning.
pub(crate) fn own_names(context: &Context) -> Result<()> {
    let project = imported(context, "own_names")?;
    let finished = kinds::run(context.godot.command(project.path()), &[])?;
    for line in [
        "class: the project's own",
        "parameter: 4",
        "local: a text",
        "loop: 3",
        "used: OpenSSLDTLSServer and OpenSSLUDPServer",
    ] {
        kinds::has(&finished.lines, line)?;
    }
    Ok(())
}

/// In a project without DTLS nothing is renamed, UDP classes included, nothing written and nothing printed.
pub(crate) fn without_dtls(context: &Context) -> Result<()> {
    let project = Fixture::empty()?.with_main_script(
        "Without",
        "extends Node\nfunc _ready() -> void:\n\tprint(\"kind udp: \", PacketPeerUDP.new().get_class())\n\tget_tree().quit()\n",
    )?;
    project.import(context)?;
    let finished = kinds::run(context.godot.command(project.path()), &[])?;
    kinds::check_each(&finished.lines, Classes::Engine, 1)?;
    kinds::is_silent(&finished.lines)?;
    let user = context.godot.user_folders().join("Without");
    for folder in [project.path().join(".godot"), user] {
        ensure!(
            !folder.join("openssl_dtls").exists(),
            "something was written into {}",
            folder.display()
        );
    }
    Ok(())
}

/// Every way to start a project: from another folder, from its own, through a link, with `--script`, in a folder with
/// an unusual name, with folders that are links.
pub(crate) fn every_start(context: &Context) -> Result<()> {
    let home = tempfile::tempdir()?;
    let folder = home.path().join("a game, “größer” & 新しい");
    let project = Fixture::named("every_kind")?;
    files::copy_folder(project.path(), &folder, &|_| false)?;
    #[cfg(unix)]
    {
        fs::rename(folder.join("kinds"), home.path().join("shared kinds"))?;
        std::os::unix::fs::symlink(home.path().join("shared kinds"), folder.join("kinds"))?;
    }
    context.godot.import(&folder)?;

    let finished = kinds::run(context.godot.command(&folder), &[])?;
    kinds::check(&finished.lines, Classes::OpenSsl).context("from another folder")?;

    let mut command = context.godot.command_here();
    command.current_dir(&folder);
    let finished = kinds::run(command, &[])?;
    kinds::check(&finished.lines, Classes::OpenSsl).context("from its folder")?;

    let mut command = context.godot.command(&folder);
    command.args(["--script", "res://direct.gd"]);
    let finished = kinds::run(command, &[])?;
    kinds::check_each(&finished.lines, Classes::OpenSsl, 2).context("with --script")?;

    #[cfg(unix)]
    {
        let link = home.path().join("link");
        std::os::unix::fs::symlink(&folder, &link)?;
        let finished = kinds::run(context.godot.command(&link), &[])?;
        kinds::check(&finished.lines, Classes::OpenSsl).context("through a link")?;
    }
    Ok(())
}

/// Several processes that start at once share one pack, and a script that is edited later is renamed again.
pub(crate) fn many_at_once(context: &Context) -> Result<()> {
    const PROCESSES: usize = 8;
    let project = imported(context, "every_kind")?;
    let started: Vec<_> = (0..PROCESSES)
        .map(|_| process::start(context.godot.command(project.path()), None))
        .collect::<Result<_>>()?;
    for running in started {
        let finished = running.finish(std::time::Duration::from_secs(120))?;
        kinds::check(&finished.lines, Classes::OpenSsl)?;
    }
    let packs = project.path().join(".godot/openssl_dtls");
    let left: Vec<_> = fs::read_dir(&packs)?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    ensure!(left.len() == 1, "left behind: {left:?}");

    let script = project.path().join("main.gd");
    edit::replace(&script, "\"untyped\"", "\"edited\"")?;
    let finished = kinds::run(context.godot.command(project.path()), &[])?;
    kinds::check(&finished.lines, Classes::OpenSsl)?;
    kinds::has(&finished.lines, "kind edited: OpenSSLDTLSServer")
}

/// If `.godot/` cannot be written, the pack is in the user's folder. If that cannot either, scripts run on the engine's
/// classes, and one line gives the reason.
pub(crate) fn nowhere_to_write(context: &Context) -> Result<()> {
    let project = imported(context, "every_kind")?;
    // A file where the folder should be: root cannot write there either.
    fs::write(project.path().join(".godot/openssl_dtls"), "")?;
    let finished = kinds::run(context.godot.command(project.path()), &[])?;
    kinds::check(&finished.lines, Classes::OpenSsl)?;
    let user = context.godot.user_folders().join("Every kind/openssl_dtls");
    ensure!(
        fs::read_dir(&user)?.count() == 1,
        "not one pack in {}",
        user.display()
    );

    fs::remove_dir_all(&user)?;
    fs::write(&user, "")?;
    let why = "run on the engine's own classes";
    let finished = kinds::run(context.godot.command(project.path()), &[why])?;
    fs::remove_file(&user)?;
    kinds::check(&finished.lines, Classes::Engine)?;
    kinds::prints_once(&finished.lines, why)?;
    kinds::prints_once(&finished.lines, "cannot be written")?;
    let errors = finished
        .lines
        .iter()
        .filter(|line| line.starts_with("ERROR"))
        .count();
    ensure!(
        errors == 1,
        "{errors} errors instead of one:\n{}",
        finished.lines.join("\n")
    );
    Ok(())
}

fn imported(context: &Context, fixture: &str) -> Result<Fixture> {
    let project = Fixture::named(fixture)?;
    project.import(context)?;
    Ok(project)
}

/// Turns the drop-in off in the project's settings.
pub(super) fn turn_off(project: &Path) -> Result<()> {
    edit::append(
        &project.join("project.godot"),
        "\n[openssl_dtls]\n\ndrop_in=false\n",
    )
}
