//! The drop-in in projects with ENet: which are renamed, and what is printed.

use std::fs;

use anyhow::Result;

use super::Context;
use super::edit;
use super::kinds::{self, Classes};
use crate::fixture::Fixture;

const MAIN: &str = "extends Node\nfunc _ready() -> void:\n\tvar peer: MultiplayerPeer = ENetMultiplayerPeer.new()\n\tprint(\"kind peer: \", peer.get_class())\n\tprint(\"kind connection: \", ENetConnection.new().get_class())\n\tget_tree().quit()\n";

const SETUP: &str = "static func encrypt(peer, options: TLSOptions) -> void:\n\tpeer.host.dtls_client_setup(\"a.example\", options)\n";

/// ENet without DTLS stays the engine's, and nothing is printed.
pub(crate) fn without_dtls(context: &Context) -> Result<()> {
    let project = project(context)?;
    // Mentions are no calls.
    fs::write(
        project.path().join("setup.gd"),
        "# peer.host.dtls_client_setup()\nfunc dtls_server_setup() -> void:\n\tprint(\"dtls_server_setup\")\n",
    )?;
    check(context, &project, Classes::Engine, None)
}

/// A call that turns on DTLS, in any script, renames ENet's classes in all.
pub(crate) fn with_dtls(context: &Context) -> Result<()> {
    let project = project(context)?;
    fs::write(project.path().join("setup.gd"), SETUP)?;
    let said = "OpenSSL DTLS: 1 script with ENet over DTLS runs on OpenSSL ";
    check(context, &project, Classes::OpenSsl, Some(said))
}

/// With the setting on, ENet without DTLS is renamed as well, and the line says that it is not encrypted.
pub(crate) fn by_the_setting(context: &Context) -> Result<()> {
    let project = project(context)?;
    edit::append(
        &project.path().join("project.godot"),
        "\n[openssl_dtls]\n\ndrop_in_plain_enet=true\n",
    )?;
    let said = "OpenSSL DTLS: 1 script with ENet runs on the addon's classes, without DTLS (settings openssl_dtls/drop_in, openssl_dtls/drop_in_plain_enet).";
    check(context, &project, Classes::OpenSsl, Some(said))
}

fn project(context: &Context) -> Result<Fixture> {
    let project = Fixture::empty()?.with_main_script("ENet", MAIN)?;
    project.import(context)?;
    Ok(project)
}

fn check(
    context: &Context,
    project: &Fixture,
    expected: Classes,
    said: Option<&str>,
) -> Result<()> {
    let finished = kinds::run(context.godot.command(project.path()), &[])?;
    kinds::check_each(&finished.lines, expected, 2)?;
    match said {
        Some(text) => kinds::prints_once(&finished.lines, text),
        None => kinds::is_silent(&finished.lines),
    }
}
