//! The documented pair in typed GDScript, with the engine's names and verified certificates.

use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::Context;
use crate::fixture::Fixture;
use crate::{check, process};

/// Server and client of `fixtures/typed_pair` exchange messages in one process, and both are the addon's objects.
pub(crate) fn runs(context: &Context) -> Result<()> {
    let project = Fixture::named("typed_pair")?;
    project.import(context)?;
    let port = UdpSocket::bind("0.0.0.0:0")?.local_addr()?.port();
    let mut command = context.godot.command(project.path());
    command.args(["--", &port.to_string()]);
    let finished = process::start(command, Some("typed_pair"))?.finish(Duration::from_secs(60))?;
    check::ensure_no_problem("Godot", &finished.lines, &[])?;
    for line in [
        "server: OpenSSLDTLSServer and OpenSSLUDPServer",
        "server: OpenSSLPacketPeerDTLS over OpenSSLPacketPeerUDP: How are you?",
        "client: OpenSSLPacketPeerDTLS over OpenSSLPacketPeerUDP: Fine!",
    ] {
        ensure!(
            finished.lines.iter().any(|said| said == line),
            "not printed: {line}"
        );
    }
    ensure!(finished.succeeded(), "it ended with {}", finished.end());
    Ok(())
}
