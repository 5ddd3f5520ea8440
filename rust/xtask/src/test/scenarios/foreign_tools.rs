//! The documented scripts with command-line tools of other implementations as peers, on links with a small MTU, so that
//! the tools fragment what they send.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Context;
use super::openssl_cli::{end_well, free_port, start_godot, still_runs};
use crate::fixture::Fixture;
use crate::network::ports;
use crate::process;
use crate::tools;

const LIMIT: Duration = Duration::from_secs(20);

/// The MTU that is passed to the tools.
const MTUS: [u16; 3] = [300, 400, 600];

/// One of the tools, at one end of a connection.
type Tool = fn(project: &Path, port: u16, mtu: u16) -> Result<Command>;

/// `openssl s_client` connects to the documented server.
pub(crate) fn openssl_clients(context: &Context) -> Result<()> {
    clients(context, |project, port, mtu| {
        let mut command = Command::new(tools::openssl_cli()?);
        command.args(["s_client", "-dtls1_2", "-connect"]);
        command.arg(format!("127.0.0.1:{port}"));
        command.args(["-mtu", &mtu.to_string(), "-CAfile"]);
        command.arg(project.join("cert.crt"));
        command.args(["-verify_return_error", "-verify_hostname", "localhost"]);
        Ok(command)
    })
}

/// `gnutls-cli` connects to the documented server.
pub(crate) fn gnutls_clients(context: &Context) -> Result<()> {
    clients(context, |project, port, mtu| {
        let mut command = Command::new(tools::gnutls()?.client);
        command.args(["--udp", "--verify-hostname", "localhost", "--port"]);
        command.args([&port.to_string(), "--mtu", &mtu.to_string()]);
        command.arg("--x509cafile").arg(project.join("cert.crt"));
        command.arg("127.0.0.1");
        Ok(command)
    })
}

/// The documented client connects to `openssl s_server`.
pub(crate) fn openssl_servers(context: &Context) -> Result<()> {
    servers(context, |project, port, mtu| {
        let mut command = Command::new(tools::openssl_cli()?);
        command.args(["s_server", "-dtls1_2", "-listen", "-accept"]);
        command.arg(format!("127.0.0.1:{port}"));
        command.args(["-mtu", &mtu.to_string()]);
        command.arg("-key").arg(project.join("key.key"));
        command.arg("-cert").arg(project.join("cert.crt"));
        Ok(command)
    })
}

/// The documented client connects to `gnutls-serv`.
pub(crate) fn gnutls_servers(context: &Context) -> Result<()> {
    servers(context, |project, port, mtu| {
        let mut command = Command::new(tools::gnutls()?.server);
        command.args(["--udp", "--echo", "--disable-client-cert", "--port"]);
        command.args([&port.to_string(), "--mtu", &mtu.to_string()]);
        command.arg("--x509keyfile").arg(project.join("key.key"));
        command.arg("--x509certfile").arg(project.join("cert.crt"));
        Ok(command)
    })
}

/// One server for all of them, one client after another.
fn clients(context: &Context, tool: Tool) -> Result<()> {
    let port = free_port()?;
    let project = Fixture::documented(port, port)?;
    project.import(context)?;
    let mut server = start_godot(context, &project, "server")?;
    ports::wait_until_open(port, || still_runs(&mut server))?;
    for mtu in MTUS {
        let mut run = || -> Result<()> {
            let mut client = process::start_with_input(tool(project.path(), port, mtu)?, None)?;
            let is_connected = |line: &str| {
                line.contains("Verify return code: 0") || line.contains("Handshake was completed")
            };
            client.wait_for("verified handshake", is_connected, LIMIT)?;
            let greeting = format!("Hello at {mtu}");
            client.say(&greeting)?;
            let is_heard = |line: &str| line.contains(&format!("un cliente: {greeting}"));
            server.wait_for("message from the tool", is_heard, LIMIT)?;
            client.wait_for("answer", |line| line.contains("Ciao cliente DTLS"), LIMIT)?;
            client.stop()?;
            Ok(())
        };
        run().with_context(|| format!("datagrams of {mtu} bytes"))?;
    }
    end_well(server)
}

/// A server and a client for each of them: the tools serve one peer.
fn servers(context: &Context, tool: Tool) -> Result<()> {
    for mtu in MTUS {
        server(context, tool, mtu).with_context(|| format!("datagrams of {mtu} bytes"))?;
    }
    Ok(())
}

fn server(context: &Context, tool: Tool, mtu: u16) -> Result<()> {
    let port = free_port()?;
    let project = Fixture::documented(port, port)?;
    project.import(context)?;
    let mut server = process::start_with_input(tool(project.path(), port, mtu)?, None)?;
    ports::wait_until_open(port, || still_runs(&mut server))?;
    let mut client = start_godot(context, &project, "client")?;
    let is_heard = |line: &str| line.contains("La risposta è... 42!");
    server.wait_for("message from the client", is_heard, LIMIT)?;
    // The line that s_server sends, or the client's own text, which gnutls-serv echoes.
    server.say("Hello from the tool")?;
    client.wait_for("answer", |line| line.starts_with("Connected: "), LIMIT)?;
    server.stop()?;
    end_well(client)
}
