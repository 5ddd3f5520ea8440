## Multiplayer games over DTLS on our classes: what is set up wrong, who is not let in, and what crosses the network.
extends "res://tests/multiplayer_suite.gd"

const EnetPair := preload("res://tests/enet_pair.gd")
const Participant := preload("res://tests/multiplayer_participant.gd")

const PKI := EnetEnds.PKI
const RELIABLE := 1

var _game: Game


func before_each() -> void:
	super()
	_game = Game.new(EnetEnds.new(true, true, DTLS))
	add_child(_game)


func after_each() -> void:
	await _game.end()
	for problem in _game.problems:
		fail(problem)


func test_setup_with_wrong_options() -> void:
	expect_errors(["ENetConnection.dtls_server_setup()", "ENetConnection.dtls_client_setup()"])
	var server := EnetEnds.server_side_options()
	var client := EnetEnds.client_side_options()
	var host := _game.ends.server_host()
	equal(host.dtls_server_setup(server), ERR_UNCONFIGURED, "a server, before there is a host")
	equal(host.dtls_client_setup("localhost", client), ERR_UNCONFIGURED, "a client, before there is a host")
	equal(host.create_host_bound("127.0.0.1", 0), OK, "create_host_bound()")
	for wrong: Variant in [null, client, RefCounted.new(), "options", 42]:
		equal(host.dtls_server_setup(wrong), ERR_INVALID_PARAMETER, "a server with %s" % wrong)
	for wrong: Variant in [server, RefCounted.new(), "options", 42]:
		equal(host.dtls_client_setup("localhost", wrong), ERR_INVALID_PARAMETER, "a client with %s" % wrong)
	equal(host.dtls_server_setup(TLSOptions.server(null, null)), ERR_INVALID_PARAMETER, "neither key nor certificate")
	var mismatch := TLSOptions.server(load(PKI + "rsa.key"), load(PKI + "p256.crt"))
	equal(host.dtls_server_setup(mismatch), ERR_INVALID_PARAMETER, "a key of another certificate")
	equal(host.dtls_client_setup("", client), ERR_INVALID_PARAMETER, "no host name")
	equal(host.dtls_server_setup(server), OK, "then the right ones")
	equal(host.dtls_server_setup(server), FAILED, "twice")
	equal(host.dtls_client_setup("localhost", client), FAILED, "as a client, too")
	expect_error("ENetConnection.socket_send(): a host with DTLS sends to its peers alone.")
	host.socket_send("127.0.0.1", 9, PackedByteArray([1]))
	host.destroy()


func test_a_client_without_dtls_at_a_server_with_it() -> void:
	expect_error("not answered, since what it sent is not DTLS: it must connect with DTLS as well.")
	_game.serve()
	_game.ends.encryption = PLAIN
	var client := _game.begin_to_join()
	await _game.frames(30)
	equal(client.peer.get_connection_status(), MultiplayerPeer.CONNECTION_CONNECTING, "it is not answered")
	equal(_game.server.events, [], "and not seen")


func test_a_certificate_without_its_issuer_is_taken_with_a_warning() -> void:
	# The first server of the process with this certificate, which has nothing behind it.
	expect_error("ENetConnection.dtls_server_setup(): the certificate's issuer")
	var host := _game.ends.server_host()
	equal(host.create_host_bound("127.0.0.1", 0), OK, "create_host_bound()")
	equal(host.dtls_server_setup(EnetEnds.server_side_options("p384")), OK, "dtls_server_setup()")
	host.destroy()


func test_setup_after_a_player_has_joined() -> void:
	expect_errors(["ENetConnection.dtls_server_setup()", "ENetConnection.dtls_client_setup()"])
	_game.ends.encryption = PLAIN
	await _game.start()
	var client := _game.clients[0]
	equal(_game.server.peer.host.dtls_server_setup(EnetEnds.server_side_options()), FAILED, "the server")
	equal(client.peer.host.dtls_client_setup("localhost", EnetEnds.client_side_options()), FAILED, "the client")
	_game.server.tell.rpc("still here")
	check(await until(func() -> bool: return client.values("tell") == ["still here"]), "the game goes on")
	await _game.join()


func test_certificates_that_are_not_trusted() -> void:
	for entry: Array in [
		["self_signed", "self-signed certificate"],
		["expired", "has expired"],
		["not_yet_valid", "not yet valid"],
		["wrong_host", "it was not issued for \"localhost\""],
	]:
		expect_error(entry[1])
		var begin := Time.get_ticks_msec()
		var server_options := EnetEnds.server_side_options(entry[0])
		await _refuse(server_options, "localhost", EnetEnds.client_side_options())
		# ENet itself would try for half a minute.
		check(Time.get_ticks_msec() - begin < TimeLimit.scaled(2000), "%s: it fails at once" % entry[0])


func test_a_name_that_the_certificate_does_not_have() -> void:
	expect_error("elsewhere.example")
	await _refuse(EnetEnds.server_side_options(), "elsewhere.example", EnetEnds.client_side_options())


