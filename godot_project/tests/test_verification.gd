## Which servers a client accepts, what state the others leave it in, and what it says of them.
extends "res://tests/meeting.gd"


func test_good_chains_of_every_kind_of_key_are_accepted() -> void:
	for certificate: String in ["rsa", "p256", "p384", "intermediate", "big_chain"]:
		await _accepts(certificate, TLSOptions.client(_ca()))


func test_an_ip_address_in_the_certificate_is_accepted() -> void:
	await _accepts("rsa", TLSOptions.client(_ca()), "127.0.0.1")


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
			"rsa", TLSOptions.client(_ca()), "it was not issued for \"game.example\"", "game.example",
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
