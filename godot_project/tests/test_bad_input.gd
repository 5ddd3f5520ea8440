## Wrong arguments: an error code as the engine's, and one readable line.
extends "res://tests/suite.gd"

const PKI := "res://tests/pki/"


func _key(name_of_key: String) -> CryptoKey:
	return load(PKI + name_of_key + ".key")


func _certificate(name_of_certificate: String) -> X509Certificate:
	return load(PKI + name_of_certificate + ".crt")


func _server(key := "rsa", certificate := "rsa") -> DTLSServer:
	var server := DTLSServer.new()
	equal(server.setup(TlsOptions.server(_key(key), _certificate(certificate))), OK, "setup")
	return server


## A UDP peer that is connected to a port without a server.
func _connected_udp() -> PacketPeerUDP:
	var udp := PacketPeerUDP.new()
	equal(udp.connect_to_host("127.0.0.1", 9), OK, "connect UDP")
	return udp


func test_setup_without_a_key_or_certificate() -> void:
	var server := DTLSServer.new()
	expect_error("DTLSServer.setup(): the options hold no private key")
	equal(server.setup(TlsOptions.server(null, _certificate("rsa"))), ERR_INVALID_PARAMETER, "no key")
	expect_error("DTLSServer.setup(): the options hold no certificate")
	equal(server.setup(TlsOptions.server(_key("rsa"), null)), ERR_INVALID_PARAMETER, "no certificate")
	expect_error("DTLSServer.setup(): it takes a server's options")
	equal(server.setup(null), ERR_INVALID_PARAMETER, "null")
	equal(server.setup(RefCounted.new()), ERR_INVALID_PARAMETER, "another object")
	equal(server.setup(TLSOptions.client()), ERR_INVALID_PARAMETER, "a client's options")
	equal(server.setup("server"), ERR_INVALID_PARAMETER, "a string")
	equal(server.setup(TlsOptions.server(_key("rsa"), _certificate("rsa"))), OK, "then the right ones")


func test_setup_with_the_engines_options_that_are_incomplete() -> void:
	var server := DTLSServer.new()
	expect_error("DTLSServer.setup(): the options hold no private key")
	equal(server.setup(TLSOptions.server(null, null)), ERR_INVALID_PARAMETER, "no key")
	equal(server.setup(TLSOptions.server(_key("rsa"), _certificate("rsa"))), OK, "complete")


func test_setup_with_a_key_of_another_certificate() -> void:
	expect_error("DTLSServer.setup(): the private key does not belong to the certificate")
	var options := TlsOptions.server(_key("rsa"), _certificate("p256"))
	equal(DTLSServer.new().setup(options), ERR_INVALID_PARAMETER, "a mismatch")


func test_setup_with_empty_objects() -> void:
	expect_error("DTLSServer.setup(): the private key is empty")
	var options := TlsOptions.server(CryptoKey.new(), _certificate("rsa"))
	equal(DTLSServer.new().setup(options), ERR_INVALID_PARAMETER, "an empty key")
	expect_error("DTLSServer.setup(): the certificate is empty")
	options = TlsOptions.server(_key("rsa"), X509Certificate.new())
	equal(DTLSServer.new().setup(options), ERR_INVALID_PARAMETER, "an empty certificate")


func test_setup_with_an_encrypted_key() -> void:
	expect_error("Error parsing key")
	var key := _key("encrypted")
	expect_error("DTLSServer.setup(): the private key is encrypted")
	var options := TlsOptions.server(key, _certificate("rsa"))
	equal(DTLSServer.new().setup(options), ERR_INVALID_PARAMETER, "an encrypted key")


func test_setup_with_a_public_key() -> void:
	var public := CryptoKey.new()
	var pem := _key("rsa").save_to_string(true)
	equal(public.load_from_string(pem, true), OK, "the public key")
	expect_error("DTLSServer.setup(): the options hold a public key")
	var options := TlsOptions.server(public, _certificate("rsa"))
	equal(DTLSServer.new().setup(options), ERR_INVALID_PARAMETER, "a public key")


