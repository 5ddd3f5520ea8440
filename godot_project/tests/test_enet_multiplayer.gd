## The multiplayer API over OpenSSLENetMultiplayerPeer with DTLS: a server and clients in one process, each with a branch of
## the scene tree and a multiplayer API of its own.
extends "res://tests/suite.gd"

const Implementation := preload("res://tests/implementation.gd")

const LOOPBACK := "127.0.0.1"

## One end: its multiplayer peer, the node with the RPCs, and the signals of its multiplayer API in order.
class End extends Node:
	var peer := OpenSSLENetMultiplayerPeer.new()
	var signals: Array[String] = []
	var calls: Array[Array] = []

	func _ready() -> void:
		var api := SceneMultiplayer.new()
		api.connected_to_server.connect(func() -> void: signals.append("connected_to_server"))
		api.connection_failed.connect(func() -> void: signals.append("connection_failed"))
		api.server_disconnected.connect(func() -> void: signals.append("server_disconnected"))
		api.peer_connected.connect(func(id: int) -> void: signals.append("peer_connected %s" % _name_of(id)))
		api.peer_disconnected.connect(func(id: int) -> void: signals.append("peer_disconnected %s" % _name_of(id)))
		get_tree().set_multiplayer(api, get_path())

	func begin() -> void:
		multiplayer.multiplayer_peer = peer

	func end() -> void:
		peer.close()
		get_tree().set_multiplayer(null, get_path())
		queue_free()

	func _name_of(id: int) -> String:
		return "server" if id == 1 else "client"


## The node under each end.
class Game extends Node:
	@rpc("any_peer", "call_remote", "reliable")
	func reliable(value: Variant) -> void:
		_note("reliable", value)

	@rpc("any_peer", "call_remote", "unreliable", 3)
	func unreliable(value: Variant) -> void:
		_note("unreliable", value)

	@rpc("any_peer", "call_remote", "unreliable_ordered")
	func ordered(value: Variant) -> void:
		_note("ordered", value)

	@rpc("any_peer", "call_local", "reliable")
	func local(value: Variant) -> void:
		_note("local", value)

	func _note(method: String, value: Variant) -> void:
		var sender := multiplayer.get_remote_sender_id()
		(get_parent() as End).calls.append([method, value, sender])


var _ends: Array[End] = []


func after_each() -> void:
	for one in _ends:
		one.end()
	_ends.clear()


func test_rpcs_go_both_ways_over_dtls() -> void:
	var server := _server()
	var client := _client(server)
	if not check(await _connected(client), "the client is connected"):
		return
	equal(client.signals, ["connected_to_server", "peer_connected server"] as Array[String], "the client's signals")
	equal(server.signals, ["peer_connected client"] as Array[String], "the server's signals")
	var id := client.multiplayer.get_unique_id()
	check(id > 1, "the client's id")
	equal(server.multiplayer.get_peers(), PackedInt32Array([id]), "the server's peers")
	for method: String in ["reliable", "unreliable", "ordered", "local"]:
		_game(server).rpc(method, "from the server")
		_game(client).rpc_id(1, method, "from the client")
	await until(func() -> bool: return client.calls.size() == 4 and server.calls.size() == 5)
	for method: String in ["reliable", "unreliable", "ordered", "local"]:
		check([method, "from the server", 1] in client.calls, "%s reaches the client" % method)
		check([method, "from the client", id] in server.calls, "%s reaches the server" % method)
	check(["local", "from the server", 1] in server.calls, "call_local")


func test_a_function_can_wait_for_what_it_has_sent() -> void:
	var server := _server()
	var client := _client(server)
	await _connected(client)
	for i in 100:
		_game(server).rpc("reliable", i)
	# The server is not polled, and the frame does not end.
	var deadline := TimeLimit.deadline(5_000)
	while client.calls.size() < 100 and Time.get_ticks_msec() < deadline:
		client.multiplayer.poll()
	equal(client.calls.map(func(one: Array) -> int: return one[1]), range(100), "all have arrived")


