## Wrong arguments and calls at the wrong time: the codes of the engine's ENet classes, and the game goes on.
extends "res://tests/multiplayer_suite.gd"

const CallbackLogger := preload("res://tests/callback_logger.gd")
const EnetPair := preload("res://tests/enet_pair.gd")

const RELIABLE := 1


func test_creating_with_bad_arguments() -> void:
	expect_errors([
		"The local port number must be", "The number of clients must be set", "bandwidth limit must be",
		"The remote port number must be", "Couldn't connect to the ENet", "Couldn't resolve the server",
		"The unique ID must be",
	])
	expect_errors([
		"ENetMultiplayerPeer.create_server()", "ENetMultiplayerPeer.create_client()",
		"ENetMultiplayerPeer.create_mesh()",
	])
	await compare_plain(_create_badly)


func _create_badly(game: Game) -> void:
	for arguments: Array in [[-1], [65_536], [0, 0], [0, 4096], [0, -1], [0, 32, -1], [0, 32, 256], [0, 32, 254], [0, 32, 0, 0, -1]]:
		var peer := game.ends.server_peer()
		game.note("create_server%s" % [arguments], peer.callv("create_server", arguments))
		game.note("its status", peer.get_connection_status())
		peer.close()
	for arguments: Array in [
		["127.0.0.1", 0], ["127.0.0.1", 65_536], ["127.0.0.1", -1], ["", 1], ["not a host name", 1], ["127.0.0.1", 1, 256],
		["127.0.0.1", 1, -1], ["127.0.0.1", 1, 0, -1], ["127.0.0.1", 1, 0, 0, -1], ["127.0.0.1", 1, 0, 0, 0, 65_536],
		["127.0.0.1", 1, 0, 0, 0, -1],
	]:
		var peer := game.ends.client_peer()
		game.note("create_client%s" % [arguments], peer.callv("create_client", arguments))
		game.note("its status", peer.get_connection_status())
		peer.close()
	for id: int in [0, -1]:
		game.note("create_mesh(%d)" % id, game.ends.server_peer().create_mesh(id))


func test_creating_twice_and_ports_in_use() -> void:
	expect_errors([
		"The multiplayer instance is already active", "Couldn't create an ENet host",
		"The ENetConnection instance is already active",
	])
	expect_errors([
		"ENetMultiplayerPeer.create_server()", "ENetMultiplayerPeer.create_client()",
		"ENetMultiplayerPeer.create_mesh()", "ENetConnection.create_host_bound()", "ENetConnection.create_host()",
	])
	await compare_plain(_create_twice)


func _create_twice(game: Game) -> void:
	game.serve()
	var client := await game.join()
	var peers := {server = game.server.peer, client = client.peer}
	for title: String in peers:
		var peer: MultiplayerPeer = peers[title]
		game.note("%s: create_server() again" % title, peer.create_server(0))
		game.note("%s: create_client() again" % title, peer.create_client("127.0.0.1", 9))
		game.note("%s: create_mesh() again" % title, peer.create_mesh(1))
	var second := game.ends.server_peer()
	second.set_bind_ip("127.0.0.1")
	game.note("a port in use", second.create_server(game.server_port()))
	game.note("its status", second.get_connection_status())
	var third := game.ends.client_peer()
	third.set_bind_ip("127.0.0.1")
	game.note("a local port in use", third.create_client("127.0.0.1", 9, 0, 0, 0, game.server_port()))
	game.note("then without", third.create_client("127.0.0.1", 9))
	third.close()
	var host := game.ends.server_host()
	game.note("a host on a port in use", host.create_host_bound("127.0.0.1", game.server_port()))
	game.note("the host on another", host.create_host_bound("127.0.0.1", 0))
	game.note("the host again", host.create_host())
	host.destroy()
	await _play_on(game)


func test_addresses_that_cannot_be_bound() -> void:
	expect_errors([
		"Invalid IPv4 address", "Invalid bind IP", "Couldn't create an ENet host",
	])
	expect_errors([
		"ENetMultiplayerPeer.set_bind_ip()", "ENetMultiplayerPeer.create_server()",
		"ENetConnection.create_host_bound()",
	])
	await compare_plain(_bind_badly)


