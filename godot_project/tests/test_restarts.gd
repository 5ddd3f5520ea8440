## A client that starts again on the address and port that it had (RFC 6347 section 4.2.8).
extends "res://tests/suite.gd"

const Implementation := preload("res://tests/implementation.gd")
const SharedAddress := preload("res://tests/shared_address.gd")

const HANDSHAKING := OpenSSLPacketPeerDTLS.STATUS_HANDSHAKING
const CONNECTED := OpenSSLPacketPeerDTLS.STATUS_CONNECTED
const DISCONNECTED := OpenSSLPacketPeerDTLS.STATUS_DISCONNECTED

## How soon a client that was started again is connected, in milliseconds.
const SOON := 3000

var _impl := Implementation.new(true)

## The engine's classes.
var _engine := Implementation.new(false)

var _udp_server: RefCounted
var _dtls_server: OpenSSLDTLSServer
var _served: Array[OpenSSLPacketPeerDTLS] = []


func before_each() -> void:
	_udp_server = _impl.listening_server()
	_dtls_server = _impl.ready_server()
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
	var port: int = udp.get_local_port()
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
	var port: int = udp.get_local_port()
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
	check(_served[0] in news, "that the old one ended is news")
	check(_served[1] in news, "that the new one is connected, too")


## Takes the packets that a peer has, as text.
func _texts(peer: PacketPeer) -> PackedStringArray:
	var texts: PackedStringArray = []
	while peer.get_available_packet_count() > 0:
		texts.append(peer.get_packet().get_string_from_utf8())
	return texts


## A packet each way.
func _talk(client: PacketPeer, served: PacketPeer, text: String, carrier: SharedAddress = null) -> void:
	for ends: Array in [[client, served], [served, client]]:
		var got: PackedStringArray = []
		equal(ends[0].put_packet(text.to_utf8_buffer()), OK, "put")
		check(await until(func() -> bool:
			if carrier:
				carrier.step()
			client.poll()
			_serve()
			got = _texts(ends[1])
			return text in got), "%s arrives: %s" % [text, got])


## A client behind an address that others share; [client, where they do].
func _shared(impl: Implementation) -> Array:
	var carrier := SharedAddress.new(_udp_server.get_local_port())
	var client := _begin(impl.connected_peer(carrier.open()), impl)
	check(await until(func() -> bool:
		carrier.step()
		client.poll()
		_serve()
		return client.get_status() == CONNECTED and not _served.is_empty() and _served[0].get_status() == CONNECTED), "connected")
	return [client, carrier]


func test_who_shows_a_cookie_at_the_address_of_a_client_that_speaks_is_not_answered() -> void:
	for impl: Implementation in [_impl, _engine]:
		before_each()
		var shared: Array = await _shared(impl)
		var client: PacketPeer = shared[0]
		var carrier: SharedAddress = shared[1]
		var before := carrier.server_hellos
		var newcomer := _begin(_impl.connected_peer(carrier.open()))
		var said: PackedStringArray = []
		var heard: PackedStringArray = []
		for i in 50:
			said.append("packet %d" % i)
			client.put_packet(said[-1].to_utf8_buffer())
			for j in 4:
				await get_tree().create_timer(0.025).timeout
				for peer: PacketPeer in [client, newcomer]:
					peer.poll()
				carrier.step()
				_serve()
			heard.append_array(_texts(_served[0]))
		await _talk(client, _served[0], "the last", carrier)
		equal(heard, said, "what was said in five seconds")
		equal(_served.size(), 1, "no new peer")
		equal(_served[0].get_status(), CONNECTED, "the session stays")
		equal(client.get_status() as int, CONNECTED as int, "at the client too")
		equal(newcomer.get_status() as int, HANDSHAKING as int, "the newcomer waits")
		equal(carrier.server_hellos, before, "no handshake is answered")
		newcomer.disconnect_from_peer()


func test_a_silent_client_keeps_its_session_while_a_newcomer_does_not_finish() -> void:
	for impl: Implementation in [_impl, _engine]:
		before_each()
		var shared: Array = await _shared(impl)
		var client: PacketPeer = shared[0]
		var carrier: SharedAddress = shared[1]
		var before := carrier.server_hellos
		var newcomer := _begin(_impl.connected_peer(carrier.open()))
		var begin := Time.get_ticks_msec()
		while Time.get_ticks_msec() < begin + 4500:
			# It has shown its cookie by then, and does not go on.
			if Time.get_ticks_msec() < begin + 500:
				newcomer.poll()
			carrier.step()
			client.poll()
			_serve()
			await get_tree().process_frame
		check(carrier.server_hellos > before, "it is answered, at the client's address")
		equal(_served.size(), 1, "no new peer")
		equal(_served[0].get_status(), CONNECTED, "the session stays")
		equal(client.get_status() as int, CONNECTED as int, "the client is not disturbed")
		await _talk(client, _served[0], "still me", carrier)
		# The handshake is over: what the newcomer sends now is for nobody.
		for i in 100:
			newcomer.poll()
			carrier.step()
			client.poll()
			_serve()
			await get_tree().process_frame
		equal(_served.size(), 1, "no new peer")
		await _talk(client, _served[0], "and still", carrier)
		newcomer.disconnect_from_peer()


