## OpenSSL's own client and server, where a client restarts at the address of an established session (RFC 6347 section
## 4.2.8). The tool `openssl` must be on the path.
extends "res://tests/server_suite.gd"

const SharedAddress := preload("res://tests/shared_address.gd")

## How soon a restarted client is connected, in milliseconds, its program's start included.
const RESTART_LIMIT_MSEC := 3000

var _programs: Array[Dictionary] = []

## What each program has printed.
var _printed: Array[String] = []


func after_each() -> void:
	for program in _programs:
		OS.kill(program.pid)
	_programs.clear()
	_printed.clear()


## Starts the tool; returns its number.
func _start_program(arguments: PackedStringArray) -> int:
	var program := OS.execute_with_pipe("openssl", arguments, false)
	check(not program.is_empty(), "openssl starts")
	_programs.append(program)
	_printed.append("")
	return _programs.size() - 1


## Without `-nbio` it blocks in a read until a record of its session arrives, and any datagram starts such a read.
func _s_client(port: int, more: PackedStringArray = []) -> int:
	return _start_program(PackedStringArray(["s_client", "-dtls1_2", "-quiet", "-nbio", "-connect", "127.0.0.1:%d" % port]) + more)


func _write(number: int, text: String) -> void:
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


## Sends a packet each way.
func _exchange(number: int, served: OpenSSLPacketPeerDTLS, text: String, address: SharedAddress = null) -> void:
	var step := func() -> void:
		if address:
			address.step()
		_serve()
	_write(number, text)
	check(await until(func() -> bool:
		step.call()
		return served.get_available_packet_count() > 0), "a packet of the client")
	equal(served.get_packet().get_string_from_utf8(), text + "\n", "its text")
	served.put_packet(("Re: %s\n" % text).to_utf8_buffer())
	check(await until(func() -> bool:
		step.call()
		return _has_printed(number, "Re: " + text)), "the answer: " + _printed[number])


func test_a_restarted_s_client_is_connected_within_three_seconds() -> void:
	var free := PacketPeerUDP.new()
	free.bind(0, "127.0.0.1")
	var bind := PackedStringArray(["-bind", "127.0.0.1:%d" % free.get_local_port()])
	free.close()
	var client := _s_client(_udp_server.get_local_port(), bind)
	check(await until(_is_connected.bind(1)), "connected")
	await _exchange(client, _served[0], "before")
	OS.kill(_programs[client].pid)
	await get_tree().create_timer(0.1).timeout
	var begin := Time.get_ticks_msec()
	client = _s_client(_udp_server.get_local_port(), bind)
	check(await until(func() -> bool:
		if _served[0].get_status() == CONNECTED:
			_served[0].put_packet("state of the world".to_utf8_buffer())
		return _is_connected(2)), "connected again")
	var spent := Time.get_ticks_msec() - begin
	check(spent < TimeLimit.scaled(RESTART_LIMIT_MSEC), "after %d ms" % spent)
	equal(_served[0].get_status(), DISCONNECTED, "the old session is over")
	await _exchange(client, _served[1], "after")
	equal(_served.size(), 2, "one new peer")


func test_a_silent_s_client_is_not_disturbed_by_a_second_handshake_at_its_address() -> void:
	var address := SharedAddress.new(_udp_server.get_local_port())
	var client := _s_client(address.open())
	check(await until(func() -> bool: address.step(); return _is_connected(1)), "connected")
	await _exchange(client, _served[0], "before", address)
	var before := address.server_hellos
	var second := OpenSSLPacketPeerDTLS.new()
	second.connect_to_peer(_impl.connected_peer(address.open()), "localhost", TLSOptions.client_unsafe())
	var begin := Time.get_ticks_msec()
	while Time.get_ticks_msec() < begin + 6000:
		# By then it has shown its cookie; it does not go on.
		if Time.get_ticks_msec() < begin + 500:
			second.poll()
		address.step()
		_serve()
		await get_tree().process_frame
	check(address.server_hellos > before, "the second hello is answered, at the client's address")
	equal(_served.size(), 1, "no new peer")
	equal(_served[0].get_status(), CONNECTED, "the session stays")
	await _exchange(client, _served[0], "still me", address)
	await _exchange(client, _served[0], "and still", address)
	second.disconnect_from_peer()


## `s_server` does not accept a restarted client (openssl issue 3283), which then ends with an error.
func test_our_client_restarts_at_s_server() -> void:
	const PKI := "res://tests/pki/rsa"
	var free := PacketPeerUDP.new()
	free.bind(0, "127.0.0.1")
	var server_port: int = free.get_local_port()
	free.close()
	var server := _start_program(PackedStringArray([
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
			check(await until(func() -> bool: return _has_printed(server, "hello")), "it is received")
		else:
			equal(client.get_status(), ERROR, "the second time")
		udp.close()
