//! Keys, certificates and roots are read once, and not for each connection.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Context;
use crate::fixture::Fixture;
use crate::{check, process};

/// Connects clients of three kinds several times, each time with new options.
const SCRIPT: &str = r#"
extends Node

var udp_server := OpenSSLUDPServer.new()
var dtls_server := OpenSSLDTLSServer.new()
var served: Array[OpenSSLPacketPeerDTLS] = []

func _ready() -> void:
	var crypto := Crypto.new()
	var key := crypto.generate_rsa(2048)
	var certificate := crypto.generate_self_signed_certificate(key, "CN=localhost,O=A,C=IT")
	dtls_server.setup(TLSOptions.server(key, certificate))
	udp_server.listen(0, "127.0.0.1")
	for i in 8:
		for options: TLSOptions in [TLSOptions.client_unsafe(), TLSOptions.client(certificate), TLSOptions.client()]:
			var udp := OpenSSLPacketPeerUDP.new()
			udp.connect_to_host("127.0.0.1", udp_server.get_local_port())
			var client := OpenSSLPacketPeerDTLS.new()
			client.connect_to_peer(udp, "localhost", options)
			if options.get_trusted_ca_chain() != null or options.is_unsafe_client():
				_connect(client)
	print("sessions: ", served.size())
	get_tree().quit()

func _connect(client: OpenSSLPacketPeerDTLS) -> void:
	var deadline := Time.get_ticks_msec() + 10000
	while client.get_status() == OpenSSLPacketPeerDTLS.STATUS_HANDSHAKING and Time.get_ticks_msec() < deadline:
		client.poll()
		while udp_server.is_connection_available():
			var peer := dtls_server.take_connection(udp_server.take_connection())
			if peer.get_status() == OpenSSLPacketPeerDTLS.STATUS_HANDSHAKING:
				served.append(peer)
		udp_server.poll()
		for peer in served:
			peer.poll()
"#;

/// One context for the server, and one for each kind of client.
pub(crate) fn are_made_once(context: &Context) -> Result<()> {
    let project = Fixture::empty()?.with_main_script("Contexts", SCRIPT)?;
    project.import(context)?;
    let mut command = context.godot.command(project.path());
    command.env("OPENSSL_DTLS_LOG", "1");
    let finished = process::start(command, Some("contexts"))?.finish(Duration::from_secs(90))?;
    check::ensure_no_problem("Godot", &finished.lines, &[])?;
    ensure!(finished.succeeded(), "it ended with {}", finished.end());
    let count = |text: &str| {
        finished
            .lines
            .iter()
            .filter(|line| line.contains(text))
            .count()
    };
    ensure!(
        count("sessions: ") == 1 && count("session established") >= 32,
        "16 sessions have two ends each:\n{}",
        finished.tail()
    );
    for (side, expected) in [("server", 1), ("client", 3)] {
        let made = count(&format!("context made for a {side}"));
        ensure!(
            made == expected,
            "{made} contexts for a {side}, not {expected}"
        );
    }
    Ok(())
}
