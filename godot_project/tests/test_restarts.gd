## A client that restarts on the address and port that it had (RFC 6347 section 4.2.8), as scripts see it, and with the
## engine's clients and UDP servers. Cookies, time limits and restarts in mid-handshake: rust/endpoint/tests.
extends "res://tests/server_suite.gd"

const SharedAddress := preload("res://tests/shared_address.gd")

## How soon a restarted client is connected, in milliseconds.
const RESTART_LIMIT_MSEC := 3000

## The engine's classes.
var _engine := Implementation.new(false)


## A client's UDP peer on a port of its own choice; 0 for any.
func _udp_on(port: int, impl := _impl) -> PacketPeer:
	var udp := impl.udp_peer()
	equal(udp.bind(port, "127.0.0.1"), OK, "bound")
	equal(udp.connect_to_host("127.0.0.1", _udp_server.get_local_port()), OK, "connected")
	return udp


func _begin(udp: PacketPeer, impl := _impl) -> PacketPeer:
	var client := impl.dtls_peer()
	client.connect_to_peer(udp, "localhost", TLSOptions.client_unsafe())
	return client


func _connected(client: PacketPeer, peers: int) -> bool:
	return await until(func() -> bool:
		client.poll()
		_serve()
		return (
				client.get_status() == CONNECTED
				and _served.size() == peers
				and _served[-1].get_status() == CONNECTED))


func test_a_restarted_client_is_a_new_peer_and_the_old_one_ends() -> void:
	var udp := _udp_on(0)
	var port: int = udp.get_local_port()
	var client := _begin(udp)
	check(await _connected(client, 1), "connected")
	client.put_packet("before".to_utf8_buffer())
	check(await until(func() -> bool: _serve(); return _served[0].get_available_packet_count() == 1), "a packet")
	equal(_served[0].get_packet().get_string_from_utf8(), "before", "the first session's")

	# As in a crash: the socket is closed before the peer can send its close_notify.
	udp.close()
	var restarted := _begin(_udp_on(port))
	check(await _connected(restarted, 2), "connected again")
	equal(_served[0].get_status(), DISCONNECTED, "the old session is over")
	restarted.put_packet("after".to_utf8_buffer())
	check(await until(func() -> bool: _serve(); return _served[1].get_available_packet_count() == 1), "a packet")
	equal(_served[1].get_packet().get_string_from_utf8(), "after", "the second session's")
	_served[1].put_packet("welcome back".to_utf8_buffer())
	check(await until(func() -> bool: restarted.poll(); return restarted.get_available_packet_count() == 1), "the answer")
	equal(restarted.get_packet().get_string_from_utf8(), "welcome back", "the answer's text")


func test_a_restart_is_seen_by_poll_peers() -> void:
	var udp := _udp_on(0)
	var port: int = udp.get_local_port()
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
	check(_served[0] in news, "the old one is returned when it ended")
	check(_served[1] in news, "and the new one when it is connected")


## Takes the packets that a peer has, as text.
func _texts(peer: PacketPeer) -> PackedStringArray:
	var texts: PackedStringArray = []
	while peer.get_available_packet_count() > 0:
		texts.append(peer.get_packet().get_string_from_utf8())
	return texts


## Sends a packet each way.
func _exchange(client: PacketPeer, served: PacketPeer, text: String, address: SharedAddress = null) -> void:
	for ends: Array in [[client, served], [served, client]]:
		var got: PackedStringArray = []
		equal(ends[0].put_packet(text.to_utf8_buffer()), OK, "put")
		check(await until(func() -> bool:
			if address:
				address.step()
			client.poll()
			_serve()
			got = _texts(ends[1])
			return text in got), "%s arrives: %s" % [text, got])


