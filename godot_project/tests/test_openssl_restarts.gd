## OpenSSL's own clients and servers, where a client begins again at the address of an established session (RFC 6347
## section 4.2.8). The tool `openssl` must be on the path.
extends "res://tests/suite.gd"

const Implementation := preload("res://tests/implementation.gd")
const SharedAddress := preload("res://tests/shared_address.gd")

const HANDSHAKING := OpenSSLPacketPeerDTLS.STATUS_HANDSHAKING
const CONNECTED := OpenSSLPacketPeerDTLS.STATUS_CONNECTED
const DISCONNECTED := OpenSSLPacketPeerDTLS.STATUS_DISCONNECTED

## How soon a client that was started again is connected, in milliseconds, its program's start included.
const SOON := 3000

var _impl := Implementation.new(true)
var _udp_server: OpenSSLUDPServer
var _dtls_server: OpenSSLDTLSServer
var _served: Array[OpenSSLPacketPeerDTLS] = []
var _programs: Array[Dictionary] = []

## What each program has printed.
var _printed: Array[String] = []


func before_each() -> void:
	_udp_server = _impl.listening_server()
	_dtls_server = _impl.ready_server()
	_served.clear()


func after_each() -> void:
	for program in _programs:
		OS.kill(program.pid)
	_programs.clear()
	_printed.clear()


func _serve() -> void:
	while _udp_server.is_connection_available():
		var peer := _dtls_server.take_connection(_udp_server.take_connection())
		if peer.get_status() == HANDSHAKING:
			_served.append(peer)
	for peer in _served:
		peer.poll()


## Starts the tool; returns its number.
func _start(arguments: PackedStringArray) -> int:
	var program := OS.execute_with_pipe("openssl", arguments, false)
	check(not program.is_empty(), "openssl starts")
	_programs.append(program)
	_printed.append("")
	return _programs.size() - 1


## Without `-nbio` it reads until something comes that is for it, and looks at nothing else: any datagram would do that.
func _client(port: int, more: PackedStringArray = []) -> int:
	return _start(PackedStringArray(["s_client", "-dtls1_2", "-quiet", "-nbio", "-connect", "127.0.0.1:%d" % port]) + more)


func _say(number: int, text: String) -> void:
	var pipe: FileAccess = _programs[number].stdio
	pipe.store_string(text + "\n")
	pipe.flush()


## Whether a program has printed this by now.
func _has_printed(number: int, text: String) -> bool:
	for name: String in ["stdio", "stderr"]:
		var pipe: FileAccess = _programs[number][name]
		_printed[number] += pipe.get_buffer(4096).get_string_from_utf8()
	return text in _printed[number]


func _is_connected(count: int) -> bool:
	_serve()
	return _served.size() == count and _served[-1].get_status() == CONNECTED


## A packet each way.
func _talk(number: int, served: OpenSSLPacketPeerDTLS, text: String, carrier: SharedAddress = null) -> void:
	var step := func() -> void:
		if carrier:
			carrier.step()
		_serve()
	_say(number, text)
	check(await until(func() -> bool:
		step.call()
		return served.get_available_packet_count() > 0), "a packet of the client's")
	equal(served.get_packet().get_string_from_utf8(), text + "\n", "its text")
	served.put_packet(("Re: %s\n" % text).to_utf8_buffer())
	check(await until(func() -> bool:
		step.call()
		return _has_printed(number, "Re: " + text)), "the answer: " + _printed[number])


func test_s_client_that_is_started_again_is_connected_within_three_seconds() -> void:
	var free := PacketPeerUDP.new()
	free.bind(0, "127.0.0.1")
	var bind := PackedStringArray(["-bind", "127.0.0.1:%d" % free.get_local_port()])
	free.close()
	var client := _client(_udp_server.get_local_port(), bind)
	check(await until(_is_connected.bind(1)), "connected")
	await _talk(client, _served[0], "before")
	OS.kill(_programs[client].pid)
	await get_tree().create_timer(0.1).timeout
	var begin := Time.get_ticks_msec()
	client = _client(_udp_server.get_local_port(), bind)
	check(await until(func() -> bool:
		if _served[0].get_status() == CONNECTED:
			_served[0].put_packet("state of the world".to_utf8_buffer())
		return _is_connected(2)), "connected again")
	var spent := Time.get_ticks_msec() - begin
	check(spent < SOON, "after %d ms" % spent)
	equal(_served[0].get_status(), DISCONNECTED, "the old session is over")
	await _talk(client, _served[1], "after")
	equal(_served.size(), 2, "one new peer")


func test_a_silent_s_client_is_not_disturbed_by_a_handshake_at_its_address() -> void:
	var carrier := SharedAddress.new(_udp_server.get_local_port())
	var client := _client(carrier.open())
	check(await until(func() -> bool: carrier.step(); return _is_connected(1)), "connected")
	await _talk(client, _served[0], "before", carrier)
	var before := carrier.server_hellos
	var newcomer := OpenSSLPacketPeerDTLS.new()
	newcomer.connect_to_peer(_impl.connected_peer(carrier.open()), "localhost", TLSOptions.client_unsafe())
	var begin := Time.get_ticks_msec()
	while Time.get_ticks_msec() < begin + 6000:
		# It has shown its cookie by then, and does not go on.
		if Time.get_ticks_msec() < begin + 500:
			newcomer.poll()
		carrier.step()
		_serve()
		await get_tree().process_frame
	check(carrier.server_hellos > before, "the newcomer is answered, at the client's address")
	equal(_served.size(), 1, "no new peer")
	equal(_served[0].get_status(), CONNECTED, "the session stays")
	await _talk(client, _served[0], "still me", carrier)
	await _talk(client, _served[0], "and still", carrier)
	newcomer.disconnect_from_peer()


## `s_server` does not let a client begin again (openssl issue 3283), which then gives up with a line.
func test_our_client_started_again_at_s_server() -> void:
	const PKI := "res://tests/pki/rsa"
	var free := PacketPeerUDP.new()
	free.bind(0, "127.0.0.1")
	var server_port: int = free.get_local_port()
	free.close()
	var server := _start(PackedStringArray([
		"s_server", "-dtls1_2", "-listen", "-accept", "127.0.0.1:%d" % server_port,
		"-key", ProjectSettings.globalize_path(PKI + ".key"), "-cert", ProjectSettings.globalize_path(PKI + ".crt"),
	]))
	check(await until(func() -> bool: return _has_printed(server, "ACCEPT")), "it listens")
	var port := 0
	for start in 2:
		var udp := OpenSSLPacketPeerUDP.new()
		equal(udp.bind(port, "127.0.0.1"), OK, "bound")
		port = udp.get_local_port()
		udp.connect_to_host("127.0.0.1", server_port)
		var client := OpenSSLPacketPeerDTLS.new()
		client.handshake_timeout = 4.0
		if start == 1:
			expect_error("PacketPeerDTLS: ")
		client.connect_to_peer(udp, "localhost", TLSOptions.client_unsafe())
		check(await until(func() -> bool: client.poll(); return client.get_status() != HANDSHAKING, 10.0), "it ends")
		if start == 0:
			equal(client.get_status(), CONNECTED, "the first time")
			client.put_packet("hello\n".to_utf8_buffer())
			check(await until(func() -> bool: return _has_printed(server, "hello")), "it is heard")
		else:
			equal(client.get_status(), OpenSSLPacketPeerDTLS.STATUS_ERROR, "the second time")
		udp.close()