func test_setup_with_broken_files() -> void:
	for text: String in ["", "not a key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]:
		var file := FileAccess.open("user://broken.key", FileAccess.WRITE)
		file.store_string(text)
		file.close()
		expect_error("Error parsing key")
		var key := ResourceLoader.load("user://broken.key", "", ResourceLoader.CACHE_MODE_IGNORE) as CryptoKey
		expect_error("DTLSServer.setup(): the private key")
		var options := TlsOptions.server(key, _certificate("rsa"))
		equal(DTLSServer.new().setup(options), ERR_INVALID_PARAMETER, "broken: %s" % text)
	DirAccess.remove_absolute("user://broken.key")


func test_setup_twice() -> void:
	var server := _server()
	expect_error("DTLSServer.setup(): the server is set up already")
	var options := TlsOptions.server(_key("p256"), _certificate("p256"))
	equal(server.setup(options), ERR_ALREADY_IN_USE, "the second setup")


func test_take_connection_without_setup_or_peer() -> void:
	expect_error("DTLSServer.take_connection(): call setup()")
	equal(DTLSServer.new().take_connection(_connected_udp()), null, "before setup")
	var server := _server()
	expect_error("DTLSServer.take_connection(): it takes the UDP peer")
	equal(server.take_connection(null), null, "null")
	equal(server.take_connection(RefCounted.new()), null, "another object")
	expect_error("DTLSServer.take_connection(): the UDP peer is not connected")
	var peer := server.take_connection(PacketPeerUDP.new())
	equal(peer.get_status() as int, 0, "a peer that is not connected: disconnected")


## A script that does not look at what setup() returned must not drown in error lines, frame by frame.
func test_a_server_whose_setup_failed_refuses_in_silence() -> void:
	var server := DTLSServer.new()
	expect_error("DTLSServer.setup(): the options hold no private key")
	server.setup(TlsOptions.server(null, null))
	for i in 100:
		var peer := server.take_connection(_connected_udp())
		equal(peer.get_status() as int, 0, "the status")


func test_connect_to_peer_with_what_is_no_connected_peer() -> void:
	var dtls := PacketPeerDTLS.new()
	expect_error("PacketPeerDTLS.connect_to_peer(): the first argument must be a PacketPeerUDP")
	equal(dtls.connect_to_peer(null, "localhost"), ERR_INVALID_PARAMETER, "null")
	equal(dtls.connect_to_peer(PacketPeerUDP.new(), "localhost"), ERR_INVALID_PARAMETER, "unconnected")
	equal(dtls.connect_to_peer(RefCounted.new(), false), ERR_INVALID_PARAMETER, "another object")
	equal(dtls.get_status() as int, 0, "the status")


func test_connect_to_peer_with_wrong_options() -> void:
	var dtls := PacketPeerDTLS.new()
	var udp := _connected_udp()
	expect_error("PacketPeerDTLS.connect_to_peer(): it takes a client's options")
	var server_options := TLSOptions.server(_key("rsa"), _certificate("rsa"))
	equal(dtls.connect_to_peer(udp, "localhost", server_options), ERR_INVALID_PARAMETER, "a server's")
	equal(dtls.connect_to_peer(udp, "localhost", RefCounted.new()), ERR_INVALID_PARAMETER, "another object")
	expect_error("PacketPeerDTLS.connect_to_peer(): the second argument must be")
	equal(dtls.connect_to_peer(udp, 4242), ERR_INVALID_PARAMETER, "a number as name")
	expect_error("PacketPeerDTLS.connect_to_peer(): there is no host name")
	equal(dtls.connect_to_peer(udp, ""), ERR_INVALID_PARAMETER, "no name")
	expect_error("PacketPeerDTLS.connect_to_peer(): the trusted chain is empty")
	var empty := TLSOptions.client(X509Certificate.new())
	equal(dtls.connect_to_peer(udp, "localhost", empty), ERR_INVALID_PARAMETER, "an empty chain")
	equal(dtls.get_status() as int, 0, "the status")
	equal(dtls.connect_to_peer(udp, "localhost", TLSOptions.client_unsafe()), OK, "then the right ones")
	expect_error("PacketPeerDTLS.connect_to_peer(): this peer has a connection")
	equal(dtls.connect_to_peer(udp, "localhost"), ERR_ALREADY_IN_USE, "twice")
	dtls.disconnect_from_peer()
	equal(dtls.connect_to_peer(udp, false), OK, "after disconnect_from_peer()")


func test_packets_without_a_connection() -> void:
	var dtls := PacketPeerDTLS.new()
	dtls.poll()
	dtls.disconnect_from_peer()
	equal(dtls.get_available_packet_count(), 0, "packets")
	expect_error("PacketPeerDTLS.get_packet(): the peer is not connected")
	equal(dtls.get_packet(), PackedByteArray(), "a packet")
	equal(dtls.get_packet_error(), ERR_UNCONFIGURED, "its error")
	expect_error("PacketPeerDTLS.put_packet(): the peer is not connected")
	equal(dtls.put_packet("x".to_utf8_buffer()), ERR_UNCONFIGURED, "put_packet")
	equal(dtls.put_packet(PackedByteArray()), OK, "an empty packet")


func test_udp_methods_with_bad_arguments() -> void:
	var udp := PacketPeerUDP.new()
	expect_error("PacketPeerUDP.connect_to_host(): the port must be between")
	equal(udp.connect_to_host("127.0.0.1", 0), ERR_INVALID_PARAMETER, "port 0")
	equal(udp.connect_to_host("127.0.0.1", 65536), ERR_INVALID_PARAMETER, "port 65536")
	equal(udp.connect_to_host("127.0.0.1", -1), ERR_INVALID_PARAMETER, "port -1")
	expect_error("PacketPeerUDP.connect_to_host(): \"\" is no IP address")
	equal(udp.connect_to_host("", 1), ERR_INVALID_PARAMETER, "no host")
	var server := UDPServer.new()
	expect_error("UDPServer.listen(): the port must be between")
	equal(server.listen(70000), ERR_INVALID_PARAMETER, "port 70000")
	expect_error("UDPServer.listen(): \"nowhere\" is no IP address")
	equal(server.listen(0, "nowhere"), ERR_INVALID_PARAMETER, "a bad address")
	equal(server.poll(), ERR_UNCONFIGURED, "poll before listen")
	equal(server.take_connection(), null, "take_connection before listen")


const CLASSES := ["DTLSServer", "PacketPeerDTLS", "UDPServer", "PacketPeerUDP", "TLSOptions"]


func test_wrong_numbers_of_arguments() -> void:
	for stock_name: String in CLASSES:
		var class_of_ours := "OpenSSL" + stock_name
		var object: Object = ClassDB.instantiate(class_of_ours)
		for method in ClassDB.class_get_method_list(class_of_ours, true):
			var most: int = method.args.size()
			if method.name.begins_with("_"):
				continue
			var place := "'%s::%s': Method expected %d argument(s), but called with " % [class_of_ours, method.name, most]
			expect_error(place + "%d" % (most + 1))
			var too_many := []
			too_many.resize(most + 1)
			equal(object.callv(method.name, too_many), null, "%s with too many" % method.name)
			if most > method.default_args.size():
				expect_error(place + "0")
				equal(object.callv(method.name, []), null, "%s with none" % method.name)


func test_arguments_of_wrong_types() -> void:
	for prefix: String in ["", "OpenSSL"]:
		for call: Array in [
			["PacketPeerUDP", "bind", ["1"], "Cannot convert argument 1 from String to int"],
			["PacketPeerUDP", "bind", [0, "127.0.0.1", "many"], "Cannot convert argument 3 from String to int"],
			["PacketPeerUDP", "set_broadcast_enabled", ["true"], "Cannot convert argument 1 from String to bool"],
			["PacketPeerDTLS", "put_packet", ["text"], "Cannot convert argument 1 from String to PackedByteArray"],
			["UDPServer", "set_max_pending_connections", [[]], "Cannot convert argument 1 from Array to int"],
		]:
			expect_error("'%s%s::%s': %s." % [prefix, call[0], call[1], call[3]])
			var object: Object = ClassDB.instantiate(prefix + call[0])
			equal(object.callv(call[1], call[2]), null, "%s%s.%s()" % [prefix, call[0], call[1]])


func test_arguments_that_the_engine_converts() -> void:
	for prefix: String in ["", "OpenSSL"]:
		var udp: Object = ClassDB.instantiate(prefix + "PacketPeerUDP")
		for arguments: Array in [[0.5, "127.0.0.1", 6.5], [false, &"127.0.0.1"], [0, ^"127.0.0.1"]]:
			equal(udp.callv("bind", arguments), OK, "%sPacketPeerUDP.bind%s" % [prefix, arguments])
			udp.close()
		var server: Object = ClassDB.instantiate(prefix + "UDPServer")
		server.callv("set_max_pending_connections", [4.5])
		equal(server.max_pending_connections, 4, prefix + "UDPServer.max_pending_connections")


func test_untyped_code_with_a_wrong_number_of_arguments() -> void:
	for prefix: String in ["", "OpenSSL"]:
		expect_error("Invalid call to function 'poll' in base '%sPacketPeerDTLS'. Expected 0 argument(s)." % prefix)
		_poll_with_an_argument(ClassDB.instantiate(prefix + "PacketPeerDTLS"))
		expect_error("Invalid call to function 'bind' in base '%sPacketPeerUDP'. Expected 3 argument(s)." % prefix)
		_bind_without_a_port(ClassDB.instantiate(prefix + "PacketPeerUDP"))


func _poll_with_an_argument(peer: Variant) -> void:
	peer.poll(1)


func _bind_without_a_port(peer: Variant) -> void:
	peer.bind()
