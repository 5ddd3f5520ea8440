//! `log` events, printed through Godot.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Context;
use crate::fixture::Fixture;
use crate::{check, process};

/// A client that connects, sends a packet, and closes; a thread polls it as well.
const SCRIPT: &str = r#"
extends Node

const SECRET := "a packet that no line shows"

var udp_server := OpenSSLUDPServer.new()
var dtls_server := OpenSSLDTLSServer.new()
var client := OpenSSLPacketPeerDTLS.new()
var served: OpenSSLPacketPeerDTLS

func _ready() -> void:
	var crypto := Crypto.new()
	var key := crypto.generate_rsa(2048)
	var certificate := crypto.generate_self_signed_certificate(key, "CN=localhost,O=A,C=IT")
	dtls_server.setup(TLSOptions.server(key, certificate))
	udp_server.listen(0, "127.0.0.1")
	var udp := OpenSSLPacketPeerUDP.new()
	udp.connect_to_host("127.0.0.1", udp_server.get_local_port())
	client.connect_to_peer(udp, "localhost", TLSOptions.client_unsafe())
	var thread := Thread.new()
	thread.start(_poll_on_thread)
	var deadline := Time.get_ticks_msec() + 10000
	while (served == null or served.get_available_packet_count() == 0) and Time.get_ticks_msec() < deadline:
		if client.get_status() == OpenSSLPacketPeerDTLS.STATUS_CONNECTED:
			client.put_packet(SECRET.to_utf8_buffer())
		while udp_server.is_connection_available():
			var peer := dtls_server.take_connection(udp_server.take_connection())
			if peer.get_status() == OpenSSLPacketPeerDTLS.STATUS_HANDSHAKING:
				served = peer
		udp_server.poll()
		if served != null:
			served.poll()
	thread.wait_to_finish()
	client.disconnect_from_peer()
	udp_server.poll()
	print("received: ", served.get_packet().get_string_from_utf8() == SECRET)
	get_tree().quit()

func _poll_on_thread() -> void:
	var deadline := Time.get_ticks_msec() + 10000
	while client.get_status() == OpenSSLPacketPeerDTLS.STATUS_HANDSHAKING and Time.get_ticks_msec() < deadline:
		client.poll()
"#;

/// What a handshake logs, for each value of the variable.
const EVENTS: [&str; 4] = [
    "debug: endpoint: 127.0.0.1:",
    "hello without a valid cookie, sent one",
    "cookie verified",
    "handshake begun",
];

/// Prints a handshake's events if they are asked for, and nothing otherwise.
pub(crate) fn prints_what_is_asked_for(context: &Context) -> Result<()> {
    let project = Fixture::empty()?.with_main_script("Logging", SCRIPT)?;
    project.import(context)?;
    for level in [None, Some("info"), Some("debug"), Some("trace")] {
        let mut command = context.godot.command(project.path());
        command.env_remove("OPENSSL_DTLS_LOG");
        command.envs(level.map(|level| ("OPENSSL_DTLS_LOG", level)));
        let finished = process::start(command, Some("log"))?.finish(Duration::from_secs(60))?;
        check::ensure_no_problem("Godot", &finished.lines, &[])?;
        ensure!(finished.succeeded(), "it ended with {}", finished.end());
        let count = |text: &str| {
            let has = |line: &&String| line.contains(text);
            finished.lines.iter().filter(has).count()
        };
        ensure!(count("received: true") == 1, "{}", finished.tail());
        ensure!(
            count("a packet that no line shows") == 0,
            "{}",
            finished.tail()
        );
        let expected = usize::from(level.is_some()) * 2;
        ensure!(
            count("session established") == expected,
            "with {level:?}:\n{}",
            finished.tail()
        );
        if level.is_none() {
            ensure!(count("OpenSSL DTLS: ") == 0, "{}", finished.tail());
        }
        let is_debug = matches!(level, Some("debug" | "trace"));
        for event in EVENTS {
            ensure!(
                (count(event) > 0) == is_debug,
                "with {level:?}, \"{event}\":\n{}",
                finished.tail()
            );
        }
    }
    Ok(())
}