func _bind_badly(game: Game) -> void:
	var peer := game.ends.server_peer()
	peer.set_bind_ip("nowhere")
	game.note("a server with another bind address", peer.create_server(0))
	peer.close()
	peer.set_bind_ip("192.0.2.1")
	game.note("a server on another machine's address", peer.create_server(0))
	peer.set_bind_ip("*")
	game.note("on all", peer.create_server(0))
	peer.close()
	for address: String in ["", "nowhere", "192.0.2.1", "256.0.0.1"]:
		var host := game.ends.server_host()
		game.note("a host on '%s'" % address, host.create_host_bound(address, 0))


func test_calls_before_anything_is_created() -> void:
	expect_errors([
		"instance isn't currently active", "!_is_active()", "No incoming packets", "is not configured as a mesh",
		"must be connecting or connected",
	])
	expect_errors([
		"ENetMultiplayerPeer.poll()", "ENetMultiplayerPeer.get_unique_id()", "ENetMultiplayerPeer.get_host()",
		"ENetMultiplayerPeer.get_peer()", "ENetMultiplayerPeer.get_packet()",
		"ENetMultiplayerPeer.get_packet_peer()", "ENetMultiplayerPeer.get_packet_channel()",
		"ENetMultiplayerPeer.get_packet_mode()", "ENetMultiplayerPeer.put_packet()",
		"ENetMultiplayerPeer.disconnect_peer()", "ENetMultiplayerPeer.add_mesh_peer()",
	])
	await compare_plain(_call_early)


func _call_early(game: Game) -> void:
	var peer := game.ends.server_peer()
	peer.poll()
	peer.close()
	game.note("status", peer.get_connection_status())
	game.note("unique id", peer.get_unique_id())
	game.note("host", peer.host)
	game.note("peer", peer.get_peer(1))
	game.note("packets", peer.get_available_packet_count())
	game.note("packet", peer.get_packet())
	game.note("its sender, channel and mode", [peer.get_packet_peer(), peer.get_packet_channel(), peer.get_packet_mode()])
	game.note("put_packet", peer.put_packet(PackedByteArray([1])))
	game.note("defaults", [peer.transfer_mode, peer.transfer_channel, peer.refuse_new_connections, peer.is_server_relay_supported()])
	peer.disconnect_peer(1)
	peer.refuse_new_connections = true
	game.note("refuses", peer.refuse_new_connections)
	game.note("add_mesh_peer without a mesh", peer.add_mesh_peer(2, game.ends.server_host()))
	var api := SceneMultiplayer.new()
	api.multiplayer_peer = peer
	game.note("the API does not take it", api.multiplayer_peer == peer)


func test_calls_of_a_host_that_is_not_created() -> void:
	expect_errors([
		"instance isn't currently active", "Host already destroyed", "The number of clients must be set",
		"Invalid channel count", "bandwidth limit must be", "The local port number must be",
		"The remote port number must be", "Couldn't resolve the server", "already connected to a peer",
	])
	expect_errors([
		"ENetConnection.service()", "ENetConnection.connect_to_host()", "ENetConnection.get_peers()",
		"ENetConnection.get_local_port()", "ENetConnection.get_max_channels()", "ENetConnection.pop_statistic()",
		"ENetConnection.flush()", "ENetConnection.broadcast()", "ENetConnection.bandwidth_limit()",
		"ENetConnection.channel_limit()", "ENetConnection.compress()", "ENetConnection.socket_send()",
		"ENetConnection.destroy()", "ENetConnection.create_host()", "ENetConnection.create_host_bound()", "ENetPacketPeer.send()",
	])
	await compare_plain(_call_host_early)


func _call_host_early(game: Game) -> void:
	var host := game.ends.server_host()
	game.note("service", host.service())
	game.note("connect_to_host", host.connect_to_host("127.0.0.1", 9))
	game.note("peers, port and channels", [host.get_peers(), host.get_local_port(), host.get_max_channels()])
	game.note("pop_statistic", host.pop_statistic(0))
	host.flush()
	host.broadcast(0, PackedByteArray([1]), RELIABLE)
	host.bandwidth_limit(1, 1)
	host.channel_limit(1)
	host.compress(1)
	host.socket_send("127.0.0.1", 9, PackedByteArray([1]))
	host.destroy()
	for arguments: Array in [[0], [4096], [-1], [1, 256], [1, -1], [1, 0, -1], [1, 0, 0, -1]]:
		game.note("create_host%s" % [arguments], host.callv("create_host", arguments))
	for port: int in [-1, 65_536]:
		game.note("create_host_bound on %d" % port, host.create_host_bound("127.0.0.1", port))
	game.note("create_host", host.create_host(1))
	for arguments: Array in [["127.0.0.1", 0], ["127.0.0.1", 65_536], ["not a host name", 1]]:
		game.note("connect_to_host%s" % [arguments], host.callv("connect_to_host", arguments))
	var peer: PacketPeer = host.connect_to_host("127.0.0.1", 9)
	game.note("connected to nobody", [peer != null, peer.get_state()])
	game.note("a second connection", host.connect_to_host("127.0.0.1", 9))
	game.note("send while it connects", peer.send(0, PackedByteArray([1]), RELIABLE))
	host.destroy()
	game.note("its peer", [peer.is_active(), peer.get_state()])
	host.destroy()


