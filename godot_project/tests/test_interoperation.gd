## Sessions between OpenSSL and the engine's mbedTLS, on real sockets in one process.
extends "res://tests/suite.gd"

const STATUS_HANDSHAKING := 1
const STATUS_CONNECTED := 2

var _udp_server: Object
var _dtls_server: Object
var _server_peer: Object
var _client_udp: Object
var _client: Object


func after_each() -> void:
	_client = null
	_client_udp = null
	_server_peer = null
	_dtls_server = null
	_udp_server = null


## The engine's own object: a string is not renamed.
func _engine(name_of_class: String) -> Object:
	return ClassDB.instantiate(name_of_class)


func _serve(udp_server: Object, dtls_server: Object, certificate: String) -> void:
	_udp_server = udp_server
	_dtls_server = dtls_server
	equal(_udp_server.listen(0, "127.0.0.1"), OK, "listen")
	var key: CryptoKey = load("res://tests/pki/%s.key" % certificate)
	var chain: X509Certificate = load("res://tests/pki/%s.crt" % certificate)
	equal(_dtls_server.setup(TLSOptions.server(key, chain)), OK, "setup")


func _join(client_udp: Object, client: Object, options: TLSOptions, host := "localhost") -> void:
	_client_udp = client_udp
	_client = client
	equal(_client_udp.connect_to_host("127.0.0.1", _udp_server.get_local_port()), OK, "connect UDP")
	equal(_client.connect_to_peer(_client_udp, host, options), OK, "connect DTLS")


## One frame of both ends, as scripts write it.
func _tick() -> void:
	_udp_server.poll()
	while _udp_server.is_connection_available():
		var peer: Object = _dtls_server.take_connection(_udp_server.take_connection())
		if peer.get_status() == STATUS_HANDSHAKING:
			_server_peer = peer
	if _server_peer:
		_server_peer.poll()
	_client.poll()


func _connected() -> bool:
	_tick()
	return (
			_server_peer != null
			and _server_peer.get_status() == STATUS_CONNECTED
			and _client.get_status() == STATUS_CONNECTED)


## Sends packets of many sizes each way and compares what arrives.
func _exchange() -> void:
	if not check(await until(_connected), "both ends connect"):
		return
	for size: int in [1, 100, 1200, 4000, 16384]:
		var packet := PackedByteArray()
		packet.resize(size)
		packet.fill(size % 251)
		for ends: Array in [[_client, _server_peer], [_server_peer, _client]]:
			equal(ends[0].put_packet(packet), OK, "put %d bytes" % size)
			var arrived := await until(func() -> bool:
				_tick()
				return ends[1].get_available_packet_count() > 0)
			if check(arrived, "%d bytes arrive" % size):
				equal(ends[1].get_packet(), packet, "%d bytes" % size)


func _trusting() -> TLSOptions:
	return TLSOptions.client(load("res://tests/pki/ca.crt") as X509Certificate)


func test_our_server_and_the_engines_client() -> void:
	_serve(UDPServer.new(), DTLSServer.new(), "rsa")
	_join(_engine("PacketPeerUDP"), _engine("PacketPeerDTLS"), _trusting())
	equal(_client.get_class(), "PacketPeerDTLS", "the client's class")
	await _exchange()
	equal(_server_peer.get_class(), "OpenSSLPacketPeerDTLS", "the server's class")
	equal(_server_peer.get_protocol(), "DTLSv1.2", "the protocol")


func test_our_client_and_the_engines_server() -> void:
	_serve(_engine("UDPServer"), _engine("DTLSServer"), "rsa")
	_join(PacketPeerUDP.new(), PacketPeerDTLS.new(), _trusting())
	equal(_client.get_class(), "OpenSSLPacketPeerDTLS", "the client's class")
	await _exchange()
	equal(_server_peer.get_class(), "PacketPeerDTLS", "the server's class")
	check(_client.get_cipher().begins_with("ECDHE-RSA-"), "the cipher is %s" % _client.get_cipher())


func test_both_ends_ours() -> void:
	_serve(UDPServer.new(), DTLSServer.new(), "rsa")
	_join(PacketPeerUDP.new(), PacketPeerDTLS.new(), _trusting())
	await _exchange()


func test_ecdsa_keys_with_the_engines_client() -> void:
	for certificate: String in ["p256", "p384", "p521"]:
		_serve(UDPServer.new(), DTLSServer.new(), certificate)
		_join(_engine("PacketPeerUDP"), _engine("PacketPeerDTLS"), _trusting())
		await _exchange()
		check(_server_peer.get_cipher().begins_with("ECDHE-ECDSA-"), _server_peer.get_cipher())
		after_each()


func test_ecdsa_keys_with_the_engines_server() -> void:
	for certificate: String in ["p256", "p384", "p521"]:
		_serve(_engine("UDPServer"), _engine("DTLSServer"), certificate)
		_join(PacketPeerUDP.new(), PacketPeerDTLS.new(), _trusting())
		await _exchange()
		after_each()


## Host names and certificates that the engine's classes take on both ends, ours take with them.
func test_names_and_serial_numbers_that_the_engine_accepts() -> void:
	for entry: Array in [
		["ip_as_name", "ip_as_name", "127.0.0.1"],
		["ip_as_dns", "ca", "127.0.0.1"],
		["ipv6_as_name", "ca", "0:0:0:0:0:0:0:1"],
		["padded_serial", "padded_serial", "localhost"],
	]:
		var options := TLSOptions.client(load("res://tests/pki/%s.crt" % entry[1]) as X509Certificate)
		for is_ours: Array in [[false, false], [false, true], [true, false], [true, true]]:
			var ends := "%s, our client: %s, our server: %s" % [entry[0], is_ours[0], is_ours[1]]
			_serve(
					UDPServer.new() if is_ours[1] else _engine("UDPServer"),
					DTLSServer.new() if is_ours[1] else _engine("DTLSServer"), entry[0])
			_join(
					PacketPeerUDP.new() if is_ours[0] else _engine("PacketPeerUDP"),
					PacketPeerDTLS.new() if is_ours[0] else _engine("PacketPeerDTLS"), options, entry[2])
			check(await until(_connected), ends)
			after_each()


## The engine's certificate object gives out the first certificate of a chain alone; ours reads the rest from its file.
func test_the_whole_chain_reaches_the_engines_client() -> void:
	for certificate: String in ["intermediate", "big_chain"]:
		_serve(UDPServer.new(), DTLSServer.new(), certificate)
		_join(_engine("PacketPeerUDP"), _engine("PacketPeerDTLS"), _trusting())
		await _exchange()
		after_each()


func test_a_close_of_the_engines_client_ends_our_servers_peer() -> void:
	_serve(UDPServer.new(), DTLSServer.new(), "rsa")
	_join(_engine("PacketPeerUDP"), _engine("PacketPeerDTLS"), _trusting())
	if check(await until(_connected), "both ends connect"):
		_client.disconnect_from_peer()
		check(await until(func() -> bool:
			_server_peer.poll()
			_udp_server.poll()
			return _server_peer.get_status() == 0), "our peer is disconnected")


func test_a_close_of_our_client_ends_the_engines_servers_peer() -> void:
	_serve(_engine("UDPServer"), _engine("DTLSServer"), "rsa")
	_join(PacketPeerUDP.new(), PacketPeerDTLS.new(), _trusting())
	if check(await until(_connected), "both ends connect"):
		_client.disconnect_from_peer()
		check(await until(func() -> bool:
			_udp_server.poll()
			_server_peer.poll()
			return _server_peer.get_status() == 0), "the engine's peer is disconnected")
