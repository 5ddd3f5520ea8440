## Options of both classes, and what keys and certificates they can be made of.
extends "res://tests/certificate_suite.gd"


func _text(file: String) -> String:
	return FileAccess.get_file_as_string(PKI + file)


func test_options_take_pem_text_paths_and_objects() -> void:
	for key: Variant in [load(PKI + "rsa.key"), _text("rsa.key"), PKI + "rsa.key", ProjectSettings.globalize_path(PKI + "rsa.key")]:
		for certificate: Variant in [load(PKI + "rsa.crt"), _text("rsa.crt"), PKI + "rsa.crt"]:
			await _accepts("rsa", TLSOptions.client(_ca()), "localhost", OpenSSLTLSOptions.server(key, certificate))
	for trusted: Variant in [_ca(), _text("ca.crt"), PKI + "ca.crt"]:
		await _accepts("rsa", OpenSSLTLSOptions.client(trusted))
		await _accepts("wrong_host", OpenSSLTLSOptions.client_unsafe(trusted))
		await _accepts("wrong_host", OpenSSLTLSOptions.client(trusted, "elsewhere.example"))


func test_an_encrypted_key_is_opened_by_its_password() -> void:
	var options := OpenSSLTLSOptions.server_with_password(PKI + "encrypted.key", PKI + "rsa.crt", "secret")
	await _accepts("rsa", TLSOptions.client(_ca()), "localhost", options)
	for password: String in ["", "wrong"]:
		expect_error("DTLSServer.setup(): the private key is encrypted")
		options = OpenSSLTLSOptions.server_with_password(PKI + "encrypted.key", PKI + "rsa.crt", password)
		equal(DTLSServer.new().setup(options), ERR_INVALID_PARAMETER, "password '%s'" % password)


func test_an_ed25519_key_is_refused_with_a_reason_since_openssl_has_none_in_dtls() -> void:
	expect_error("DTLSServer.setup(): ED25519 keys are not supported")
	var options := OpenSSLTLSOptions.server(PKI + "ed25519.key", PKI + "ed25519.crt")
	equal(DTLSServer.new().setup(options), ERR_INVALID_PARAMETER, "an Ed25519 key")
	equal(options.get_private_key(), null, "the engine's object")


func test_a_key_on_a_curve_that_is_not_offered_is_refused_by_name() -> void:
	expect_error("DTLSServer.setup(): secp224r1 keys are not supported: make a new key")
	var options := TLSOptions.server(load(PKI + "p224.key"), load(PKI + "p224.crt"))
	equal(DTLSServer.new().setup(options), ERR_INVALID_PARAMETER, "a P-224 key")


## Let's Encrypt's cert.pem in place of fullchain.pem: clients that know the root alone refuse it.
func test_an_intermediate_certificate_that_is_missing_is_hinted_at() -> void:
	var only_first := _text("intermediate.crt").get_slice("-----END", 0) + "-----END CERTIFICATE-----\n"
	expect_error("DTLSServer.setup(): the certificate's issuer (CN=Test intermediate) is not in the chain")
	var options := OpenSSLTLSOptions.server(_text("intermediate.key"), only_first)
	equal(DTLSServer.new().setup(options), OK, "the setup of the leaf alone")
	await _accepts("intermediate", TLSOptions.client_unsafe(), "localhost", options)


func test_a_chain_given_as_text_is_sent_whole() -> void:
	var options := OpenSSLTLSOptions.server(_text("intermediate.key"), _text("intermediate.crt"))
	await _accepts("intermediate", TLSOptions.client(_ca()), "localhost", options)


