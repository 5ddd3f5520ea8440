## UDPServer and its peers do what the engine's do, call by call.
extends "res://tests/differential.gd"


func test_listening() -> void:
	expect_errors(["ERR_ALREADY_IN_USE", "Invalid IP", "p_bind_address.is_valid", "is no IP address", "the server listens already", "!is_open()", "the port must be", "cannot be had"])
	await compare(_listen, {
		"listen on port 65536": [OK, ERR_INVALID_PARAMETER, "the engine listens on port 0 then: any"],
		"listening on port 65536": [true, false, "as above"],
		"listen on port -65536": [OK, ERR_INVALID_PARAMETER, "as above"],
		"listening on port -65536": [true, false, "as above"],
		"another server takes the port": [OK, ERR_UNAVAILABLE, "the engine's servers take a port from each other on Linux, and let other users' processes do so"],
	})


func _listen(impl: Implementation) -> void:
	var server := impl.udp_server()
	impl.note_server("new", server)
	impl.note("its port", server.get_local_port())
	impl.note("poll before listening", server.poll())
	impl.note("take before listening", server.take_connection())
	impl.note("listen", server.listen(0))
	impl.note_server("listening", server)
	impl.note("it has a port", server.get_local_port() > 0)
	impl.note("poll", server.poll())
	impl.note("take", server.take_connection())
	impl.note("listen twice", server.listen(0))
	impl.note_server("still listening", server)
	var port: int = server.get_local_port()
	impl.note("another server takes the port", impl.udp_server().listen(port))
	impl.note("a peer does not", impl.udp_peer().bind(port))
	server.stop()
	impl.note_server("stopped", server)
	impl.note("poll after stop", server.poll())
	impl.note("the port is free", impl.udp_peer().bind(port))
	impl.note("listen again", server.listen(port))
	impl.note_server("listening again", server)
	server.stop()
	server.stop()
	var owner := impl.bound_peer("*")
	impl.note("listen where a peer is bound", impl.udp_server().listen(owner.get_local_port()))
	for address: String in ["*", "127.0.0.1", "0.0.0.0", "::1", "::", "", "localhost", "1.2.3", "198.51.100.1"]:
		var other := impl.udp_server()
		impl.note("listen on \"%s\"" % address, other.listen(0, address))
		impl.note("listening on \"%s\"" % address, other.is_listening())
	for bad_port: int in [65536, -65536]:
		var other := impl.udp_server()
		impl.note("listen on port %d" % bad_port, other.listen(bad_port))
		impl.note("listening on port %d" % bad_port, other.is_listening())


func test_a_client_becomes_a_peer() -> void:
	expect_errors(["ERR_LOCKED", "Destination address cannot be set", "packets go there alone", "a server's peer cannot", "ERR_ALREADY_IN_USE", "the socket is open already", "Condition \"udp_server\" is true.", "Invalid IP"])
	await compare(_take)


func _take(impl: Implementation) -> void:
	var server := impl.listening_server()
	var port: int = server.get_local_port()
	var client := impl.connected_peer(port)
	for i in 2:
		client.put_packet(Implementation.bytes(10, i))
	Implementation.settle()
	impl.note("poll", server.poll())
	impl.note_server("polled", server)
	var peer: PacketPeer = server.take_connection()
	impl.note("no other client waits", [server.is_connection_available(), server.take_connection()])
	impl.note_peer("taken", peer)
	impl.note("it is the client", peer.get_packet_port() == client.get_local_port())
	impl.note("on the server's port", peer.get_local_port() == port)
	impl.note("the first packet", [peer.get_packet(), peer.get_packet_error()])
	impl.note("the second packet", [peer.get_packet(), peer.get_packet_error()])
	impl.note("no third", [peer.get_packet(), peer.get_packet_error()])
	impl.note("answer", peer.put_packet(Implementation.bytes(11)))
	impl.note("the answer arrives", [Implementation.arrived(client), client.get_packet()])
	client.put_packet(Implementation.bytes(12))
	Implementation.settle()
	impl.note("before the server polls", peer.get_available_packet_count())
	impl.note("poll again", server.poll())
	impl.note("after", peer.get_available_packet_count())
	impl.note("no new client", server.is_connection_available())
	impl.note("set its destination", peer.set_dest_address("127.0.0.1", 9))
	impl.note("connect it", peer.connect_to_host("127.0.0.1", 9))
	impl.note("connect it badly", peer.connect_to_host("1.2.3", 0))
	impl.note("bind it", peer.bind(0))
	peer.set_broadcast_enabled(true)
	impl.note("join", peer.join_multicast_group("239.1.2.3", "lo"))
	impl.note("join nonsense", peer.join_multicast_group("1.2.3", "lo"))
	impl.note("leave", peer.leave_multicast_group("239.1.2.3", "lo"))
	impl.note_peer("nothing changed", peer)
	impl.note("put a variant", peer.put_var({a = 1}))
	impl.note("get a variant", [Implementation.arrived(client), client.get_var()])