func test_targets_that_are_not_there() -> void:
	expect_errors([
		"Invalid target peer", "!peers.has(p_", "!connected_peers.has(p_to)", "send an empty raw packet",
		"RPC with unknown peer", "is not configured as a mesh",
	])
	expect_errors([
		"ENetMultiplayerPeer.put_packet()", "ENetMultiplayerPeer.get_peer()",
		"ENetMultiplayerPeer.disconnect_peer()", "ENetMultiplayerPeer.add_mesh_peer()",
	])
	await compare(_send_badly)


func _send_badly(game: Game) -> void:
	await game.start(2)
	var server := game.server
	var client := game.clients[0]
	server.peer.set_target_peer(12_345)
	game.note("put_packet to nobody", server.peer.put_packet(PackedByteArray([1])))
	server.peer.set_target_peer(-12_345)
	game.note("to all but nobody", server.peer.put_packet(PackedByteArray([1])))
	client.peer.set_target_peer(game.clients[1].id)
	game.note("from client to client without the API", client.peer.put_packet(PackedByteArray([1])))
	game.note("get_peer", [server.peer.get_peer(12_345), server.peer.get_peer(0), client.peer.get_peer(client.id)])
	server.peer.disconnect_peer(12_345)
	client.peer.disconnect_peer(game.clients[1].id)
	game.note("send_bytes to nobody", server.api.send_bytes(PackedByteArray([1]), 12_345))
	game.note("send_bytes of nothing", server.api.send_bytes(PackedByteArray(), client.id))
	game.note("an RPC to nobody", server.rpc_id(12_345, "tell", "x"))
	game.note("add_mesh_peer to a server", server.peer.add_mesh_peer(5, game.ends.server_host()))
	await _play_on(game)


func test_channels_and_flags_out_of_range() -> void:
	expect_errors([
		"Unable to send packet on channel", "Invalid channel", "Invalid flags", "Timeout limit must be",
		"Size too small",
	])
	expect_errors([
		"ENetMultiplayerPeer.put_packet()", "ENetPacketPeer.send()", "ENetConnection.broadcast()",
		"ENetPacketPeer.set_timeout()",
	])
	await compare(_send_on_bad_channels)


func _send_on_bad_channels(game: Game) -> void:
	game.serve(32, 2)
	var client := await game.join(2)
	for channel: int in [2, 3, 300]:
		client.peer.transfer_channel = channel
		client.peer.transfer_mode = MultiplayerPeer.TRANSFER_MODE_RELIABLE
		client.peer.set_target_peer(1)
		game.note("put_packet on channel %d" % channel, client.peer.put_packet(PackedByteArray([0xFF, 0xFF])))
		game.note("send_bytes on channel %d" % channel, game.server.api.send_bytes(PackedByteArray([1]), client.id, 2, channel))
	var peer: PacketPeer = client.peer.get_peer(1)
	game.note("channels", peer.get_channels())
	for arguments: Array in [[-1, RELIABLE], [4, RELIABLE], [5, RELIABLE], [0, 4], [0, 16], [0, -1]]:
		game.note("send%s" % [arguments], peer.send(arguments[0], PackedByteArray([1]), arguments[1]))
		client.peer.host.broadcast(arguments[0], PackedByteArray([1]), arguments[1])
	peer.set_timeout(3, 2, 1)
	peer.throttle_configure(-1, -1, -1)
	peer.throttle_configure(5000, 2, 2)
	await _play_on(game)