func test_a_client_that_is_started_again_is_connected_within_three_seconds() -> void:
	for impl: Implementation in [_impl, _engine]:
		before_each()
		var udp := _udp_on(0, impl)
		var port: int = udp.get_local_port()
		var client := _begin(udp, impl)
		check(await _connected(client, 1), "connected")
		await _talk(client, _served[0], "before")
		udp.close()
		client = null
		var restarted := _begin(_udp_on(port, impl), impl)
		var begin := Time.get_ticks_msec()
		var seen: Array[int] = []
		check(await until(func() -> bool:
			restarted.poll()
			# A game server goes on sending to the player that it knows.
			if _served[0].get_status() == CONNECTED:
				_served[0].put_packet("state of the world".to_utf8_buffer())
			_serve()
			if _served.size() == 2 and (seen.is_empty() or seen[-1] != _served[1].get_status()):
				seen.append(_served[1].get_status())
			return restarted.get_status() == CONNECTED and _served.size() == 2 and _served[1].get_status() == CONNECTED), "connected again")
		var spent := Time.get_ticks_msec() - begin
		check(spent > 1900 and spent < SOON, "after %d ms" % spent)
		equal(seen, [CONNECTED] as Array[int], "it is polled once and connected")
		equal(_served[0].get_status(), DISCONNECTED, "the old session is over")
		await _talk(restarted, _served[1], "after")
		equal(_served.size(), 2, "one new peer")


## As many as threads do the handshakes of.
func test_many_clients_that_are_started_again_at_once() -> void:
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
	var heard: Array[int] = []
	check(await until(func() -> bool:
		_serve()
		for peer in _served.slice(COUNT):
			if peer.get_available_packet_count() > 0:
				heard.append(peer.get_packet()[0])
		return heard.size() == COUNT), "each is heard")
	heard.sort()
	for i in COUNT:
		equal(heard[i], i, "once")


func test_a_restarted_client_is_waited_for_although_idle_timeout_is_over() -> void:
	_dtls_server.idle_timeout = 1.0
	var udp := _udp_on(0)
	var port: int = udp.get_local_port()
	var client := _begin(udp)
	check(await _connected(client, 1), "connected")
	udp.close()
	check(await _connected(_begin(_udp_on(port)), 2), "connected again")
	equal(_served[0].get_status(), DISCONNECTED, "the old session is over")


func test_a_restarted_client_waits_while_no_peer_may_be_pending() -> void:
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
	equal(_served.size(), 1, "nobody may come")
	equal(_served[0].get_status(), CONNECTED, "so that the old peer stays")
	restarted.put_packet("patience".to_utf8_buffer())
	for i in 10:
		_serve()
		await get_tree().process_frame
	_udp_server.max_pending_connections = 16
	check(await _connected(restarted, 2), "shown once there is room")
	check(await until(func() -> bool: _serve(); return _texts(_served[1]) == PackedStringArray(["patience"])), "with its packet")


func test_a_restarted_client_that_the_script_does_not_take() -> void:
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
		return restarted.get_status() == CONNECTED and _served[0].get_status() == DISCONNECTED), "handed over")
	check(_udp_server.is_connection_available(), "it waits")
	# Another server knows nothing of it.
	var other: OpenSSLDTLSServer = _impl.ready_server()
	equal(other.take_connection(_udp_server.take_connection()).get_status(), OpenSSLPacketPeerDTLS.STATUS_ERROR, "no hello")
	_dtls_server = null
	_udp_server.stop()


func test_a_restart_on_the_engines_udp_server() -> void:
	_udp_server = _engine.listening_server()
	var udp := _udp_on(0)
	var port: int = udp.get_local_port()
	var client := _begin(udp)
	check(await _connected(client, 1), "connected")
	await _talk(client, _served[0], "before")
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
	await _talk(restarted, _served[1], "and on")


## A NAT that forgets the connection, a phone that changes its network: DTLS 1.2 without connection IDs cannot follow.
func test_a_client_whose_port_changes_is_told_by_idle_timeout_and_can_connect_again() -> void:
	_dtls_server.idle_timeout = 1.0
	var carrier := SharedAddress.new(_udp_server.get_local_port())
	var udp := _impl.connected_peer(carrier.open())
	var client: OpenSSLPacketPeerDTLS = _impl.dtls_peer()
	client.idle_timeout = 1.0
	for round_number in 2:
		equal(client.connect_to_peer(udp, "localhost", TLSOptions.client_unsafe()), OK, "connect")
		check(await until(func() -> bool:
			carrier.step()
			client.poll()
			_serve()
			return (
					client.get_status() == CONNECTED
					and _served.size() == round_number + 1
					and _served[-1].get_status() == CONNECTED)), "connected")
		await _talk(client, _served[-1], "round %d" % round_number, carrier)
		if round_number == 1:
			break
		expect_error("PacketPeerDTLS: ended, since nothing came from the server for 1s (idle_timeout)")
		carrier.change_port()
		check(await until(func() -> bool:
			if client.get_status() == CONNECTED:
				client.put_packet("anyone?".to_utf8_buffer())
			carrier.step()
			client.poll()
			_serve()
			return client.get_status() == OpenSSLPacketPeerDTLS.STATUS_ERROR), "the client's status tells")
		check(await until(func() -> bool:
			_serve()
			return _served[0].get_status() == OpenSSLPacketPeerDTLS.STATUS_ERROR), "so does the server's peer's")
		equal(_served.size(), 1, "records of no session make no peer")


func test_our_client_started_again_at_the_engines_server() -> void:
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
	# Its peer ends upon the hello, with this line, and the next hello makes a new one.
	expect_error("mbedtls error: returned -0x6780")
	check(await connected.call(_begin(_udp_on(port))), "connected again")


## The first datagram of a client that nobody answers.
func _first_hello() -> PackedByteArray:
	var listener: OpenSSLPacketPeerUDP = _impl.bound_peer()
	var stranger := _begin(_impl.connected_peer(listener.get_local_port()))
	check(await until(func() -> bool: return listener.get_available_packet_count() > 0), "a hello")
	stranger.disconnect_from_peer()
	return listener.get_packet()
