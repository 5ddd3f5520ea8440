//! The documented scripts with OpenSSL's command-line tool as peer.

use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::Context;
use crate::fixture::Fixture;
use crate::network::ports;
use crate::process::{self, Running};
use crate::{check, tools};

const LIMIT: Duration = Duration::from_secs(20);

/// Options of `s_client`: neither ClientHello is fragmented, the second is, or both are; the last limits records to 512
/// bytes (RFC 6066 section 4).
const HELLOS: [&[&str]; 4] = [
    &["-mtu", "1200"],
    &["-mtu", "258"],
    &[
        "-mtu",
        "256",
        "-servername",
        "a-name-that-makes-hellos-longer-than-a-small-datagram.test",
    ],
    &["-maxfraglen", "512"],
];

/// `openssl s_client -dtls1_2` connects to the documented server.
pub(crate) fn s_client(context: &Context) -> Result<()> {
    let port = free_port()?;
    let project = Fixture::documented(port, port)?;
    project.import(context)?;
    let mut server = start_godot(context, &project, "server")?;
    ports::wait_until_open(port, || still_runs(&mut server))?;

    for hellos in HELLOS {
        let mut command = Command::new(tools::openssl_cli()?);
        command.args([
            "s_client",
            "-dtls1_2",
            "-connect",
            &format!("127.0.0.1:{port}"),
        ]);
        command
            .args(hellos)
            .arg("-CAfile")
            .arg(project.path().join("cert.crt"));
        command.args(["-verify_return_error", "-verify_hostname", "localhost"]);
        let mut client = process::start_with_input(command, None)?;
        client.wait_for(
            "verified chain",
            |line| line.contains("Verify return code: 0"),
            LIMIT,
        )?;
        let said = format!("Hello from s_client with {}", hellos.join(" "));
        client.say(&said)?;
        let is_heard = |line: &str| line.ends_with(&format!("un cliente: {said}"));
        server.wait_for("message from s_client", is_heard, LIMIT)?;
        client.wait_for("answer", |line| line.contains("Ciao cliente DTLS"), LIMIT)?;
        client.stop()?;
    }
    end_well(server)
}

/// The documented client connects to `openssl s_server -dtls1_2 -listen`, behind its cookie exchange.
pub(crate) fn s_server(context: &Context) -> Result<()> {
    let port = free_port()?;
    let project = Fixture::documented(port, port)?;
    project.import(context)?;
    let mut command = Command::new(tools::openssl_cli()?);
    command.args([
        "s_server",
        "-dtls1_2",
        "-listen",
        "-accept",
        &format!("127.0.0.1:{port}"),
    ]);
    command.arg("-key").arg(project.path().join("key.key"));
    command.arg("-cert").arg(project.path().join("cert.crt"));
    let mut server = process::start_with_input(command, None)?;
    ports::wait_until_open(port, || still_runs(&mut server))?;

    let mut client = start_godot(context, &project, "client")?;
    let is_heard = |line: &str| line.contains("La risposta è... 42!");
    server.wait_for("message from the client", is_heard, LIMIT)?;
    server.say("Hello from s_server")?;
    let is_answer = |line: &str| line == "Connected: Hello from s_server";
    client.wait_for("answer from s_server", is_answer, LIMIT)?;
    end_well(client)
}

pub(super) fn free_port() -> Result<u16> {
    Ok(UdpSocket::bind("0.0.0.0:0")?.local_addr()?.port())
}

pub(super) fn start_godot(context: &Context, project: &Fixture, scene: &str) -> Result<Running> {
    let mut command = context.godot.command(project.path());
    command.arg(format!("res://documented/{scene}.tscn"));
    process::start(command, Some(scene))
}

pub(super) fn still_runs(program: &mut Running) -> Result<()> {
    program.take_in();
    ensure!(
        program.ended()?.is_none(),
        "it ended early:\n{}",
        program.lines().join("\n")
    );
    Ok(())
}

pub(super) fn end_well(godot: Running) -> Result<()> {
    let finished = godot.stop()?;
    check::ensure_no_problem("Godot", &finished.lines, &[])
}