## `X509Certificate.save_to_string()` ends in U+FFFD or a zero byte, by version, and `save()` writes the zero byte into
## the file: at the end, and between certificates.
func test_what_the_engine_saves_is_taken_as_text_and_as_file() -> void:
	var certificate: X509Certificate = load(PKI + "rsa.crt")
	var key: CryptoKey = load(PKI + "rsa.key")
	var other: X509Certificate = load(PKI + "self_signed.crt")
	var ca := _ca()
	equal(ca.save("user://saved.crt"), OK, "save")
	equal(key.save("user://saved.key"), OK, "save")
	var from_text := OpenSSLTLSOptions.server(key.save_to_string(), certificate.save_to_string())
	for trusted: Variant in [ca.save_to_string(), other.save_to_string() + ca.save_to_string(), "user://saved.crt"]:
		await _accepts("rsa", OpenSSLTLSOptions.client(trusted), "localhost", from_text)
		check(OpenSSLTLSOptions.client(trusted).get_trusted_ca_chain() != null, "the engine's object")
	equal(from_text.get_private_key().save_to_string(), key.save_to_string(), "the key")
	equal(from_text.get_own_certificate().save_to_string(), certificate.save_to_string(), "the certificate")
	await _accepts("rsa", TLSOptions.client(ca), "localhost", OpenSSLTLSOptions.server("user://saved.key", PKI + "rsa.crt"))
	for ending: String in ["\ufffd", char(0xfffd) + "\n", " \t\n\n"]:
		var text := _text("rsa.key").strip_edges() + ending
		await _accepts("rsa", TLSOptions.client(ca), "localhost", OpenSSLTLSOptions.server(text, _text("rsa.crt").strip_edges() + ending))
	# Zero bytes cannot be in a script's text, but in a file.
	for between: PackedByteArray in [[0], [10, 0], [0, 10, 0xef, 0xbf, 0xbd]]:
		for file: String in ["self_signed.crt", "ca.crt"]:
			var bytes := _text(file).strip_edges().to_utf8_buffer() + between
			var to := FileAccess.open("user://saved.crt", FileAccess.WRITE if file != "ca.crt" else FileAccess.READ_WRITE)
			to.seek_end()
			to.store_buffer(bytes)
			to.close()
		await _accepts("rsa", OpenSSLTLSOptions.client("user://saved.crt"))
	DirAccess.remove_absolute("user://saved.crt")
	DirAccess.remove_absolute("user://saved.key")


func test_a_chain_that_the_engine_keeps_to_itself_is_said_to_be_missing() -> void:
	var certificate := X509Certificate.new()
	equal(certificate.load_from_string(_text("intermediate.crt")), OK, "load_from_string")
	expect_error("DTLSServer.setup(): the certificate has 1 more behind it")
	var options := TLSOptions.server(load(PKI + "intermediate.key"), certificate)
	equal(DTLSServer.new().setup(options), ERR_INVALID_PARAMETER, "a chain without a file")


func test_the_getters_return_what_was_given() -> void:
	var key: CryptoKey = load(PKI + "rsa.key")
	var certificate: X509Certificate = load(PKI + "rsa.crt")
	for options: Object in [OpenSSLTLSOptions.server(key, certificate), TLSOptions.server(key, certificate)]:
		equal(options.is_server(), true, "is_server")
		equal(options.is_unsafe_client(), false, "is_unsafe_client")
		equal(options.get_private_key(), key, "get_private_key")
		equal(options.get_own_certificate(), certificate, "get_own_certificate")
		equal(options.get_trusted_ca_chain(), null, "get_trusted_ca_chain")
		equal(options.get_common_name_override(), "", "get_common_name_override")
	for options: Object in [OpenSSLTLSOptions.client(certificate, "name"), TLSOptions.client(certificate, "name")]:
		equal(options.is_server(), false, "is_server")
		equal(options.is_unsafe_client(), false, "is_unsafe_client")
		equal(options.get_private_key(), null, "get_private_key")
		equal(options.get_trusted_ca_chain(), certificate, "get_trusted_ca_chain")
		equal(options.get_common_name_override(), "name", "get_common_name_override")
	for options: Object in [OpenSSLTLSOptions.client_unsafe(certificate), TLSOptions.client_unsafe(certificate)]:
		equal(options.is_unsafe_client(), true, "is_unsafe_client")
		equal(options.get_trusted_ca_chain(), certificate, "get_trusted_ca_chain")
	var from_text := OpenSSLTLSOptions.server(_text("rsa.key"), _text("rsa.crt"))
	equal(from_text.get_private_key().save_to_string(), key.save_to_string(), "the key from text")


func test_what_is_no_key_or_certificate_is_a_mistake() -> void:
	expect_error("TLSOptions.server(): key is \"res://missing.key\", which is no PEM text and no file")
	expect_error("TLSOptions.server(): certificate must be a X509Certificate, PEM text, or the path")
	var options := OpenSSLTLSOptions.server("res://missing.key", 7)
	equal(options.get_private_key(), null, "the key")
	expect_error("DTLSServer.setup(): the options hold no private key")
	equal(DTLSServer.new().setup(options), ERR_INVALID_PARAMETER, "setup")


## The drop-in leaves the engine's TLSOptions alone, for the classes that need it.
func test_the_engines_options_stay_usable_with_other_classes() -> void:
	var request := HTTPRequest.new()
	request.set_tls_options(TLSOptions.client_unsafe())
	request.free()
	var socket := WebSocketPeer.new()
	equal(socket.connect_to_url("wss://127.0.0.1:9", TLSOptions.client_unsafe()), OK, "connect_to_url")
	socket.close()
	equal(TLSOptions.client().get_class(), "TLSOptions", "the class")
