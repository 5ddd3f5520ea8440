## Which certificates a client accepts, and its status and error line for the others.
extends "res://tests/certificate_suite.gd"


func test_good_chains_of_every_kind_of_key_are_accepted() -> void:
	for certificate: String in ["rsa", "p256", "p384", "p521", "intermediate", "big_chain"]:
		await _accepts(certificate, TLSOptions.client(_ca()))


func test_an_ip_address_in_the_certificate_is_accepted() -> void:
	await _accepts("rsa", TLSOptions.client(_ca()), "127.0.0.1")


## What the engine's Crypto.generate_self_signed_certificate() can make: it writes no subject alternative names.
func test_an_ip_address_as_common_name_is_accepted() -> void:
	await _accepts("ip_as_name", TLSOptions.client(_ca("ip_as_name")), "127.0.0.1")
	await _accepts("ip_as_name", TLSOptions.client(_ca("ip_as_name"), "127.0.0.1"), "localhost")
	await _accepts("ip_as_dns", TLSOptions.client(_ca()), "127.0.0.1")
	for spelling: String in ["::1", "0:0:0:0:0:0:0:1", "0000::0001"]:
		await _accepts("ipv6_as_name", TLSOptions.client(_ca(), spelling))
	await _refuses(
			"ip_as_name", TLSOptions.client(_ca("ip_as_name")),
			"it was not issued for \"127.0.0.2\" but for 127.0.0.1: connect by a name", "127.0.0.2",
			PacketPeerDTLS.STATUS_ERROR_HOSTNAME_MISMATCH as int)
	await _refuses("ip_as_name", TLSOptions.client(_ca()), "(CN=127.0.0.1) is not accepted (self-signed", "127.0.0.1")


func test_a_certificate_as_the_engine_makes_it_for_an_address() -> void:
	var key := Crypto.new().generate_rsa(2048)
	var certificate := Crypto.new().generate_self_signed_certificate(key, "CN=127.0.0.1,O=Game,C=DE")
	var server := TLSOptions.server(key, certificate)
	await _accepts("", TLSOptions.client(certificate), "127.0.0.1", server)


func test_a_serial_number_with_a_zero_too_many_is_accepted_where_the_certificate_is_trusted() -> void:
	await _accepts("padded_serial", TLSOptions.client(_ca("padded_serial")))
	await _accepts("padded_serial", TLSOptions.client_unsafe(_ca("padded_serial")))
	await _accepts("padded_serial", TLSOptions.client_unsafe())
	await _refuses("padded_serial", TLSOptions.client(_ca()), LINE + " (CN=localhost) is not accepted (self-signed certificate)")


func test_a_self_signed_certificate_is_accepted_where_it_is_trusted() -> void:
	await _accepts("self_signed", TLSOptions.client(_ca("self_signed")))
	await _refuses("self_signed", TLSOptions.client(_ca()), LINE + " (CN=localhost) is not accepted (self-signed certificate)")


func test_dates_are_verified() -> void:
	await _refuses("expired", TLSOptions.client(_ca()), "(certificate has expired): renew it")
	await _refuses("not_yet_valid", TLSOptions.client(_ca()), "(certificate is not yet valid or the system clock is incorrect): set the clock")


func test_another_authority_is_refused() -> void:
	await _refuses("wrong_ca", TLSOptions.client(_ca()), "pass the certificate of the authority that signed it")


func test_another_host_name_is_a_mismatch() -> void:
	await _refuses(
			"wrong_host", TLSOptions.client(_ca()), "it was not issued for \"localhost\"", "localhost",
			PacketPeerDTLS.STATUS_ERROR_HOSTNAME_MISMATCH as int)
	await _refuses(
			"rsa", TLSOptions.client(_ca()), "it was not issued for \"game.example\" but for localhost, 127.0.0.1, ::1: connect", "game.example",
			PacketPeerDTLS.STATUS_ERROR_HOSTNAME_MISMATCH as int)


func test_the_common_name_override_takes_the_place_of_the_host_name() -> void:
	await _accepts("wrong_host", TLSOptions.client(_ca(), "elsewhere.example"))
	await _accepts("wildcard", TLSOptions.client(_ca(), "eu.play.example"))
	await _accepts("wildcard", TLSOptions.client(_ca()), "us.play.example")
	await _refuses(
			"wildcard", TLSOptions.client(_ca(), "play.example"), "it was not issued for \"play.example\"", "localhost",
			PacketPeerDTLS.STATUS_ERROR_HOSTNAME_MISMATCH as int)


func test_an_unsafe_client_without_authorities_accepts_anything() -> void:
	for certificate: String in ["self_signed", "expired", "wrong_host", "wrong_ca"]:
		await _accepts(certificate, TLSOptions.client_unsafe())
		await _accepts(certificate, null, false)


func test_an_unsafe_client_with_authorities_verifies_all_but_the_name() -> void:
	await _accepts("wrong_host", TLSOptions.client_unsafe(_ca()))
	await _refuses("wrong_ca", TLSOptions.client_unsafe(_ca()), "pass the certificate of the authority")
	await _refuses("expired", TLSOptions.client_unsafe(_ca()), "renew it")


func test_the_systems_authorities_are_trusted_by_default() -> void:
	await _refuses("rsa", null, "pass the certificate of the authority")
	await _refuses("rsa", TLSOptions.client(), "pass the certificate of the authority")


## Godot 3's `connect_to_peer(peer, validate_certs, for_hostname)`.
func test_the_form_of_godot_3_verifies_the_name_given_or_connected_to() -> void:
	await _accepts("rsa", TLSOptions.client(_ca()), true)
	# The name as third argument, against the system's authorities.
	await _refuses("rsa", "localhost", "pass the certificate of the authority", true)
	await _refuses(
			"wrong_host", TLSOptions.client(_ca()), "it was not issued for \"127.0.0.1\"", true,
			PacketPeerDTLS.STATUS_ERROR_HOSTNAME_MISMATCH as int)
