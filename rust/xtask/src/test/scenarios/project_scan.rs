//! Which files of a project the drop-in reads at the start, and what it prints.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};

use super::Context;
use super::drop_in::turn_off;
use super::kinds::{self, Classes};
use crate::fixture::Fixture;

const MAIN: &str = "extends Node\nfunc _ready() -> void:\n\tprint(\"kind main: \", DTLSServer.new().get_class())\n\tget_tree().quit()\n";

/// The line at the start counts scripts with DTLS and those with UDP only, built-in ones included.
pub(crate) fn counts(context: &Context) -> Result<()> {
    let project = Fixture::empty()?.with_main_script("Counts", MAIN)?;
    let write = |file: &str, text: &str| write(project.path(), file, text);
    write("peer.gd", "var peer: PacketPeerDTLS # and PacketPeerUDP\n")?;
    write("net/udp.gd", "var udp := PacketPeerUDP.new()\n")?;
    write("net/listen.gd", "var udp := UDPServer.new()\n")?;
    write("said.gd", "var text := \"DTLSServer\" # PacketPeerDTLS\n")?;
    write(
        "two.tscn",
        "[gd_scene format=3]\n[sub_resource type=\"GDScript\" id=\"1\"]\nscript/source = \"var a := UDPServer.new()\"\n[sub_resource type=\"GDScript\" id=\"2\"]\nscript/source = \"var a: PacketPeerDTLS\"\n[node name=\"A\" type=\"Node\"]\n",
    )?;
    // The engine does not count these as the project's.
    write(".hidden/peer.gd", "var peer: PacketPeerDTLS\n")?;
    write("ignored/.gdignore", "")?;
    write("ignored/peer.gd", "var peer: PacketPeerDTLS\n")?;
    project.import(context)?;
    let finished = kinds::run(context.godot.command(project.path()), &[])?;
    kinds::check_each(&finished.lines, Classes::OpenSsl, 1)?;
    let said = kinds::own_lines(&finished.lines);
    ensure!(
        said.len() == 1
            && said[0].starts_with("OpenSSL DTLS: 3 scripts with DTLS run on OpenSSL ")
            && said[0]
                .ends_with("; 3 more scripts use its UDP classes (setting openssl_dtls/drop_in)."),
        "it said {said:?}"
    );
    Ok(())
}

/// In a project that uses DTLS in hidden folders only, nothing is renamed.
pub(crate) fn hidden_folders(context: &Context) -> Result<()> {
    let project = Fixture::empty()?.with_main_script(
        "Hidden",
        "extends Node\nfunc _ready() -> void:\n\tprint(\"kind udp: \", PacketPeerUDP.new().get_class())\n\tget_tree().quit()\n",
    )?;
    write(project.path(), ".work/tree/main.gd", MAIN)?;
    project.import(context)?;
    let finished = kinds::run(context.godot.command(project.path()), &[])?;
    kinds::check_each(&finished.lines, Classes::Engine, 1)?;
    kinds::is_silent(&finished.lines)?;
    Ok(())
}

/// One line says that C# scripts stay on the engine's classes.
pub(crate) fn csharp(context: &Context) -> Result<()> {
    let project = Fixture::empty()?.with_main_script("Both", MAIN)?;
    write(
        project.path(),
        "Both.csproj",
        "<Project Sdk=\"Godot.NET.Sdk/4.6.0\"></Project>\n",
    )?;
    project.import(context)?;
    let lines_about_csharp = |lines: &[String]| {
        let said = kinds::own_lines(lines);
        said.iter().filter(|line| line.contains("C#")).count()
    };
    let finished = kinds::run(context.godot.command(project.path()), &[])?;
    kinds::check_each(&finished.lines, Classes::OpenSsl, 1)?;
    ensure!(lines_about_csharp(&finished.lines) == 1);
    ensure!(kinds::own_lines(&finished.lines).len() == 2);

    turn_off(project.path())?;
    let finished = kinds::run(context.godot.command(project.path()), &[])?;
    ensure!(lines_about_csharp(&finished.lines) == 0);
    Ok(())
}

