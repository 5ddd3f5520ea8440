## The project's own bundle of authorities comes before the system's.
extends "res://tests/certificate_suite.gd"


func test_the_projects_bundle_is_trusted() -> void:
	ProjectSettings.set_setting("network/tls/certificate_bundle_override", "res://missing.crt")
	expect_error("PacketPeerDTLS.connect_to_peer(): no server can be verified")
	var udp := PacketPeerUDP.new()
	equal(udp.connect_to_host("127.0.0.1", 9), OK, "connect UDP")
	equal(PacketPeerDTLS.new().connect_to_peer(udp, "localhost"), ERR_UNCONFIGURED, "a missing bundle")
	ProjectSettings.set_setting("network/tls/certificate_bundle_override", PKI + "ca.crt")
	await _accepts("rsa", null)
	await _accepts("rsa", TLSOptions.client())
	# Godot 3's form, with the name as third argument.
	await _accepts("wrong_host", "elsewhere.example", true)