func test_clients_wait_in_order() -> void:
	await compare(_wait_in_order)


func _wait_in_order(impl: Implementation) -> void:
	var server := impl.listening_server()
	var clients: Array[PacketPeer] = []
	for i in 5:
		clients.append(impl.connected_peer(server.get_local_port()))
	for i: int in [3, 1, 4, 0, 2]:
		clients[i].put_packet(Implementation.bytes(5, i))
	clients[4].put_packet(Implementation.bytes(5, 9))
	Implementation.settle()
	server.poll()
	while server.is_connection_available():
		var peer: PacketPeer = server.take_connection()
		impl.note("taken", [peer.get_available_packet_count(), peer.get_packet()])


func test_max_pending_connections() -> void:
	expect_errors(["Max pending connections value", "the value must be 0"])
	await compare(_limit)


func _limit(impl: Implementation) -> void:
	for limit: int in [0, 1, 16, 300]:
		var server := impl.listening_server()
		server.max_pending_connections = limit
		impl.note("limit %d" % limit, server.get_max_pending_connections())
		_send_from_clients(impl, server, 20)
		impl.note("waiting, limit %d" % limit, _take_all(server).size())
	var by_default := impl.listening_server()
	_send_from_clients(impl, by_default, 20)
	impl.note("waiting, by default", _take_all(by_default).size())
	by_default.max_pending_connections = -1
	impl.note("-1 changes nothing", by_default.max_pending_connections)
	# Clients that were refused may try again.
	var small := impl.listening_server()
	small.max_pending_connections = 1
	var clients := _send_from_clients(impl, small, 2)
	impl.note("the first is taken", _take_all(small).size())
	clients[1].put_packet(Implementation.bytes(3))
	Implementation.settle()
	small.poll()
	impl.note("the second tries again", _take_all(small).size())


func test_max_pending_connections_changed_while_clients_wait() -> void:
	const SWAPPED := "the engine's loop has its condition the wrong way round"
	await compare(_change_limit, {
		"waiting, 4 to 2": [4, 2, SWAPPED],
		"the oldest stay, 4 to 2": [[0, 1, 2, 3], [0, 1], SWAPPED],
		"waiting, 4 to 0": [4, 0, SWAPPED],
		"the oldest stay, 4 to 0": [[0, 1, 2, 3], [], SWAPPED],
		"waiting, 4 to 9": [0, 4, SWAPPED],
		"the oldest stay, 4 to 9": [[], [0, 1, 2, 3], SWAPPED],
	})


func _change_limit(impl: Implementation) -> void:
	for limit: int in [2, 0, 4, 9]:
		var server := impl.listening_server()
		server.max_pending_connections = 4
		var clients := _send_from_clients(impl, server, 4)
		server.max_pending_connections = limit
		var peers := _take_all(server)
		impl.note("waiting, 4 to %d" % limit, peers.size())
		var ports := clients.map(func(client: PacketPeer) -> int: return client.get_local_port())
		impl.note(
				"the oldest stay, 4 to %d" % limit,
				peers.map(func(peer: PacketPeer) -> int: return ports.find(peer.get_packet_port())))