/// Links to folders that contain the link. If the engine could not list them, nothing is renamed, one line gives the
/// reason, and the project starts.
#[cfg(unix)]
pub(crate) fn links(context: &Context) -> Result<()> {
    use std::os::unix::fs::symlink;

    let project = Fixture::empty()?.with_main_script("Links", MAIN)?;
    let folder = project.path().join("net");
    write(project.path(), "net/peer.gd", "var peer: PacketPeerDTLS\n")?;
    project.import(context)?;
    symlink(".", folder.join("again"))?;
    symlink("main.gd", project.path().join("linked.gd"))?;
    let finished = kinds::run(context.godot.command(project.path()), &[])?;
    kinds::check_each(&finished.lines, Classes::OpenSsl, 1)?;
    // Each file is counted once, however many paths it has.
    let said = kinds::own_lines(&finished.lines);
    ensure!(
        said.len() == 1 && said[0].starts_with("OpenSSL DTLS: 2 scripts with DTLS run on OpenSSL "),
        "it said {said:?}"
    );

    symlink("../net", folder.join("and_again"))?;
    symlink("..", folder.join("up"))?;
    let why = "links to a folder that it is in";
    let finished = kinds::run(context.godot.command(project.path()), &[why])?;
    kinds::check_each(&finished.lines, Classes::Engine, 1)?;
    kinds::prints_once(&finished.lines, why)
}

/// While an overlay is loaded, DirAccess cannot change folders of the project. A line says so if a script seems to, and
/// what the line suggests works.
pub(crate) fn changed_folders(context: &Context) -> Result<()> {
    let main = |class: &str, path: &str| {
        format!(
            "extends Node\nfunc _ready() -> void:\n\tprint(\"kind main: \", {class}.new().get_class())\n\tprint(\"made: \", DirAccess.make_dir_absolute({path}) == OK)\n\tget_tree().quit()\n"
        )
    };
    let project =
        Fixture::empty()?.with_main_script("Folders", &main("DTLSServer", "\"res://one\""))?;
    project.import(context)?;
    let run = |class: &str, path: &str| {
        fs::write(project.path().join("main.gd"), main(class, path))?;
        let finished = kinds::run(context.godot.command(project.path()), &[])?;
        kinds::check_each(&finished.lines, Classes::OpenSsl, 1)?;
        Ok::<_, anyhow::Error>(finished.lines)
    };
    let lines = run("DTLSServer", "\"res://one\"")?;
    kinds::has(&lines, "made: false")?;
    let said = kinds::own_lines(&lines);
    ensure!(
        said.len() == 2 && said[1].contains("res://main.gd seems to do"),
        "it said {said:?}"
    );

    let lines = run(
        "DTLSServer",
        "ProjectSettings.globalize_path(\"res://two\")",
    )?;
    kinds::has(&lines, "made: true")?;
    ensure!(kinds::own_lines(&lines).len() == 1);

    // Converted, it needs no overlay, and res:// is an ordinary folder.
    let lines = run("OpenSSLDTLSServer", "\"res://three\"")?;
    kinds::has(&lines, "made: true")?;
    kinds::is_silent(&lines)?;
    Ok(())
}

/// A process that is killed while it writes a pack leaves a folder behind, and a later start removes it.
pub(crate) fn killed_starts(context: &Context) -> Result<()> {
    let project = Fixture::empty()?.with_main_script("Killed", MAIN)?;
    project.import(context)?;
    let packs = project.path().join(".godot/openssl_dtls");
    for _ in 0..2 {
        write(&packs, "staging-0123456789abcdef/0", "half")?;
        let finished = kinds::run(context.godot.command(project.path()), &[])?;
        kinds::check_each(&finished.lines, Classes::OpenSsl, 1)?;
        let left: Vec<_> = fs::read_dir(&packs)?
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        ensure!(left.len() == 1, "left behind: {left:?}");
    }
    Ok(())
}

fn write(folder: &Path, file: &str, text: &str) -> Result<()> {
    let path = folder.join(file);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, text)?;
    Ok(())
}
