## A client that starts again on the address and port that it had (RFC 6347 section 4.2.8).
extends "res://tests/suite.gd"

const Kit := preload("res://tests/kit.gd")

const HANDSHAKING := OpenSSLPacketPeerDTLS.STATUS_HANDSHAKING
const CONNECTED := OpenSSLPacketPeerDTLS.STATUS_CONNECTED
const DISCONNECTED := OpenSSLPacketPeerDTLS.STATUS_DISCONNECTED

var _kit := Kit.new(true)
var _udp_server: OpenSSLUDPServer
var _dtls_server: OpenSSLDTLSServer
var _served: Array[OpenSSLPacketPeerDTLS] = []


func before_each() -> void:
	_udp_server = _kit.listening_server()
	_dtls_server = _kit.ready_server()
	_served.clear()


func _serve() -> void:
	_udp_server.poll()
	while _udp_server.is_connection_available():
		var peer := _dtls_server.take_connection(_udp_server.take_connection())
		if peer.get_status() == HANDSHAKING:
			_served.append(peer)
	for peer in _served:
		peer.poll()


## A client's UDP peer on a port of its own choice; 0 for any.
func _udp_on(port: int) -> OpenSSLPacketPeerUDP:
	var udp := OpenSSLPacketPeerUDP.new()
	equal(udp.bind(port, "127.0.0.1"), OK, "bound")
	equal(udp.connect_to_host("127.0.0.1", _udp_server.get_local_port()), OK, "connected")
	return udp


func _begin(udp: OpenSSLPacketPeerUDP) -> OpenSSLPacketPeerDTLS:
	var client := OpenSSLPacketPeerDTLS.new()
	client.connect_to_peer(udp, "localhost", TLSOptions.client_unsafe())
	return client


func _connected(client: OpenSSLPacketPeerDTLS, peers: int) -> bool:
	return await until(func() -> bool:
		client.poll()
		_serve()
		return (
				client.get_status() == CONNECTED
				and _served.size() == peers
				and _served[-1].get_status() == CONNECTED))


func test_a_restarted_client_is_a_new_peer_and_the_old_one_ends() -> void:
	var udp := _udp_on(0)
	var port := udp.get_local_port()
	var client := _begin(udp)
	check(await _connected(client, 1), "connected")
	client.put_packet("before".to_utf8_buffer())
	check(await until(func() -> bool: _serve(); return _served[0].get_available_packet_count() == 1), "a packet")
	equal(_served[0].get_packet().get_string_from_utf8(), "before", "of the first life")

	# Without a goodbye, as in a crash: the socket is gone before the peer can say anything.
	udp.close()
	var restarted := _begin(_udp_on(port))
	check(await _connected(restarted, 2), "connected again")
	equal(_served[0].get_status(), DISCONNECTED, "the old session is over")
	restarted.put_packet("after".to_utf8_buffer())
	check(await until(func() -> bool: _serve(); return _served[1].get_available_packet_count() == 1), "a packet")
	equal(_served[1].get_packet().get_string_from_utf8(), "after", "of the second life")
	_served[1].put_packet("welcome back".to_utf8_buffer())
	check(await until(func() -> bool: restarted.poll(); return restarted.get_available_packet_count() == 1), "the answer")
	equal(restarted.get_packet().get_string_from_utf8(), "welcome back", "the answer's text")


func test_a_client_can_restart_in_the_middle_of_its_handshake() -> void:
	var udp := _udp_on(0)
	var port := udp.get_local_port()
	var client := _begin(udp)
	check(await until(func() -> bool:
		if _served.is_empty():
			client.poll()
		_serve()
		return _served.size() == 1), "it has begun")
	udp.close()
	var restarted := _begin(_udp_on(port))
	check(await _connected(restarted, 2), "connected")
	equal(_served[0].get_status(), OpenSSLPacketPeerDTLS.STATUS_ERROR, "the unfinished one failed")


func test_who_has_no_cookie_cannot_end_a_session() -> void:
	var udp := _udp_on(0)
	var port := udp.get_local_port()
	var client := _begin(udp)
	check(await _connected(client, 1), "connected")
	var hello := await _first_hello()
	for i in 20:
		# What the client's socket sends is from its address, whoever wrote it.
		udp.put_packet(hello)
		_serve()
	equal(_served.size(), 1, "no new peer")
	equal(_served[0].get_status(), CONNECTED, "the session stays")
	client.put_packet("still me".to_utf8_buffer())
	check(await until(func() -> bool: client.poll(); _serve(); return _served[0].get_available_packet_count() == 1), "heard")
	equal(_served[0].get_packet().get_string_from_utf8(), "still me", "as before")


func test_a_restart_is_seen_by_poll_peers() -> void:
	var udp := _udp_on(0)
	var port := udp.get_local_port()
	var client := _begin(udp)
	check(await _connected(client, 1), "connected")
	_dtls_server.poll_peers()
	udp.close()
	var restarted := _begin(_udp_on(port))
	var news: Array[OpenSSLPacketPeerDTLS] = []
	check(await until(func() -> bool:
		restarted.poll()
		while _udp_server.is_connection_available():
			var peer := _dtls_server.take_connection(_udp_server.take_connection())
			if peer.get_status() == HANDSHAKING:
				_served.append(peer)
		news.append_array(_dtls_server.poll_peers())
		return restarted.get_status() == CONNECTED and _served.size() == 2 and _served[1].get_status() == CONNECTED), "connected again")
	check(_served[0] in news, "that the old one ended is news")
	check(_served[1] in news, "that the new one is connected, too")


## The first datagram of a client that nobody answers.
func _first_hello() -> PackedByteArray:
	var listener: OpenSSLPacketPeerUDP = _kit.bound_peer()
	var stranger := _begin(_kit.connected_peer(listener.get_local_port()))
	check(await until(func() -> bool: return listener.get_available_packet_count() > 0), "a hello")
	stranger.disconnect_from_peer()
	return listener.get_packet()
