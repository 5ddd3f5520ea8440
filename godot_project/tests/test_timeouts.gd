## Timeouts of handshakes, retransmissions and silent peers, and the size of handshake datagrams.
extends "res://tests/suite.gd"

const Implementation := preload("res://tests/implementation.gd")
const Pair := preload("res://tests/pair.gd")

const HANDSHAKING := OpenSSLPacketPeerDTLS.STATUS_HANDSHAKING
const CONNECTED := OpenSSLPacketPeerDTLS.STATUS_CONNECTED
const ERROR := OpenSSLPacketPeerDTLS.STATUS_ERROR

var _impl := Implementation.new(true)


func test_defaults_and_accepted_values() -> void:
	for object: RefCounted in [OpenSSLPacketPeerDTLS.new(), OpenSSLDTLSServer.new()]:
		equal(object.handshake_timeout, 60.0, "handshake_timeout")
		equal(object.retransmission_timeout, 1.0, "retransmission_timeout")
		equal(object.idle_timeout, 0.0, "idle_timeout")
		equal(object.max_datagram, 1152, "max_datagram")
		object.handshake_timeout = 2.5
		object.retransmission_timeout = 0.25
		object.idle_timeout = 30
		equal(object.handshake_timeout, 2.5, "handshake_timeout")
		equal(object.retransmission_timeout, 0.25, "retransmission_timeout")
		equal(object.idle_timeout, 30.0, "idle_timeout")
		for bytes: int in [256, 1500]:
			object.max_datagram = bytes
			equal(object.max_datagram, bytes, "max_datagram")


func test_values_out_of_range_are_refused_by_name() -> void:
	for object: RefCounted in [OpenSSLPacketPeerDTLS.new(), OpenSSLDTLSServer.new()]:
		for property: String in ["handshake_timeout", "retransmission_timeout", "idle_timeout"]:
			var before: float = object.get(property)
			for value: float in [-1.0, NAN, INF]:
				expect_error(property)
				object.set(property, value)
			equal(object.get(property), before, property)
		expect_error("handshake_timeout")
		object.handshake_timeout = 0
		expect_error("retransmission_timeout")
		object.retransmission_timeout = 0
		for bytes: int in [-1, 0, 255, 1501, 2_000_000_000]:
			expect_error("max_datagram: the largest handshake datagram cannot be")
			object.max_datagram = bytes
		equal(object.max_datagram, 1152, "max_datagram")


func test_an_unanswered_handshake_ends() -> void:
	var silent: OpenSSLPacketPeerUDP = _impl.bound_peer()
	var client := OpenSSLPacketPeerDTLS.new()
	client.handshake_timeout = 1.2
	client.retransmission_timeout = 0.1
	expect_error("PacketPeerDTLS")
	client.connect_to_peer(_impl.connected_peer(silent.get_local_port()), "localhost", TLSOptions.client_unsafe())
	var begin := Time.get_ticks_msec()
	check(await until(func() -> bool: client.poll(); return client.get_status() == ERROR), "it ended")
	var spent := Time.get_ticks_msec() - begin
	check(spent > 1000 and spent < TimeLimit.scaled(3000), "after the time that was set: %d ms" % spent)
	# At 0, 0.1, 0.3, 0.7 s; with waits of a second there would be two.
	check(silent.get_available_packet_count() >= 4, "its hello was repeated as set: %d" % silent.get_available_packet_count())


func test_a_servers_peers_have_the_servers_timeouts() -> void:
	var server: OpenSSLDTLSServer = _impl.ready_server()
	server.handshake_timeout = 1.0
	server.idle_timeout = 7
	var pair := Pair.new(_impl, server)
	pair.begin()
	check(pair.until(func() -> bool: return pair.served != null), "it has begun")
	equal(pair.served.idle_timeout, 7.0, "idle_timeout")
	# The client sends nothing more.
	check(
			await until(func() -> bool: pair.served.poll(); return pair.served.get_status() == ERROR),
			"the server does not wait for ever")


func test_handshakes_succeed_in_datagrams_of_the_size_that_was_set() -> void:
	for bytes: int in [256, 600]:
		var server: OpenSSLDTLSServer = _impl.ready_server()
		server.max_datagram = bytes
		var pair := Pair.new(_impl, server)
		pair.client.max_datagram = bytes
		check(pair.establish(), "connected")
		equal(pair.served.max_datagram, bytes, "the server's peers have what it has")


func test_idle_timeout_ends_a_silent_peer() -> void:
	var server: OpenSSLDTLSServer = _impl.ready_server()
	server.idle_timeout = 0.6
	var pair := Pair.new(_impl, server)
	check(pair.establish(), "connected")
	for i in 10:
		pair.client.put_packet("here I am".to_utf8_buffer())
		check(not pair.packet_of(pair.served).is_empty(), "received")
		check(pair.served.get_idle_time() < 0.5, "not idle: %f" % pair.served.get_idle_time())
		await get_tree().create_timer(0.1).timeout
	equal(pair.served.get_status(), CONNECTED, "a peer that sends stays")
	await get_tree().create_timer(0.3).timeout
	check(pair.served.get_idle_time() >= 0.3, "idle: %f" % pair.served.get_idle_time())
	check(await until(func() -> bool: pair.served.poll(); return pair.served.get_status() == ERROR), "it ended")
	equal(pair.served.get_idle_time(), 0.0, "no connection, no silence")
	check(await until(func() -> bool: pair.client.poll(); return pair.client.get_status() != CONNECTED), "and closed the connection")


func test_a_client_ends_when_its_server_is_silent() -> void:
	expect_error("nothing came from the server")
	var pair := Pair.new(_impl)
	pair.client.idle_timeout = 0.3
	check(pair.establish(), "connected")
	check(await until(func() -> bool: pair.client.poll(); return pair.client.get_status() == ERROR), "it ended")


func test_poll_peers_returns_peers_that_idle_timeout_ended() -> void:
	var server: OpenSSLDTLSServer = _impl.ready_server()
	server.idle_timeout = 0.3
	var pair := Pair.new(_impl, server)
	check(pair.establish(), "connected")
	server.poll_peers()
	var news: Array[OpenSSLPacketPeerDTLS] = []
	check(await until(func() -> bool: news.append_array(server.poll_peers()); return not news.is_empty()), "a peer is returned")
	equal(news, [pair.served] as Array[OpenSSLPacketPeerDTLS], "this one")
	equal(pair.served.get_status(), ERROR, "which has ended")