func test_calls_of_a_peer_that_is_gone() -> void:
	expect_errors([
		"Peer not connected", "Parameter \"peer\" is null", "instance isn't currently active",
		"packet_queue.is_empty()",
	])
	expect_errors([
		"ENetPacketPeer.send()", "ENetPacketPeer.put_packet()", "ENetPacketPeer.get_packet()",
		"ENetPacketPeer.get_channels()", "ENetPacketPeer.get_statistic()", "ENetPacketPeer.get_remote_address()",
		"ENetPacketPeer.get_remote_port()", "ENetPacketPeer.get_packet_flags()", "ENetPacketPeer.ping()",
		"ENetPacketPeer.ping_interval()", "ENetPacketPeer.reset()", "ENetPacketPeer.set_timeout()",
		"ENetPacketPeer.throttle_configure()", "ENetPacketPeer.peer_disconnect()",
		"ENetPacketPeer.peer_disconnect_later()", "ENetPacketPeer.peer_disconnect_now()", "ENetConnection.service()",
		"ENetConnection.get_local_port()",
	])
	await compare(_call_late)


func _call_late(game: Game) -> void:
	await game.start()
	var client := game.clients[0]
	var peers := [client.peer.get_peer(1), game.server.peer.get_peer(client.id)]
	var host: RefCounted = client.peer.host
	client.peer.close()
	await game.until("it is gone", func() -> bool: return game.server.api.get_peers().is_empty())
	for peer: PacketPeer in peers:
		game.note("send", peer.send(0, PackedByteArray([1]), RELIABLE))
		game.note("put_packet", peer.put_packet(PackedByteArray([1])))
		game.note("packets", [peer.get_available_packet_count(), peer.get_packet(), peer.get_packet_error()])
		game.note("state", [peer.is_active(), peer.get_state(), peer.get_channels(), peer.get_statistic(3)])
		game.note("address", [peer.get_remote_address(), peer.get_remote_port(), peer.get_packet_flags()])
		peer.ping()
		peer.ping_interval(10)
		peer.reset()
		peer.set_timeout(1, 2, 3)
		peer.throttle_configure(1, 2, 3)
		peer.peer_disconnect()
		peer.peer_disconnect_later()
		peer.peer_disconnect_now()
	game.note("its host", [host.service(), host.get_local_port()])
	await game.join()
	await _play_on(game)


func test_statistics_and_modes_that_are_not_there() -> void:
	expect_errors([
		"Method/function failed", "Invalid statistic", "The remote port number must be",
		"Couldn't resolve the server",
	])
	expect_errors([
		"ENetPacketPeer.get_statistic()", "ENetConnection.pop_statistic()", "ENetConnection.socket_send()",
	])
	await compare(_ask_badly)


func _ask_badly(game: Game) -> void:
	await game.start()
	var peer: PacketPeer = game.clients[0].peer.get_peer(1)
	game.note("get_statistic", [peer.get_statistic(14), peer.get_statistic(-1)])
	game.note("pop_statistic", [game.server.peer.host.pop_statistic(4), game.server.peer.host.pop_statistic(-1)])
	game.server.peer.host.socket_send("127.0.0.1", 0, PackedByteArray([1]))
	game.server.peer.host.socket_send("127.0.0.1", 65_536, PackedByteArray([1]))
	game.server.peer.host.socket_send("not a host name", 9, PackedByteArray([1]))
	await _play_on(game)


func test_hosts_that_are_destroyed_in_a_signal() -> void:
	expect_errors(["instance isn't currently active", "Host already destroyed"])
	await compare_plain(_destroy_in_a_signal)


func _destroy_in_a_signal(game: Game) -> void:
	game.serve()
	var server := game.server
	server.peer.peer_connected.connect(func(_id: int) -> void: server.peer.host.destroy(), CONNECT_ONE_SHOT)
	game.begin_to_join()
	await game.until("the server is inactive", func() -> bool: return not server.is_connected_through())
	game.note("a server's events", server.events)
	game.note("its peers", server.api.get_peers())
	var second := Game.new(game.ends)
	add_child(second)
	second.serve()
	var client := second.begin_to_join()
	client.peer.peer_connected.connect(func(_id: int) -> void: client.peer.host.destroy(), CONNECT_ONE_SHOT)
	await second.until("the client is inactive", func() -> bool:
		return client.peer.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED)
	game.note("a client's events", client.events)
	for problem in second.problems:
		fail(problem)
	await second.end()


