## Servers with many peers: `poll_peers()`, the bound on unfinished handshakes, and what a restarted client finds.
extends "res://tests/suite.gd"

const Kit := preload("res://tests/kit.gd")

const HANDSHAKING := OpenSSLPacketPeerDTLS.STATUS_HANDSHAKING
const CONNECTED := OpenSSLPacketPeerDTLS.STATUS_CONNECTED

var _kit := Kit.new(true)
var _udp_server: OpenSSLUDPServer
var _dtls_server: OpenSSLDTLSServer

## The server's peers, and what poll_peers() gave of them since the last look.
var _served: Array[OpenSSLPacketPeerDTLS] = []
var _news: Array[OpenSSLPacketPeerDTLS] = []


func _start() -> void:
	_udp_server = _kit.listening_server()
	_dtls_server = _kit.ready_server()
	_served.clear()
	_news.clear()


func _client() -> OpenSSLPacketPeerDTLS:
	var client := OpenSSLPacketPeerDTLS.new()
	var udp: OpenSSLPacketPeerUDP = _kit.connected_peer(_udp_server.get_local_port())
	client.connect_to_peer(udp, "localhost", TLSOptions.client_unsafe())
	return client


func _step() -> void:
	while _udp_server.is_connection_available():
		var peer := _dtls_server.take_connection(_udp_server.take_connection())
		if peer.get_status() == HANDSHAKING:
			_served.append(peer)
	_news.append_array(_dtls_server.poll_peers())


func _until_connected(clients: Array[OpenSSLPacketPeerDTLS]) -> bool:
	return await until(func() -> bool:
		for client in clients:
			client.poll()
		_step()
		return (
				_served.size() == clients.size()
				and clients.all(func(client: OpenSSLPacketPeerDTLS) -> bool: return client.get_status() == CONNECTED)
				and _served.all(func(peer: OpenSSLPacketPeerDTLS) -> bool: return peer.get_status() == CONNECTED)))


func _connected(count: int) -> Array[OpenSSLPacketPeerDTLS]:
	_start()
	var clients: Array[OpenSSLPacketPeerDTLS] = []
	for i in count:
		clients.append(_client())
	check(await _until_connected(clients), "all are connected")
	return clients


func test_peers_with_news_are_returned_and_no_others() -> void:
	var clients: Array[OpenSSLPacketPeerDTLS] = await _connected(8)
	for peer in _served:
		check(peer in _news, "that it was connected was news")
	_news = []
	for i in 5:
		_step()
	equal(_news, [] as Array[OpenSSLPacketPeerDTLS], "nothing happened")

	clients[3].put_packet("three".to_utf8_buffer())
	clients[3].put_packet("again".to_utf8_buffer())
	check(await until(func() -> bool: _step(); return not _news.is_empty()), "something came")
	equal(_news.size(), 1, "for one peer")
	var peer := _news[0]
	check(await until(func() -> bool: _step(); return peer.get_available_packet_count() == 2), "both packets")
	equal(peer.get_packet().get_string_from_utf8(), "three", "the first packet")
	_news.clear()
	_step()
	equal(_news, [peer] as Array[OpenSSLPacketPeerDTLS], "a packet is left")
	equal(peer.get_packet().get_string_from_utf8(), "again", "the second packet")
	_news.clear()
	_step()
	equal(_news, [] as Array[OpenSSLPacketPeerDTLS], "none is left")


func test_a_peer_that_ends_is_news_once() -> void:
	var clients: Array[OpenSSLPacketPeerDTLS] = await _connected(3)
	_news.clear()
	clients[1].disconnect_from_peer()
	check(await until(func() -> bool: _step(); return not _news.is_empty()), "it is told")
	equal(_news.size(), 1, "of one peer")
	equal(_news[0].get_status(), OpenSSLPacketPeerDTLS.STATUS_DISCONNECTED, "that it has ended")
	_served.erase(_news[0])
	_news.clear()
	for i in 5:
		_step()
	equal(_news, [] as Array[OpenSSLPacketPeerDTLS], "and not again")


func test_peers_that_the_script_lets_go_of_are_gone() -> void:
	var clients: Array[OpenSSLPacketPeerDTLS] = await _connected(3)
	_news.clear()
	_served.clear()
	clients[0].put_packet("anyone?".to_utf8_buffer())
	for i in 5:
		_step()
	equal(_news, [] as Array[OpenSSLPacketPeerDTLS], "nobody is there for it")
	for client in clients:
		check(
				await until(func() -> bool: client.poll(); return client.get_status() != CONNECTED),
				"the client was told goodbye")


func test_a_stopped_udp_server_is_news_of_its_peers() -> void:
	var clients: Array[OpenSSLPacketPeerDTLS] = await _connected(2)
	equal(clients.size(), 2, "connected")
	_news.clear()
	_udp_server.stop()
	check(await until(func() -> bool:
		_news.append_array(_dtls_server.poll_peers())
		return _news.size() == 2), "both ended")


func test_unfinished_handshakes_are_bounded_and_the_oldest_goes_first() -> void:
	var clients: Array[OpenSSLPacketPeerDTLS] = await _connected(1)
	equal(_dtls_server.max_handshakes, 1024, "default")
	_dtls_server.max_handshakes = 4
	var stuck: Array[OpenSSLPacketPeerDTLS] = []
	# Each sends its hello with the cookie, and nothing after that.
	for i in 6:
		var client := _client()
		stuck.append(client)
		var before := _served.size()
		check(await until(func() -> bool:
			if _served.size() == before:
				client.poll()
			_step()
			return _served.size() > before), "client %d has begun" % i)
	var statuses := _served.slice(1).map(func(peer: OpenSSLPacketPeerDTLS) -> int: return peer.get_status())
	equal(statuses, [3, 3, 1, 1, 1, 1], "the two that took longest were dropped")
	equal(_served[0].get_status(), CONNECTED, "who is connected stays")
	clients[0].put_packet("still here".to_utf8_buffer())
	check(await until(func() -> bool: _step(); return _served[0].get_available_packet_count() == 1), "and is heard")
	_served[0].get_packet()


func test_max_handshakes_takes_numbers_from_one_on() -> void:
	expect_error("the value must be 1 or more")
	var server := OpenSSLDTLSServer.new()
	server.max_handshakes = 0
	equal(server.max_handshakes, 1024, "unchanged")
	server.max_handshakes = 1
	equal(server.max_handshakes, 1, "set")


func test_the_example_server_serves() -> void:
	var server: Node = load("res://examples/many_players/server.gd").new()
	add_child(server)
	var clients: Array[OpenSSLPacketPeerDTLS] = []
	for i in 5:
		var client := OpenSSLPacketPeerDTLS.new()
		client.connect_to_peer(_kit.connected_peer(server.PORT), "localhost", TLSOptions.client_unsafe())
		clients.append(client)
	for i in 5:
		var client := clients[i]
		check(await until(func() -> bool: client.poll(); return client.get_status() == CONNECTED), "connected")
		client.put_packet(("player %d" % i).to_utf8_buffer())
		check(await until(func() -> bool: client.poll(); return client.get_available_packet_count() == 1), "answered")
		equal(client.get_packet().get_string_from_utf8(), "player %d" % i, "its own words")
	equal(server.players.size(), 5, "players")
	clients[2].disconnect_from_peer()
	check(await until(func() -> bool: return server.players.size() == 4), "one left")
	server.queue_free()
