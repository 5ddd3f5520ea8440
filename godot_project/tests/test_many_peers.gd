## Servers with many peers: `poll_peers()`, and the bounds on unfinished handshakes.
extends "res://tests/server_suite.gd"

## What poll_peers() has returned since this was cleared last.
var _news: Array[OpenSSLPacketPeerDTLS] = []


func _start_server() -> void:
	super()
	_news.clear()


func _step() -> void:
	_take()
	_news.append_array(_dtls_server.poll_peers())


func _until_connected(clients: Array[OpenSSLPacketPeerDTLS]) -> bool:
	return await until(func() -> bool:
		for client in clients:
			client.poll()
		_step()
		return (
				_served.size() == clients.size()
				and _are(clients, CONNECTED)
				and _are(_served, CONNECTED)))


func _connected(count: int) -> Array[OpenSSLPacketPeerDTLS]:
	_start_server()
	var clients: Array[OpenSSLPacketPeerDTLS] = []
	for i in count:
		clients.append(_client())
	check(await _until_connected(clients), "all are connected")
	return clients


func test_peers_with_news_are_returned_and_no_others() -> void:
	var clients: Array[OpenSSLPacketPeerDTLS] = await _connected(8)
	for peer in _served:
		check(peer in _news, "returned once it was connected")
	_news = []
	for i in 5:
		_step()
	equal(_news, [] as Array[OpenSSLPacketPeerDTLS], "nothing happened")

	clients[3].put_packet("three".to_utf8_buffer())
	clients[3].put_packet("again".to_utf8_buffer())
	check(await until(func() -> bool: _step(); return not _news.is_empty()), "a peer is returned")
	equal(_news.size(), 1, "only one")
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


func test_a_peer_that_ends_is_returned_once() -> void:
	var clients: Array[OpenSSLPacketPeerDTLS] = await _connected(3)
	_news.clear()
	clients[1].disconnect_from_peer()
	check(await until(func() -> bool: _step(); return not _news.is_empty()), "a peer is returned")
	equal(_news.size(), 1, "only one")
	equal(_news[0].get_status(), DISCONNECTED, "which has ended")
	_served.erase(_news[0])
	_news.clear()
	for i in 5:
		_step()
	equal(_news, [] as Array[OpenSSLPacketPeerDTLS], "and not again")


func test_peers_that_the_script_frees_are_disconnected() -> void:
	var clients: Array[OpenSSLPacketPeerDTLS] = await _connected(3)
	_news.clear()
	_served.clear()
	clients[0].put_packet("anyone?".to_utf8_buffer())
	for i in 5:
		_step()
	equal(_news, [] as Array[OpenSSLPacketPeerDTLS], "no peer is returned")
	for client in clients:
		check(
				await until(func() -> bool: client.poll(); return client.get_status() != CONNECTED),
				"the client is disconnected")


func test_poll_peers_returns_the_peers_of_a_stopped_udp_server() -> void:
	var clients: Array[OpenSSLPacketPeerDTLS] = await _connected(2)
	equal(clients.size(), 2, "connected")
	_news.clear()
	_udp_server.stop()
	check(await until(func() -> bool:
		_news.append_array(_dtls_server.poll_peers())
		return _news.size() == 2), "both ended")


func test_unfinished_handshakes_are_bounded_and_the_oldest_is_dropped_first() -> void:
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
	equal(_served[0].get_status(), CONNECTED, "the connected one stays")
	clients[0].put_packet("still here".to_utf8_buffer())
	check(await until(func() -> bool: _step(); return _served[0].get_available_packet_count() == 1), "and receives")
	_served[0].get_packet()


func test_the_limits_of_an_address_as_properties() -> void:
	var server := OpenSSLDTLSServer.new()
	equal(server.max_handshakes_per_address, 256, "default")
	equal(server.max_handshake_rate_per_address, 200, "default")
	for property: String in ["max_handshakes_per_address", "max_handshake_rate_per_address"]:
		for outside: int in [-1, 0x1_0000_0000]:
			expect_error("the value must be from 0 (no limit) to 4294967295")
			server.set(property, outside)
		server.set(property, 7)
		equal(server.get(property), 7, property)


func test_max_handshakes_takes_numbers_from_one_on() -> void:
	expect_error("the value must be 1 or more")
	var server := OpenSSLDTLSServer.new()
	server.max_handshakes = 0
	equal(server.max_handshakes, 1024, "unchanged")
	server.max_handshakes = 1
	equal(server.max_handshakes, 1, "set")


func test_the_example_server_echoes() -> void:
	var server: Node = load("res://examples/many_players/server.gd").new()
	add_child(server)
	var clients: Array[OpenSSLPacketPeerDTLS] = []
	for i in 5:
		var client := OpenSSLPacketPeerDTLS.new()
		client.connect_to_peer(_impl.connected_peer(server.PORT), "localhost", TLSOptions.client_unsafe())
		clients.append(client)
	for i in 5:
		var client := clients[i]
		check(await until(func() -> bool: client.poll(); return client.get_status() == CONNECTED), "connected")
		client.put_packet(("player %d" % i).to_utf8_buffer())
		check(await until(func() -> bool: client.poll(); return client.get_available_packet_count() == 1), "answered")
		equal(client.get_packet().get_string_from_utf8(), "player %d" % i, "its own packet")
	equal(server.players.size(), 5, "players")
	clients[2].disconnect_from_peer()
	check(await until(func() -> bool: return server.players.size() == 4), "one has left")
	server.queue_free()
