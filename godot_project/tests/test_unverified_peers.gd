## A server goes on whatever unverified peers send: it prints little, and its connections stay.
extends "res://tests/suite.gd"

var _server := UDPServer.new()
var _dtls := DTLSServer.new()
var _peers: Array[PacketPeerDTLS] = []
var _frame_connections := 0


func before_each() -> void:
	_server = UDPServer.new()
	_dtls = DTLSServer.new()
	_peers = []
	equal(_server.listen(0, "127.0.0.1"), OK, "listen")
	var key: CryptoKey = load("res://tests/pki/rsa.key")
	var certificate: X509Certificate = load("res://tests/pki/rsa.crt")
	equal(_dtls.setup(TlsOptions.server(key, certificate)), OK, "setup")


func after_each() -> void:
	_peers.clear()
	_server.stop()


## The documented server's frame.
func _serve() -> void:
	_frame_connections = 0
	while _server.is_connection_available():
		_frame_connections += 1
		var peer := _server.take_connection()
		var dtls_peer: PacketPeerDTLS = _dtls.take_connection(peer)
		if dtls_peer.get_status() != PacketPeerDTLS.STATUS_HANDSHAKING:
			continue
		_peers.append(dtls_peer)
	for peer in _peers:
		peer.poll()


func _client() -> PacketPeerDTLS:
	var udp := PacketPeerUDP.new()
	equal(udp.connect_to_host("127.0.0.1", _server.get_local_port()), OK, "connect UDP")
	var dtls := PacketPeerDTLS.new()
	equal(dtls.connect_to_peer(udp, false), OK, "connect DTLS")
	return dtls


func _connect(client: PacketPeerDTLS) -> bool:
	return await until(func() -> bool:
		_serve()
		client.poll()
		return (
				client.get_status() == PacketPeerDTLS.STATUS_CONNECTED
				and not _peers.is_empty()
				and _peers[-1].get_status() == PacketPeerDTLS.STATUS_CONNECTED))


func _echo(client: PacketPeerDTLS, peer: PacketPeerDTLS, text: String) -> void:
	equal(client.put_packet(text.to_utf8_buffer()), OK, "put")
	var arrived := await until(func() -> bool:
		_serve()
		return peer.get_available_packet_count() > 0)
	if check(arrived, "the packet arrives"):
		equal(peer.get_packet().get_string_from_utf8(), text, "the packet")


func _noise(random: RandomNumberGenerator) -> PackedByteArray:
	var noise := PackedByteArray()
	noise.resize(random.randi_range(0, 1500))
	for i in noise.size():
		noise[i] = random.randi() & 0xff
	if noise.size() > 13 and random.randf() < 0.5:
		# The start of a DTLS 1.2 record, of any type and of the current epochs.
		noise[0] = random.randi_range(20, 25)
		noise[1] = 254
		noise[2] = 253
		noise[3] = 0
		noise[4] = random.randi_range(0, 1)
	return noise


func test_datagrams_of_any_content_and_length_do_not_disturb_a_session() -> void:
	var client := _client()
	if not check(await _connect(client), "the client connects"):
		return
	var peer := _peers[0]
	var random := RandomNumberGenerator.new()
	random.seed = 20
	for round_number in 20:
		for i in 20:
			var sender := PacketPeerUDP.new()
			sender.connect_to_host("127.0.0.1", _server.get_local_port())
			var noise := _noise(random)
			sender.put_packet(noise)
		var huge := PackedByteArray()
		huge.resize(65507)
		var sender := PacketPeerUDP.new()
		sender.connect_to_host("127.0.0.1", _server.get_local_port())
		sender.put_packet(huge)
		_serve()
		await _echo(client, peer, "still here %d" % round_number)
	equal(_peers.size(), 1, "sessions")


func test_the_documented_loop_ends_within_a_frame_however_many_addresses_send() -> void:
	var client := _client()
	if not check(await _connect(client), "the client connects"):
		return
	var senders: Array[PacketPeerUDP] = []
	for i in 200:
		var sender := PacketPeerUDP.new()
		sender.connect_to_host("127.0.0.1", _server.get_local_port())
		senders.append(sender)
	for round_number in 10:
		for sender in senders:
			sender.put_packet("hello?".to_utf8_buffer())
		_serve()
		check(
				_frame_connections <= 4 * _server.max_pending_connections,
				"%d connections in one frame" % _frame_connections)
		await _echo(client, _peers[0], "round %d" % round_number)


func test_garbage_from_the_clients_own_address_during_the_handshake_is_dropped() -> void:
	var udp := PacketPeerUDP.new()
	udp.connect_to_host("127.0.0.1", _server.get_local_port())
	udp.put_packet("not a hello".to_utf8_buffer())
	udp.put_packet(PackedByteArray([22]))
	var dtls := PacketPeerDTLS.new()
	equal(dtls.connect_to_peer(udp, false), OK, "connect DTLS")
	udp.put_packet("nor this".to_utf8_buffer())
	if check(await _connect(dtls), "the client connects"):
		udp.put_packet("nor this, later".to_utf8_buffer())
		await _echo(dtls, _peers[-1], "hello")