func test_stopping_disconnects_the_peers() -> void:
	await compare(_stop)


func _stop(impl: Implementation) -> void:
	var server := impl.listening_server()
	var port: int = server.get_local_port()
	var clients := _send_from_clients(impl, server, 2)
	var peer: PacketPeer = server.take_connection()
	server.stop()
	impl.note_server("stopped", server)
	impl.note_peer("the peer", peer)
	impl.note("its packets are lost", [peer.get_packet(), peer.get_packet_error()])
	impl.note("it goes on with a socket of its own", peer.put_packet(Implementation.bytes(7)))
	impl.note_peer("the peer sends", peer)
	impl.note("from another port", peer.get_local_port() != port)
	impl.note("listen again", server.listen(port, Implementation.LOOPBACK))
	impl.note_server("listening again", server)
	clients[0].put_packet(Implementation.bytes(8))
	Implementation.settle()
	impl.note("poll", server.poll())
	impl.note("the client is a new one", _take_all(server).size())
	impl.note("the old peer has no packet", peer.get_available_packet_count())


func test_a_server_freed_before_its_peers() -> void:
	await compare(func(impl: Implementation) -> void:
		var server := impl.listening_server()
		_send_from_clients(impl, server, 3)
		var peer: PacketPeer = server.take_connection()
		server = null
		impl.note_peer("alone", peer)
		peer.close()
		impl.note_peer("closed", peer)
		impl.note("bind it", peer.bind(0, Implementation.LOOPBACK))
		impl.note_peer("bound", peer))


func test_a_peer_freed_or_closed_before_its_server() -> void:
	await compare(_free_peers)


func _free_peers(impl: Implementation) -> void:
	var server := impl.listening_server()
	var client: PacketPeer = _send_from_clients(impl, server, 1)[0]
	var peer: PacketPeer = server.take_connection()
	peer = null
	client.put_packet(Implementation.bytes(3, 1))
	Implementation.settle()
	server.poll()
	impl.note("after it was freed, the client is a new one", server.is_connection_available())
	peer = server.take_connection()
	impl.note("its packets are the new ones", [peer.get_available_packet_count(), peer.get_packet()])
	peer.close()
	impl.note_peer("closed", peer)
	client.put_packet(Implementation.bytes(3, 2))
	Implementation.settle()
	server.poll()
	impl.note("after it was closed, too", server.is_connection_available())
	impl.note("the closed peer has a destination", peer.put_packet(Implementation.bytes(3)))
	impl.note("the server goes on", server.take_connection().get_packet())


func test_a_peers_queue_is_as_large_as_the_engines() -> void:
	await compare(_overflow)


func _overflow(impl: Implementation) -> void:
	var server := impl.listening_server()
	var client: PacketPeer = _send_from_clients(impl, server, 1)[0]
	var peer: PacketPeer = server.take_connection()
	peer.get_packet()
	for i in 80:
		client.put_packet(Implementation.bytes(1000, i))
	Implementation.settle()
	server.poll()
	impl.note("packets", peer.get_available_packet_count())
	impl.note("the oldest", peer.get_packet())
	client.put_packet(Implementation.bytes(100, 200))
	Implementation.settle()
	server.poll()
	impl.note("packets once there is room", peer.get_available_packet_count())


func test_address_families() -> void:
	await compare(_mix_families)


func _mix_families(impl: Implementation) -> void:
	for address: String in ["*", "127.0.0.1", "0.0.0.0", "::1", "::"]:
		var server := impl.listening_server(address)
		for from: String in ["127.0.0.1", "::1"]:
			var client := impl.connected_peer(server.get_local_port(), from)
			client.put_packet(Implementation.bytes(4))
			Implementation.settle()
			var place := "%s to %s" % [from, address]
			impl.note("%s: poll" % place, server.poll())
			impl.note("%s: available" % place, server.is_connection_available())
			var peer: PacketPeer = server.take_connection()
			if peer != null:
				impl.note("%s: seen" % place, peer.get_packet_ip())
				impl.note("%s: answer" % place, peer.put_packet(Implementation.bytes(5)))
				impl.note("%s: answered" % place, Implementation.arrived(client, 1, 20))


