## Many clients at once: threads do their handshakes, and to a script it looks as if it had done them itself.
extends "res://tests/suite.gd"

const Implementation := preload("res://tests/implementation.gd")

const HANDSHAKING := OpenSSLPacketPeerDTLS.STATUS_HANDSHAKING
const CONNECTED := OpenSSLPacketPeerDTLS.STATUS_CONNECTED
const CROWD := 40

## Just too many for the script's own thread.
const SMALL_CROWD := 6

var _impl := Implementation.new(true)
var _udp_server: OpenSSLUDPServer
var _dtls_server: OpenSSLDTLSServer
var _clients: Array[OpenSSLPacketPeerDTLS] = []
var _served: Array[OpenSSLPacketPeerDTLS] = []

## Of each of _served: the statuses that it was seen in, in order and without repetitions.
var _seen: Array[Array] = []


func before_each() -> void:
	_udp_server = _impl.listening_server()
	_udp_server.max_pending_connections = 2 * CROWD
	_dtls_server = _impl.ready_server()
	_clients.clear()
	_served.clear()
	_seen.clear()
	for i in CROWD:
		_clients.append(_client())


func _client() -> OpenSSLPacketPeerDTLS:
	var client := OpenSSLPacketPeerDTLS.new()
	client.connect_to_peer(_impl.connected_peer(_udp_server.get_local_port()), "localhost", TLSOptions.client_unsafe())
	return client


## Polls the clients, and takes those whose cookie holds.
func _take() -> void:
	for client in _clients:
		client.poll()
	while _udp_server.is_connection_available():
		var peer := _dtls_server.take_connection(_udp_server.take_connection())
		if peer.get_status() == HANDSHAKING:
			_served.append(peer)
			_seen.append([HANDSHAKING])


## One frame of a server that polls each peer.
func _step() -> void:
	_take()
	for i in _served.size():
		_served[i].poll()
		var status := _served[i].get_status()
		if status != _seen[i].back():
			_seen[i].append(status)


func _are(peers: Array[OpenSSLPacketPeerDTLS], status: OpenSSLPacketPeerDTLS.Status) -> bool:
	return peers.all(func(peer: OpenSSLPacketPeerDTLS) -> bool: return peer.get_status() == status)


func _all_connect() -> bool:
	return await until(func() -> bool:
		_step()
		return _served.size() == _clients.size() and _are(_clients, CONNECTED) and _are(_served, CONNECTED))


## Steps until all that may come have been taken.
func _until_taken(count: int) -> bool:
	return await until(func() -> bool:
		_take()
		return _served.size() >= count)


func test_all_are_connected_and_each_gets_what_is_its_own() -> void:
	check(await _all_connect(), "all are connected")
	for seen in _seen:
		equal(seen, [HANDSHAKING, CONNECTED], "the way of each")
	for i in CROWD:
		_clients[i].put_packet([i])
	var echoes: Array[int] = []
	check(await until(func() -> bool:
		_step()
		for peer in _served:
			while peer.get_available_packet_count() > 0:
				peer.put_packet(peer.get_packet())
		for i in CROWD:
			if _clients[i].get_available_packet_count() > 0:
				equal(_clients[i].get_packet(), PackedByteArray([i]), "the echo of client %d" % i)
				echoes.append(i)
		return echoes.size() == CROWD), "all echoes come")


func test_poll_peers_tells_of_each_once_it_is_connected() -> void:
	var told: Array[OpenSSLPacketPeerDTLS] = []
	check(await until(func() -> bool:
		_take()
		told.append_array(_dtls_server.poll_peers())
		return told.size() >= CROWD), "all are news")
	check(_are(told, CONNECTED), "as connected")
	for peer in _served:
		equal(told.count(peer), 1, "each once")


func test_peers_that_are_let_go_of_in_the_middle_leave_the_others_alone() -> void:
	check(await _until_taken(CROWD), "all are taken")
	# A client has heard nothing by then that it could not have dreamt.
	for i in range(CROWD - 1, -1, -2):
		_served.remove_at(i)
		_seen.remove_at(i)
	var is_done := await until(func() -> bool:
		_step()
		return _are(_served.slice(0, CROWD / 2), CONNECTED))
	check(is_done, "the others are connected")
	_served.clear()
	_clients = [_client()]
	check(await _all_connect(), "a new client comes in")


func test_peers_that_are_disconnected_in_the_middle_stay_so() -> void:
	check(await _until_taken(CROWD), "all are taken")
	var ended := _served.duplicate()
	for peer: OpenSSLPacketPeerDTLS in ended:
		peer.disconnect_from_peer()
	for i in 20:
		for peer: OpenSSLPacketPeerDTLS in ended:
			peer.poll()
		await frames(1)
	check(_are(ended, OpenSSLPacketPeerDTLS.STATUS_DISCONNECTED), "all are disconnected")


func test_servers_that_are_let_go_of_in_the_middle() -> void:
	check(await _until_taken(CROWD), "all are taken")
	_dtls_server = null
	await frames(2)
	_udp_server.stop()
	_udp_server = null
	for i in 20:
		for peer in _served:
			peer.poll()
		await frames(1)
	for peer in _served:
		check(peer.get_status() in [HANDSHAKING, OpenSSLPacketPeerDTLS.STATUS_ERROR], "nobody is connected")
	# Their server is gone, in the midst of what was due.
	_clients.clear()


func test_a_panic_on_a_thread_ends_one_peer_and_says_so() -> void:
	# Each panic takes a while, for it is printed with all that led to it.
	_clients.resize(SMALL_CROWD)
	check(await _until_taken(SMALL_CROWD), "all are taken")
	expect_error("DTLSServer: it failed in a way that it should not")
	expect_error("panics.rs")
	OS.set_environment("OPENSSL_DTLS_PANIC", "on a thread of the crew")
	var is_one_gone := await until(func() -> bool:
		_step()
		return _served.any(func(peer: OpenSSLPacketPeerDTLS) -> bool:
			return peer.get_status() == OpenSSLPacketPeerDTLS.STATUS_ERROR))
	OS.unset_environment("OPENSSL_DTLS_PANIC")
	check(is_one_gone, "a peer ended")