func test_clients_reach_each_other_through_the_server() -> void:
	var server := _server()
	var one := _client(server)
	var other := _client(server)
	await _connected(one)
	await _connected(other)
	_game(one).rpc_id(other.multiplayer.get_unique_id(), "reliable", "hello")
	await until(func() -> bool: return not other.calls.is_empty())
	equal(other.calls, [["reliable", "hello", one.multiplayer.get_unique_id()]] as Array[Array], "the relayed call")
	equal(server.calls, [] as Array[Array], "the server's own calls")


func test_large_packets_arrive_over_dtls() -> void:
	var server := _server()
	var client := _client(server)
	await _connected(client)
	for size: int in [1, 1_000, 1_500, 100_000, 1 << 20]:
		var packet := Implementation.bytes(size, size)
		client.calls.clear()
		_game(server).rpc("reliable", packet)
		await until(func() -> bool: return not client.calls.is_empty())
		equal(client.calls.size(), 1, "%d bytes arrive" % size)
		if not client.calls.is_empty():
			check(client.calls[0][1] == packet, "%d bytes are the same" % size)


func test_either_side_ends_the_connection() -> void:
	var server := _server()
	var client := _client(server)
	await _connected(client)
	client.peer.close()
	await until(func() -> bool: return server.signals.size() == 2)
	equal(server.signals, ["peer_connected client", "peer_disconnected client"] as Array[String], "the server's signals")
	var second := _client(server)
	await _connected(second)
	server.peer.disconnect_peer(second.multiplayer.get_unique_id())
	await until(func() -> bool: return "server_disconnected" in second.signals)
	equal(
			second.signals,
			["connected_to_server", "peer_connected server", "peer_disconnected server", "server_disconnected"] as Array[String],
			"the client's signals")
	equal(second.peer.get_connection_status(), MultiplayerPeer.CONNECTION_DISCONNECTED, "the client's status")


func test_a_wrong_certificate_fails_at_once() -> void:
	var server := _server()
	expect_error("ENetConnection: ")
	var client := _client(server, TLSOptions.client(Implementation.identity().certificate), "another.host")
	check(await until(func() -> bool: return not client.signals.is_empty(), 3.0), "it fails within 3 seconds")
	equal(client.signals, ["connection_failed"] as Array[String], "the client's signals")
	equal(server.signals, [] as Array[String], "the server's signals")


func test_a_peer_is_one_object_until_it_is_gone() -> void:
	var server := _server()
	var client := _client(server)
	await _connected(client)
	var id := client.multiplayer.get_unique_id()
	var object := server.peer.get_peer(id)
	check(object is OpenSSLENetPacketPeer and object.is_active(), "the server's peer")
	check(server.peer.get_peer(id) == object, "it is the same object")
	equal(server.peer.host.get_peers(), [object] as Array[OpenSSLENetPacketPeer], "the host's peers")
	equal(object.get_remote_address(), LOOPBACK, "its address")
	equal(object.get_remote_port(), client.peer.host.get_local_port(), "its port")
	equal(object.get_state(), OpenSSLENetPacketPeer.STATE_CONNECTED, "its state")
	client.peer.close()
	await until(func() -> bool: return not object.is_active())
	equal(object.get_state(), OpenSSLENetPacketPeer.STATE_DISCONNECTED, "its state after the end")
	equal(server.peer.host.get_peers(), [] as Array[OpenSSLENetPacketPeer], "the host's peers after the end")


func test_a_client_gives_up_while_it_connects() -> void:
	var silent := PacketPeerUDP.new()
	silent.bind(0, LOOPBACK)
	for way: String in ["peer_disconnect", "peer_disconnect_later", "peer_disconnect_now", "reset"]:
		var client := _end()
		equal(client.peer.create_client(LOOPBACK, silent.get_local_port()), OK, "create_client()")
		client.begin()
		await frames(2)
		equal(client.peer.get_connection_status(), MultiplayerPeer.CONNECTION_CONNECTING, "%s: before" % way)
		client.peer.get_peer(1).call(way)
		await until(func() -> bool: return not client.signals.is_empty())
		equal(client.signals, ["connection_failed"] as Array[String], "%s: the signals" % way)
		equal(client.peer.get_connection_status(), MultiplayerPeer.CONNECTION_DISCONNECTED, "%s: after" % way)