## The multiplayer API sends by itself: a client that acknowledges nothing must not fill a log.
func test_lines_about_a_client_that_acknowledges_nothing() -> void:
	expect_error("too much is queued")
	var game := Game.new(EnetEnds.new(true, true, DTLS))
	add_child(game)
	await game.start()
	game.clients[0].crash()
	var packet := PackedByteArray()
	packet.resize(8 << 20)
	game.server.peer.set_target_peer(game.clients[0].id)
	var logger: RefCounted = CallbackLogger.new(func() -> void: pass) if CallbackLogger.is_possible() else null
	for i in 40:
		equal(game.server.peer.put_packet(packet), OK, "put_packet()")
	if logger:
		logger.remove()
		check(logger.calls <= 5, "%d lines" % logger.calls)
	await game.end()
	for problem in game.problems:
		fail(problem)


## The engine's decompression prints some errors: a sender could fill a log with them, and a script's logger that calls the
## host would wait for itself.
func test_compressed_datagrams_that_are_broken() -> void:
	for mode: int in range(1, 5):
		var host: RefCounted = ClassDB.instantiate("OpenSSLENetConnection")
		equal(host.create_host_bound("127.0.0.1", 0), OK, "create_host_bound()")
		host.compress(mode)
		var sender := PacketPeerUDP.new()
		equal(sender.connect_to_host("127.0.0.1", host.get_local_port()), OK, "connect_to_host()")
		# The flag for compressed, and then nothing, or what no algorithm makes.
		var datagrams: Array[PackedByteArray] = [PackedByteArray([0x4F, 0xFF]), PackedByteArray([0xCF, 0xFF, 0, 0])]
		for size: int in [1, 2, 3, 20, 1000]:
			var body := PackedByteArray()
			body.resize(size)
			for filler: int in [0x00, 0x3F, 0xFF]:
				body.fill(filler)
				datagrams.append(PackedByteArray([0x4F, 0xFF]) + body)
		for datagram in datagrams:
			sender.put_packet(datagram)
		var totals := [0]
		check(await until(func() -> bool:
			equal(host.service(), [0, null, 0, 0], "mode %d: an event" % mode)
			totals[0] += int(host.pop_statistic(3))
			return totals[0] == datagrams.size()), "mode %d: all have arrived" % mode)
		host.destroy()


func test_mesh_peers_that_are_not_connected() -> void:
	expect_errors([
		"p_host.is_null()", "exactly one peer in the connected state", "active_mode == MODE_MESH",
	])
	expect_errors([
		"ENetMultiplayerPeer.add_mesh_peer()", "ENetMultiplayerPeer.get_host()",
	])
	await compare_plain(_add_badly)


func _add_badly(game: Game) -> void:
	var member := game.mesh(1)
	game.note("null", member.peer.add_mesh_peer(2, null))
	var host := game.ends.server_host()
	host.create_host(1)
	game.note("without a peer", member.peer.add_mesh_peer(2, host))
	host.connect_to_host("127.0.0.1", 9)
	game.note("with one that connects", member.peer.add_mesh_peer(2, host))
	game.note("the host of a mesh", member.peer.host)
	game.note("events", member.events)
	host.destroy()


func test_clients_with_bad_ids() -> void:
	await compare(_connect_with_bad_ids)


func _connect_with_bad_ids(game: Game) -> void:
	await game.start()
	var hosts: Array[RefCounted] = []
	var peers: Array[PacketPeer] = []
	for id: int in [0, 1, game.clients[0].id]:
		var host := game.ends.client_host()
		host.create_host(1)
		game.ends.encrypt_client(host)
		var peer: PacketPeer = host.connect_to_host("127.0.0.1", game.ends.way_to(game.server_port()), 0, id)
		peer.ping_interval(20)
		peer.set_timeout(1, 10, 100)
		hosts.append(host)
		peers.append(peer)
	var last_events := [0, 0, 0]
	await game.until("the end of all with bad ids", func() -> bool:
		for i in hosts.size():
			var event: Array = hosts[i].service()
			if event[0] != 0:
				last_events[i] = event[0]
		return not peers.any(func(peer: PacketPeer) -> bool: return peer.is_active()))
	game.note("their last events", last_events)
	for host in hosts:
		host.destroy()
	await _play_on(game)
	game.note("the server", [game.server.events, game.server.peers()])
	game.note("the client", [game.clients[0].events, game.clients[0].peers()])


## The game goes on: a call of each still arrives at each other.
func _play_on(game: Game) -> void:
	var all := ([game.server] + game.clients).filter(func(one: Node) -> bool: return one.is_connected_through())
	for one: Node in all:
		one.rpc("tell", "still here")
	for one: Node in all:
		await game.until("the game goes on", func() -> bool: return one.values("tell").count("still here") >= all.size() - 1)
