## Many handshakes at once are done on threads; a script sees what it would see without threads.
extends "res://tests/server_suite.gd"

const CLIENTS := 40

## Just enough for handshakes to go to threads.
const FEW_CLIENTS := 6

var _clients: Array[OpenSSLPacketPeerDTLS] = []

## For each of _served: the statuses that it had, in order and without repetitions.
var _seen: Array[Array] = []


func before_each() -> void:
	_start_server()
	_udp_server.max_pending_connections = 2 * CLIENTS
	_clients.clear()
	_seen.clear()
	for i in CLIENTS:
		_clients.append(_client())


## Polls the clients, and takes those that have shown their cookie.
func _take() -> void:
	for client in _clients:
		client.poll()
	super()
	while _seen.size() < _served.size():
		_seen.append([HANDSHAKING])


## One frame of a server that polls each peer.
func _step() -> void:
	_take()
	for i in _served.size():
		_served[i].poll()
		var status := _served[i].get_status()
		if status != _seen[i].back():
			_seen[i].append(status)


func _all_connect() -> bool:
	return await until(func() -> bool:
		_step()
		return _served.size() == _clients.size() and _are(_clients, CONNECTED) and _are(_served, CONNECTED))


## Takes clients until there are so many.
func _until_taken(count: int) -> bool:
	return await until(func() -> bool:
		_take()
		return _served.size() >= count)


func test_all_are_connected_and_each_gets_its_own_packets() -> void:
	check(await _all_connect(), "all are connected")
	for seen in _seen:
		equal(seen, [HANDSHAKING, CONNECTED], "the statuses of each")
	for i in CLIENTS:
		_clients[i].put_packet([i])
	var echoes: Array[int] = []
	check(await until(func() -> bool:
		_step()
		for peer in _served:
			while peer.get_available_packet_count() > 0:
				peer.put_packet(peer.get_packet())
		for i in CLIENTS:
			if _clients[i].get_available_packet_count() > 0:
				equal(_clients[i].get_packet(), PackedByteArray([i]), "the echo of client %d" % i)
				echoes.append(i)
		return echoes.size() == CLIENTS), "all echoes arrive")


func test_poll_peers_returns_each_once_it_is_connected() -> void:
	var returned: Array[OpenSSLPacketPeerDTLS] = []
	check(await until(func() -> bool:
		_take()
		returned.append_array(_dtls_server.poll_peers())
		return returned.size() >= CLIENTS), "all are returned")
	check(_are(returned, CONNECTED), "as connected")
	for peer in _served:
		equal(returned.count(peer), 1, "each once")


func test_peers_freed_during_their_handshake_do_not_disturb_the_others() -> void:
	check(await _until_taken(CLIENTS), "all are taken")
	for i in range(CLIENTS - 1, -1, -2):
		_served.remove_at(i)
		_seen.remove_at(i)
	var is_done := await until(func() -> bool:
		_step()
		return _are(_served.slice(0, CLIENTS / 2), CONNECTED))
	check(is_done, "the others are connected")
	_served.clear()
	_clients = [_client()]
	check(await _all_connect(), "a new client connects")


func test_peers_disconnected_during_their_handshake_stay_disconnected() -> void:
	check(await _until_taken(CLIENTS), "all are taken")
	var ended := _served.duplicate()
	for peer: OpenSSLPacketPeerDTLS in ended:
		peer.disconnect_from_peer()
	for i in 20:
		for peer: OpenSSLPacketPeerDTLS in ended:
			peer.poll()
		await frames(1)
	check(_are(ended, DISCONNECTED), "all are disconnected")


func test_servers_freed_during_handshakes() -> void:
	check(await _until_taken(CLIENTS), "all are taken")
	_dtls_server = null
	await frames(2)
	_udp_server.stop()
	_udp_server = null
	for i in 20:
		for peer in _served:
			peer.poll()
		await frames(1)
	for peer in _served:
		check(peer.get_status() in [HANDSHAKING, ERROR], "no peer is connected")
	_clients.clear()


func test_a_panic_on_a_handshake_thread_ends_one_peer_and_is_reported() -> void:
	# Each panic takes a while: its backtrace is printed.
	_clients.resize(FEW_CLIENTS)
	check(await _until_taken(FEW_CLIENTS), "all are taken")
	expect_error("DTLSServer: it failed in a way that it should not")
	expect_error("fail_point.rs")
	OS.set_environment("OPENSSL_DTLS_PANIC", "on a thread of the handshake pool")
	var is_one_gone := await until(func() -> bool:
		_step()
		return _served.any(func(peer: OpenSSLPacketPeerDTLS) -> bool:
			return peer.get_status() == ERROR))
	OS.unset_environment("OPENSSL_DTLS_PANIC")
	check(is_one_gone, "a peer ended")