func test_a_peer_whose_packets_nobody_takes_is_disconnected() -> void:
	var host := OpenSSLENetConnection.new()
	equal(host.create_host_bound(LOOPBACK, 0), OK, "create_host_bound()")
	var client := OpenSSLENetConnection.new()
	equal(client.create_host(1), OK, "create_host()")
	var peer := client.connect_to_host(LOOPBACK, host.get_local_port())
	var packet := Implementation.bytes(4 << 20)
	var received := 0
	expect_error("64 MB of its packets wait")
	var deadline := TimeLimit.deadline(20_000)
	while Time.get_ticks_msec() < deadline:
		match client.service()[0]:
			OpenSSLENetConnection.EVENT_CONNECT:
				for i in 8:
					peer.send(0, packet, OpenSSLENetPacketPeer.FLAG_RELIABLE)
			OpenSSLENetConnection.EVENT_DISCONNECT:
				break
		if host.service()[0] == OpenSSLENetConnection.EVENT_RECEIVE:
			received += 1
			peer.send(0, packet, OpenSSLENetPacketPeer.FLAG_RELIABLE)
	equal(received, 15, "packets that wait")
	equal(host.get_peers(), [] as Array[OpenSSLENetPacketPeer], "the host's peers")
	check(not peer.is_active(), "the other side's peer")
	host.service()


func test_threads_use_a_peer_while_it_is_polled() -> void:
	var server := _server()
	var client := _client(server)
	await _connected(client)
	var arrived: Array[int] = [0]
	(client.multiplayer as SceneMultiplayer).peer_packet.connect(
			func(_from: int, _packet: PackedByteArray) -> void: arrived[0] += 1)
	var peer := server.peer
	var id: int = client.peer.get_unique_id()
	var use := func() -> int:
		var used := 0
		for i in 300:
			var other := peer.get_peer(id)
			# A packet of SceneMultiplayer.send_bytes().
			other.send(2, PackedByteArray([3, i % 256]), OpenSSLENetPacketPeer.FLAG_RELIABLE)
			used += peer.host.get_peers().size() + int(other.is_active())
			other.get_statistic(OpenSSLENetPacketPeer.PEER_ROUND_TRIP_TIME)
			peer.host.flush()
		return used
	var threads: Array[Thread] = []
	for i in 3:
		threads.append(Thread.new())
		threads[i].start(use)
	await until(func() -> bool: return threads.all(func(thread: Thread) -> bool: return not thread.is_alive()), 15.0)
	for thread in threads:
		equal(thread.wait_to_finish(), 600, "what a thread saw")
	await until(func() -> bool: return arrived[0] == 900)
	equal(arrived[0], 900, "packets that arrived")
	equal(server.signals, ["peer_connected client"] as Array[String], "the server's signals")


## Waits until both sides know of the connection.
func _connected(client: End) -> bool:
	var id: int = client.peer.get_unique_id()
	return await until(func() -> bool:
			return "peer_connected server" in client.signals and _ends[0].multiplayer.get_peers().has(id))


func _server() -> End:
	var end := _end()
	equal(end.peer.create_server(0), OK, "create_server()")
	equal(end.peer.host.dtls_server_setup(Implementation.server_options()), OK, "dtls_server_setup()")
	end.begin()
	return end


func _client(server: End, options: TLSOptions = null, host := "localhost") -> End:
	var end := _end()
	var port: int = server.peer.host.get_local_port()
	equal(end.peer.create_client(LOOPBACK, port), OK, "create_client()")
	var trusted := options if options else TLSOptions.client(Implementation.identity().certificate)
	equal(end.peer.host.dtls_client_setup(host, trusted), OK, "dtls_client_setup()")
	end.begin()
	return end


func _end() -> End:
	var end := End.new()
	add_child(end)
	var game := Game.new()
	game.name = "Game"
	end.add_child(game)
	_ends.append(end)
	return end


func _game(end: End) -> Game:
	return end.get_node("Game") as Game