func test_answers_come_from_the_address_that_was_asked() -> void:
	if OS.get_name() != "Linux":
		print("only Linux has all of 127.0.0.0/8: not checked")
		return
	const PREFERRED := "the engine's server answers from the address that the system prefers, from which a connected client receives nothing"
	await compare(_ask_another_address, {
		"the answer, *": [PackedByteArray(), Implementation.bytes(5, 7), PREFERRED],
		"the answer, 0.0.0.0": [PackedByteArray(), Implementation.bytes(5, 7), PREFERRED],
	})


func _ask_another_address(impl: Implementation) -> void:
	for address: String in ["*", "0.0.0.0"]:
		var server := impl.listening_server(address)
		var client := impl.connected_peer(server.get_local_port(), "127.0.0.5")
		client.put_packet(Implementation.bytes(3))
		Implementation.settle()
		server.poll()
		var peer: PacketPeer = server.take_connection()
		impl.note("the packet, %s" % address, peer.get_packet())
		peer.put_packet(Implementation.bytes(5, 7))
		var count := Implementation.arrived(client, 1, 100)
		impl.note("the answer, %s" % address, client.get_packet() if count > 0 else PackedByteArray())


func test_large_packets() -> void:
	expect_error("send it in parts")
	await compare(func(impl: Implementation) -> void:
		var server := impl.listening_server()
		var client := impl.connected_peer(server.get_local_port())
		for size: int in [65_507, 65_508]:
			impl.note("send %d" % size, client.put_packet(Implementation.bytes(size)))
		Implementation.settle()
		server.poll()
		var peer: PacketPeer = server.take_connection()
		impl.note("received", peer.get_available_packet_count())
		impl.note("unchanged", peer.get_packet() == Implementation.bytes(65_507))
		impl.note("send back", peer.put_packet(Implementation.bytes(65_508))))


func test_asking_for_clients_polls() -> void:
	await compare(func(impl: Implementation) -> void:
			var server := impl.listening_server()
			impl.connected_peer(server.get_local_port()).put_packet(Implementation.bytes(3))
			Implementation.settle()
			impl.note("available", server.is_connection_available()), {
		"available": [false, true, "the documented server never calls poll()"],
	})


func test_the_loop_over_new_clients_ends_although_more_arrive() -> void:
	var server := UDPServer.new()
	server.listen(0, "127.0.0.1")
	var rounds := 0
	var senders: Array[PacketPeerUDP] = []
	var arrives := func() -> void:
		var sender := PacketPeerUDP.new()
		sender.connect_to_host("127.0.0.1", server.get_local_port())
		sender.put_packet(Implementation.bytes(3))
		senders.append(sender)
	arrives.call()
	Implementation.settle()
	while server.is_connection_available() and rounds < 100:
		server.take_connection()
		arrives.call()
		Implementation.settle()
		rounds += 1
	equal(rounds, 1, "clients taken in one loop of one frame")
	check(server.is_connection_available(), "the next loop begins where that one ended")


func _send_from_clients(impl: Implementation, server: RefCounted, count: int) -> Array[PacketPeer]:
	var clients: Array[PacketPeer] = []
	for i in count:
		clients.append(impl.connected_peer(server.get_local_port()))
		clients[i].put_packet(Implementation.bytes(3, i))
	Implementation.settle()
	server.poll()
	return clients


func _take_all(server: RefCounted) -> Array[PacketPeer]:
	var peers: Array[PacketPeer] = []
	var peer: PacketPeer = server.take_connection()
	while peer != null:
		peers.append(peer)
		peer = server.take_connection()
	return peers