## A client behind a shared address; [client, address].
func _shared(impl: Implementation) -> Array:
	var address := SharedAddress.new(_udp_server.get_local_port())
	var client := _begin(impl.connected_peer(address.open()), impl)
	check(await until(func() -> bool:
		address.step()
		client.poll()
		_serve()
		return client.get_status() == CONNECTED and not _served.is_empty() and _served[0].get_status() == CONNECTED), "connected")
	return [client, address]


func test_a_hello_with_a_cookie_is_not_answered_while_the_engines_client_sends() -> void:
	var shared: Array = await _shared(_engine)
	var client: PacketPeer = shared[0]
	var address: SharedAddress = shared[1]
	var before := address.server_hellos
	var second := _begin(_impl.connected_peer(address.open()))
	var sent: PackedStringArray = []
	var received: PackedStringArray = []
	for i in 50:
		sent.append("packet %d" % i)
		client.put_packet(sent[-1].to_utf8_buffer())
		for j in 4:
			await get_tree().create_timer(0.025).timeout
			for peer: PacketPeer in [client, second]:
				peer.poll()
			address.step()
			_serve()
		received.append_array(_texts(_served[0]))
	await _exchange(client, _served[0], "the last", address)
	equal(received, sent, "the packets of five seconds")
	equal(_served.size(), 1, "no new peer")
	equal(_served[0].get_status(), CONNECTED, "the session stays")
	equal(client.get_status() as int, CONNECTED as int, "at the client too")
	equal(second.get_status() as int, HANDSHAKING as int, "the second client waits")
	equal(address.server_hellos, before, "no handshake is answered")
	second.disconnect_from_peer()


func test_a_silent_client_of_the_engine_keeps_its_session_while_a_second_handshake_is_unfinished() -> void:
	var shared: Array = await _shared(_engine)
	var client: PacketPeer = shared[0]
	var address: SharedAddress = shared[1]
	var before := address.server_hellos
	var second := _begin(_impl.connected_peer(address.open()))
	var begin := Time.get_ticks_msec()
	while Time.get_ticks_msec() < begin + 4500:
		# By then it has shown its cookie; it does not go on.
		if Time.get_ticks_msec() < begin + 500:
			second.poll()
		address.step()
		client.poll()
		_serve()
		await get_tree().process_frame
	check(address.server_hellos > before, "the second hello is answered, at the client's address")
	equal(_served.size(), 1, "no new peer")
	equal(_served[0].get_status(), CONNECTED, "the session stays")
	equal(client.get_status() as int, CONNECTED as int, "the client is not disturbed")
	await _exchange(client, _served[0], "still me", address)
	# The second handshake is dropped: what its client sends now is ignored.
	for i in 100:
		second.poll()
		address.step()
		client.poll()
		_serve()
		await get_tree().process_frame
	equal(_served.size(), 1, "no new peer")
	await _exchange(client, _served[0], "and still", address)
	second.disconnect_from_peer()


func test_a_restarted_client_of_the_engine_is_connected_within_three_seconds() -> void:
	var udp := _udp_on(0, _engine)
	var port: int = udp.get_local_port()
	var client := _begin(udp, _engine)
	check(await _connected(client, 1), "connected")
	await _exchange(client, _served[0], "before")
	udp.close()
	client = null
	var restarted := _begin(_udp_on(port, _engine), _engine)
	var begin := Time.get_ticks_msec()
	var seen: Array[int] = []
	check(await until(func() -> bool:
		restarted.poll()
		# A game server goes on sending to its old peer.
		if _served[0].get_status() == CONNECTED:
			_served[0].put_packet("state of the world".to_utf8_buffer())
		_serve()
		if _served.size() == 2 and (seen.is_empty() or seen[-1] != _served[1].get_status()):
			seen.append(_served[1].get_status())
		return restarted.get_status() == CONNECTED and _served.size() == 2 and _served[1].get_status() == CONNECTED), "connected again")
	var spent := Time.get_ticks_msec() - begin
	check(spent > 1900 and spent < TimeLimit.scaled(RESTART_LIMIT_MSEC), "after %d ms" % spent)
	equal(seen, [CONNECTED] as Array[int], "it is polled once and connected")
	equal(_served[0].get_status(), DISCONNECTED, "the old session is over")
	await _exchange(restarted, _served[1], "after")
	equal(_served.size(), 2, "one new peer")


