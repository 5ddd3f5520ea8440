## A panic inside a method is an error code and an error line for the script, and everything else goes on. Debug builds
## panic at the place that the environment variable OPENSSL_DTLS_PANIC names.
extends "res://tests/suite.gd"

const Implementation := preload("res://tests/implementation.gd")
const Pair := preload("res://tests/pair.gd")
const CallbackLogger := preload("res://tests/callback_logger.gd")

const CONNECTED := OpenSSLPacketPeerDTLS.STATUS_CONNECTED
const ERROR := OpenSSLPacketPeerDTLS.STATUS_ERROR

var _impl := Implementation.new(true)


## Calls while a place panics; returns what the call returned.
func _panicking(place: String, call: Callable) -> Variant:
	expect_error("fail_point.rs")
	if place.contains("("):
		expect_error("%s: it failed in a way that it should not" % place)
	OS.set_environment("OPENSSL_DTLS_PANIC", place)
	var result: Variant = call.call()
	OS.unset_environment("OPENSSL_DTLS_PANIC")
	return result


func test_methods_return_an_error_and_work_the_next_time() -> void:
	var pair := Pair.new(_impl)
	check(pair.establish(), "connected")
	var packet := "hello".to_utf8_buffer()
	var server := OpenSSLDTLSServer.new()
	var udp_server := OpenSSLUDPServer.new()
	var udp := OpenSSLPacketPeerUDP.new()
	var client := OpenSSLPacketPeerDTLS.new()
	var calls := {
		"PacketPeerDTLS.put_packet()": [pair.client.put_packet.bind(packet), FAILED, OK],
		"PacketPeerDTLS.get_status()": [pair.client.get_status, ERROR, CONNECTED],
		"PacketPeerDTLS.get_available_packet_count()": [pair.client.get_available_packet_count, 0, 0],
		"PacketPeerDTLS.get_packet()": [pair.client.get_packet, PackedByteArray(), PackedByteArray()],
		"PacketPeerDTLS.connect_to_peer()": [client.connect_to_peer.bind(_impl.connected_peer(9), "localhost", TLSOptions.client_unsafe()), FAILED, OK],
		"DTLSServer.setup()": [server.setup.bind(Implementation.server_options()), FAILED, OK],
		"DTLSServer.poll_peers()": [server.poll_peers, [], []],
		"UDPServer.listen()": [udp_server.listen.bind(0), FAILED, OK],
		"UDPServer.poll()": [udp_server.poll, FAILED, OK],
		"UDPServer.is_connection_available()": [udp_server.is_connection_available, false, false],
		"UDPServer.take_connection()": [udp_server.take_connection, null, null],
		"PacketPeerUDP.bind()": [udp.bind.bind(0), FAILED, OK],
		"PacketPeerUDP.set_dest_address()": [udp.set_dest_address.bind("127.0.0.1", 9), FAILED, OK],
		"PacketPeerUDP.put_packet()": [udp.put_packet.bind(packet), FAILED, OK],
	}
	for place: String in calls:
		var call: Callable = calls[place][0]
		equal(_panicking(place, call), calls[place][1], "%s panics" % place)
		equal(call.call(), calls[place][2], "%s the next time" % place)
	check(_panicking("DTLSServer.take_connection()", func() -> Variant:
		return pair.dtls_server.take_connection(_impl.connected_peer(9))) == null, "no peer of a panic")
	equal(pair.statuses(), [CONNECTED, CONNECTED], "no other peer is affected")


func test_a_panic_inside_a_peer_ends_that_peer_and_the_others_go_on() -> void:
	var server: OpenSSLDTLSServer = _impl.ready_server()
	var good := Pair.new(_impl, server)
	var bad := Pair.new(_impl, server)
	check(good.establish() and bad.establish(), "connected")
	expect_error("PacketPeerDTLS.poll(): it failed in a way that it should not")
	bad.client.put_packet("something to do".to_utf8_buffer())
	_panicking("while a peer is locked", func() -> void:
		bad.udp_server.poll()
		bad.served.poll())
	bad.served.poll()
	equal(bad.served.get_status(), ERROR, "the one peer ended")
	equal(bad.served.put_packet("hello".to_utf8_buffer()), ERR_UNCONFIGURED, "and returns an error")
	expect_error("the peer is not connected")
	good.client.put_packet("go on".to_utf8_buffer())
	equal(good.packet_of(good.served).get_string_from_utf8(), "go on", "the other goes on")
	var later := Pair.new(_impl, server)
	check(later.establish(), "and the server takes new ones")


func test_a_logger_calls_the_peer_that_panics() -> void:
	if not CallbackLogger.is_possible():
		print("This engine has no script loggers.")
		return
	var pair := Pair.new(_impl)
	check(pair.establish(), "connected")
	expect_error("PacketPeerDTLS.poll(): it failed in a way that it should not")
	pair.client.put_packet("something to do".to_utf8_buffer())
	var statuses: Array[int] = []
	var logger := CallbackLogger.new(func() -> void:
		# The first of these calls may report the panic; it must not happen again.
		OS.unset_environment("OPENSSL_DTLS_PANIC")
		pair.served.poll()
		pair.served.get_protocol()
		statuses.append(pair.served.get_status()))
	_panicking("while a peer is locked", func() -> void:
		pair.udp_server.poll()
		pair.served.poll())
	logger.remove()
	equal(logger.calls, 2, "the place of the panic, and what failed")
	equal(statuses, [ERROR, ERROR] as Array[int], "the peer had ended by then")