func test_options_of_both_classes_and_kinds() -> void:
	var authority: X509Certificate = load(PKI + "ca.crt")
	var key: CryptoKey = load(PKI + "rsa.key")
	var certificate: X509Certificate = load(PKI + "rsa.crt")
	for options: Array in [
		[TLSOptions.server(key, certificate), "localhost", TLSOptions.client(authority)],
		[OpenSSLTLSOptions.server(key, certificate), "localhost", OpenSSLTLSOptions.client(authority)],
		[TLSOptions.server(key, certificate), "elsewhere.example", TLSOptions.client_unsafe()],
		[TLSOptions.server(key, certificate), "elsewhere.example", TLSOptions.client(authority, "localhost")],
		[TLSOptions.server(key, certificate), "127.0.0.1", OpenSSLTLSOptions.client(authority)],
	]:
		var client := _begin(options[0], options[1], options[2])
		check(await until(func() -> bool: return client.peers() == ["server"]), "%s" % [options])
		client.end()
		_game.server.end()
		_game.server.free()


func test_a_client_without_dtls_is_not_let_in() -> void:
	_game.serve()
	_game.ends.encryption = PLAIN
	var client := _game.begin_to_join()
	client.peer.get_peer(1).set_timeout(1, 10, 100)
	await _game.until_events(client, 1)
	equal(client.events, ["connection_failed"], "the client")
	equal(_game.server.events, [], "the server")


func test_a_server_without_dtls_is_not_joined() -> void:
	_game.ends.encryption = PLAIN
	_game.serve()
	_game.ends.encryption = DTLS
	var client := _game.begin_to_join()
	client.peer.get_peer(1).set_timeout(1, 10, 100)
	await _game.until_events(client, 1)
	equal(client.events, ["connection_failed"], "the client")
	equal(_game.server.events, [], "the server")


func test_what_crosses_the_network_is_dtls() -> void:
	const SECRET := "attack at dawn, attack at dawn"
	_game.serve()
	var tap := _game.ends.tap(_game.server_port())
	var client := _game.begin_to_join(0, Callable(), tap.port())
	await _game.until("connected", func() -> bool: return client.peers() == ["server"] and _game.server.peers() == ["client 1"])
	client.tell.rpc(SECRET.repeat(1000))
	_game.server.tell.rpc(SECRET.repeat(1000))
	await _game.until("the calls", func() -> bool: return client.count("tell") == 1 and _game.server.count("tell") == 1)
	client.peer.close()
	await _game.until_events(_game.server, 2)
	check(tap.datagrams.size() > 60, "datagrams: %d" % tap.datagrams.size())
	for datagram in tap.datagrams:
		var is_record := datagram.size() > 13 and datagram[0] in [20, 21, 22, 23] and datagram[1] == 0xFE
		check(is_record, "begins as a DTLS record: %s" % datagram.slice(0, 13).hex_encode())
		check(datagram.size() <= 1200, "at most 1,200 bytes: %d" % datagram.size())
		if datagram[0] == 23:
			equal(datagram.decode_u8(11) * 256 + datagram.decode_u8(12), datagram.size() - 13, "one record in each datagram")
		check(not datagram.get_string_from_ascii().contains("attack at dawn"), "it is encrypted")


func test_a_client_returns_on_the_same_port() -> void:
	_game.serve()
	var port := 0
	for i in 3:
		var peer := _game.ends.client_peer()
		peer.set_bind_ip("127.0.0.1")
		equal(peer.create_client("127.0.0.1", _game.server_port(), 0, 0, 0, port), OK, "create_client()")
		equal(_game.ends.encrypt_client(peer.host), OK, "dtls_client_setup()")
		port = peer.host.get_local_port()
		var is_connected := func() -> bool:
			peer.poll()
			return peer.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED
		check(await until(is_connected), "connected")
		check(await until(func() -> bool: return is_connected.call() and _game.server.api.get_peers().size() == 1), "the server has it")
		peer.close()
		check(await until(func() -> bool: return _game.server.api.get_peers().is_empty()), "it has left")


## Joins with these options, which must fail.
func _refuse(server_options: RefCounted, host_name: String, client_options: RefCounted) -> void:
	var client := _begin(server_options, host_name, client_options)
	await _game.until_events(client, 1)
	await _game.frames()
	equal(client.events, ["connection_failed"], "the client")
	equal(client.peer.get_connection_status(), MultiplayerPeer.CONNECTION_DISCONNECTED, "its status")
	equal(_game.server.events, [], "the server")
	_game.server.end()
	_game.server.free()


func _begin(server_options: RefCounted, host_name: String, client_options: RefCounted) -> Participant:
	_game.ends.encryption = PLAIN
	_game.serve()
	equal(_game.server.peer.host.dtls_server_setup(server_options), OK, "dtls_server_setup()")
	var client := _game.begin_to_join()
	equal(client.peer.host.dtls_client_setup(host_name, client_options), OK, "dtls_client_setup()")
	return client