## Enough for handshakes to go to threads.
func test_many_clients_restart_at_once() -> void:
	const COUNT := 12
	var udps: Array[PacketPeer] = []
	var clients: Array[PacketPeer] = []
	for i in COUNT:
		udps.append(_udp_on(0))
		clients.append(_begin(udps[i]))
	var all_connected := func(peers: int) -> bool:
		return await until(func() -> bool:
			_serve()
			for client in clients:
				client.poll()
			return (
					_served.size() == peers
					and clients.all(func(client: PacketPeer) -> bool: return client.get_status() == CONNECTED)
					and _served.slice(-COUNT).all(func(peer: PacketPeer) -> bool: return peer.get_status() == CONNECTED)))
	check(await all_connected.call(COUNT), "connected")
	clients.clear()
	for i in COUNT:
		var port: int = udps[i].get_local_port()
		udps[i].close()
		udps[i] = _udp_on(port)
		clients.append(_begin(udps[i]))
	check(await all_connected.call(2 * COUNT), "connected again")
	for peer in _served.slice(0, COUNT):
		equal(peer.get_status(), DISCONNECTED, "the old session is over")
	for i in COUNT:
		clients[i].put_packet([i])
	var received: Array[int] = []
	check(await until(func() -> bool:
		_serve()
		for peer in _served.slice(COUNT):
			if peer.get_available_packet_count() > 0:
				received.append(peer.get_packet()[0])
		return received.size() == COUNT), "a packet of each")
	received.sort()
	for i in COUNT:
		equal(received[i], i, "once")


func test_idle_timeout_does_not_end_a_session_whose_client_restarts() -> void:
	_dtls_server.idle_timeout = 1.0
	var udp := _udp_on(0)
	var port: int = udp.get_local_port()
	var client := _begin(udp)
	check(await _connected(client, 1), "connected")
	udp.close()
	check(await _connected(_begin(_udp_on(port)), 2), "connected again")
	equal(_served[0].get_status(), DISCONNECTED, "the old session is over")


func test_a_restarted_client_is_pending_until_there_is_room() -> void:
	var udp := _udp_on(0)
	var port: int = udp.get_local_port()
	var client := _begin(udp)
	check(await _connected(client, 1), "connected")
	udp.close()
	_udp_server.max_pending_connections = 0
	var restarted := _begin(_udp_on(port))
	check(await until(func() -> bool:
		restarted.poll()
		_serve()
		return restarted.get_status() == CONNECTED), "its handshake is finished")
	for i in 10:
		_serve()
	equal(_served.size(), 1, "no peer may be pending")
	equal(_served[0].get_status(), CONNECTED, "so the old peer stays")
	restarted.put_packet("pending".to_utf8_buffer())
	for i in 10:
		_serve()
		await get_tree().process_frame
	_udp_server.max_pending_connections = 16
	check(await _connected(restarted, 2), "taken once there is room")
	check(await until(func() -> bool: _serve(); return _texts(_served[1]) == PackedStringArray(["pending"])), "with its packet")


func test_a_restarted_client_that_the_script_never_takes() -> void:
	var udp := _udp_on(0)
	var port: int = udp.get_local_port()
	var client := _begin(udp)
	check(await _connected(client, 1), "connected")
	udp.close()
	var restarted := _begin(_udp_on(port))
	check(await until(func() -> bool:
		restarted.poll()
		_udp_server.poll()
		_served[0].poll()
		return restarted.get_status() == CONNECTED and _served[0].get_status() == DISCONNECTED), "the new session has replaced the old one")
	check(_udp_server.is_connection_available(), "it is pending")
	# Another DTLS server has no session for it.
	var other: OpenSSLDTLSServer = _impl.ready_server()
	equal(other.take_connection(_udp_server.take_connection()).get_status(), ERROR, "no hello")
	_dtls_server = null
	_udp_server.stop()


func test_a_restart_on_the_engines_udp_server() -> void:
	_udp_server = _engine.listening_server()
	var udp := _udp_on(0)
	var port: int = udp.get_local_port()
	var client := _begin(udp)
	check(await _connected(client, 1), "connected")
	await _exchange(client, _served[0], "before")
	udp.close()
	var restarted := _begin(_udp_on(port))
	check(await until(func() -> bool:
		restarted.poll()
		_serve()
		return restarted.get_status() == CONNECTED and _served[0].get_status() == DISCONNECTED), "its handshake is finished")
	# The engine's server shows it with its next packet.
	restarted.put_packet("after".to_utf8_buffer())
	check(await _connected(restarted, 2), "connected again")
	check(await until(func() -> bool: _serve(); return _texts(_served[1]) == PackedStringArray(["after"])), "with its packet")
	await _exchange(restarted, _served[1], "and on")


## A NAT that drops its mapping, a phone that changes its network: DTLS 1.2 without connection IDs cannot follow.
func test_idle_timeout_ends_a_connection_whose_port_changed_and_it_can_connect_again() -> void:
	_dtls_server.idle_timeout = 1.0
	var address := SharedAddress.new(_udp_server.get_local_port())
	var udp := _impl.connected_peer(address.open())
	var client: OpenSSLPacketPeerDTLS = _impl.dtls_peer()
	client.idle_timeout = 1.0
	for round_number in 2:
		equal(client.connect_to_peer(udp, "localhost", TLSOptions.client_unsafe()), OK, "connect")
		check(await until(func() -> bool:
			address.step()
			client.poll()
			_serve()
			return (
					client.get_status() == CONNECTED
					and _served.size() == round_number + 1
					and _served[-1].get_status() == CONNECTED)), "connected")
		await _exchange(client, _served[-1], "round %d" % round_number, address)
		if round_number == 1:
			break
		expect_error("PacketPeerDTLS: ended, since nothing came from the server for 1s (idle_timeout)")
		address.change_port()
		check(await until(func() -> bool:
			if client.get_status() == CONNECTED:
				client.put_packet("anyone?".to_utf8_buffer())
			address.step()
			client.poll()
			_serve()
			return client.get_status() == ERROR), "the client's status shows it")
		check(await until(func() -> bool:
			_serve()
			return _served[0].get_status() == ERROR), "so does that of the server's peer")
		equal(_served.size(), 1, "records of no session make no peer")


func test_our_client_restarts_at_the_engines_server() -> void:
	_udp_server = _engine.listening_server()
	var dtls_server: RefCounted = _engine.ready_server()
	var peers: Array[PacketPeer] = []
	var serve := func() -> void:
		_udp_server.poll()
		while _udp_server.is_connection_available():
			var peer: PacketPeer = dtls_server.take_connection(_udp_server.take_connection())
			if peer.get_status() == HANDSHAKING:
				peers.append(peer)
		for peer in peers:
			peer.poll()
		peers.assign(peers.filter(func(peer: PacketPeer) -> bool: return peer.get_status() in [HANDSHAKING, CONNECTED]))
	var connected := func(client: PacketPeer) -> bool:
		return await until(func() -> bool:
			client.poll()
			serve.call()
			return client.get_status() == CONNECTED and not peers.is_empty() and peers[-1].get_status() == CONNECTED, 20.0)
	var udp := _udp_on(0)
	var port: int = udp.get_local_port()
	var client := _begin(udp)
	check(await connected.call(client), "connected")
	udp.close()
	# The engine ends the old peer at the hello, with this line; the next hello makes a new one.
	expect_error("mbedtls error: returned -0x6780")
	check(await connected.call(_begin(_udp_on(port))), "connected again")
