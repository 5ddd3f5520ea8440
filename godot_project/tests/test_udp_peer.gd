## PacketPeerUDP does what the engine's does, call by call.
extends "res://tests/differential.gd"

## An address reserved for documentation (RFC 5737), which no machine has.
const UNUSED_ADDRESS := "198.51.100.1"


func test_binding() -> void:
	expect_errors(["ERR_ALREADY_IN_USE", "Invalid IP", "The local port number", "the socket is open already", "is no IP address", "the port must be", "p_bind_address.is_valid", "cannot be had"])
	await compare(_bind)


func _bind(impl: Implementation) -> void:
	var peer := impl.udp_peer()
	impl.note_peer("new", peer)
	impl.note("bind", peer.bind(0))
	impl.note("it has a port", peer.get_local_port() > 0)
	impl.note_peer("bound", peer)
	impl.note("bind again", peer.bind(0))
	impl.note_peer("bound again", peer)
	var port: int = peer.get_local_port()
	var other := impl.udp_peer()
	impl.note("bind to a taken port", other.bind(port))
	impl.note_peer("after a taken port", other)
	peer.close()
	impl.note_peer("closed", peer)
	impl.note("bind to a port that is free again", other.bind(port))
	impl.note("it is that port", other.get_local_port() == port)
	for address: String in ["*", "127.0.0.1", "0.0.0.0", "::1", "::", "", "localhost", "1.2.3", UNUSED_ADDRESS]:
		var bound := impl.udp_peer()
		impl.note("bind to \"%s\"" % address, bound.bind(0, address))
		impl.note_peer("bound to \"%s\"" % address, bound)
	for bad_port: int in [-1, 65536]:
		impl.note("bind to port %d" % bad_port, impl.udp_peer().bind(bad_port))


func test_the_queue_is_as_large_as_the_engines() -> void:
	await compare(_fill_queues)


func _fill_queues(impl: Implementation) -> void:
	for size: int in [1, 100, 1023, 1024, 4000]:
		var receiver := impl.bound_peer(Implementation.LOOPBACK, size)
		var sender := impl.connected_peer(receiver.get_local_port())
		for i in 60:
			sender.put_packet(Implementation.bytes(100, i))
		Implementation.settle()
		impl.note("packets that fit into %d bytes" % size, receiver.get_available_packet_count())
		if receiver.get_available_packet_count() > 0:
			impl.note("the oldest is kept in %d bytes" % size, receiver.get_packet())
	var unbound := impl.udp_peer()
	var bound := impl.bound_peer()
	unbound.connect_to_host(Implementation.LOOPBACK, bound.get_local_port())
	unbound.put_packet(Implementation.bytes(1))
	Implementation.arrived(bound)
	bound.get_packet()
	bound.set_dest_address(Implementation.LOOPBACK, bound.get_packet_port())
	for i in 3:
		bound.put_packet(Implementation.bytes(30_000, i))
	Implementation.settle()
	impl.note("packets that fit where no size was given", unbound.get_available_packet_count())


func test_a_closed_peer_can_be_connected_again() -> void:
	await compare(_exchange_after_close)


func _exchange_after_close(impl: Implementation) -> void:
	var server := impl.bound_peer()
	var client := impl.connected_peer(server.get_local_port())
	client.close()
	client.connect_to_host(Implementation.LOOPBACK, server.get_local_port())
	client.put_packet(Implementation.bytes(10))
	impl.note("questions after close", Implementation.arrived(server))
	server.get_packet()
	server.set_dest_address(server.get_packet_ip(), server.get_packet_port())
	server.put_packet(Implementation.bytes(1000))
	impl.note("answers after close", Implementation.arrived(client, 1, 50))


func test_a_destination_can_be_set_until_the_peer_is_connected() -> void:
	expect_errors(["Destination address cannot be set", "packets go there alone", "peer_addr.is_valid", "the port must be"])
	await compare(_set_destinations, {
		"to port 65536": [OK, ERR_INVALID_PARAMETER, "the engine sends to port 0 then"],
		"to port -1": [OK, ERR_INVALID_PARAMETER, "the engine sends to port 65535 then"],
	})


func _set_destinations(impl: Implementation) -> void:
	var receiver := impl.bound_peer()
	var port: int = receiver.get_local_port()
	var peer := impl.udp_peer()
	impl.note("send without a destination", peer.put_packet(Implementation.bytes(3)))
	impl.note_peer("without a destination", peer)
	impl.note("to an address", peer.set_dest_address(Implementation.LOOPBACK, port))
	impl.note_peer("with a destination", peer)
	impl.note("send", peer.put_packet(Implementation.bytes(3)))
	impl.note_peer("sent", peer)
	impl.note("received", Implementation.arrived(receiver))
	impl.note("what", receiver.get_packet())
	impl.note("from", [receiver.get_packet_ip(), receiver.get_packet_port() == peer.get_local_port()])
	impl.note("to a host name", peer.set_dest_address("localhost", port))
	impl.note("to an empty name", peer.set_dest_address("", port))
	impl.note("to any address", peer.set_dest_address("*", port))
	impl.note("a destination that cannot be found changes nothing", peer.set_dest_address(Implementation.LOOPBACK, 0))
	impl.note("send to port 0", peer.put_packet(Implementation.bytes(3)))
	for bad_port: int in [65536, -1]:
		impl.note("to port %d" % bad_port, peer.set_dest_address(Implementation.LOOPBACK, bad_port))
	var connected := impl.connected_peer(port)
	impl.note("of a connected peer", connected.set_dest_address(UNUSED_ADDRESS, 9))
	impl.note("send connected", connected.put_packet(Implementation.bytes(4)))
	impl.note("it went where it was connected to", Implementation.arrived(receiver))


func test_a_connected_peer_receives_from_one_remote_alone() -> void:
	await compare(_connect)


func _connect(impl: Implementation) -> void:
	var remote := impl.bound_peer()
	var third_party := impl.bound_peer()
	var peer := impl.udp_peer()
	impl.note("connect", peer.connect_to_host(Implementation.LOOPBACK, remote.get_local_port()))
	impl.note_peer("connected", peer)
	impl.note("it has a port", peer.get_local_port() > 0)
	impl.note("no packet was sent", Implementation.arrived(remote, 1, 20))
	for other: PacketPeer in [third_party, remote]:
		other.set_dest_address(Implementation.LOOPBACK, peer.get_local_port())
	impl.note("the third party sends", third_party.put_packet(Implementation.bytes(5)))
	impl.note("the remote sends", remote.put_packet(Implementation.bytes(6)))
	impl.note("packets", Implementation.arrived(peer, 2, 50))
	impl.note("the remote's packet", peer.get_packet())
	impl.note("its sender", [peer.get_packet_ip(), peer.get_packet_port() == remote.get_local_port()])
	impl.note("connect to another", peer.connect_to_host(Implementation.LOOPBACK, third_party.get_local_port()))
	impl.note_peer("connected to another", peer)
	third_party.put_packet(Implementation.bytes(7))
	impl.note("now the other's packet arrives", [Implementation.arrived(peer), peer.get_packet()])
	impl.note("bind a connected peer", [impl.bound_peer().connect_to_host(Implementation.LOOPBACK, 9)])
	peer.close()
	impl.note_peer("closed", peer)
	impl.note("the remote outlives close", peer.put_packet(Implementation.bytes(8)))
	impl.note_peer("open again", peer)
	impl.note("it arrives", [Implementation.arrived(third_party), third_party.get_packet()])


func test_what_cannot_be_connected_to() -> void:
	expect_errors(["Invalid IP", "is no IP address and no host name", "The remote port number", "the port must be", "Unable to connect", "p_host.is_valid", "_can_use_ip"])
	await compare(_connect_badly, {
		"to \"localhost\"": [ERR_INVALID_PARAMETER, OK, "a host name works too, as the documented client has one"],
		"state of \"localhost\"": [[false, false], [true, true], "as above"],
	})


func _connect_badly(impl: Implementation) -> void:
	for host: String in ["", "*", "1.2.3", "localhost"]:
		var peer := impl.udp_peer()
		impl.note("to \"%s\"" % host, peer.connect_to_host(host, 4242))
		impl.note("state of \"%s\"" % host, [peer.is_bound(), peer.is_socket_connected()])
	for port: int in [0, -1, 65536]:
		var peer := impl.udp_peer()
		impl.note("to port %d" % port, peer.connect_to_host(Implementation.LOOPBACK, port))
		impl.note_peer("port %d" % port, peer)
	var on_ipv4 := impl.bound_peer()
	impl.note("to the other family", on_ipv4.connect_to_host("::1", 4242))
	impl.note_peer("after the other family", on_ipv4)


func test_packets_that_came_before_connecting_are_dropped() -> void:
	await compare(_connect_late, {
		"packets": [2, 0, "the engine drops their bytes and not their count"],
	})


func _connect_late(impl: Implementation) -> void:
	var peer := impl.bound_peer()
	var sender := impl.connected_peer(peer.get_local_port())
	for i in 2:
		sender.put_packet(Implementation.bytes(9))
	impl.note("before", Implementation.arrived(peer, 2))
	peer.connect_to_host(Implementation.LOOPBACK, impl.bound_peer().get_local_port())
	impl.note("packets", peer.get_available_packet_count())


func test_a_peer_that_is_bound_again_has_none_of_the_old_packets() -> void:
	await compare(_bind_again, {
		"what is read": [Implementation.bytes(9, 1), Implementation.bytes(9, 2), "the engine's queue keeps the old bytes"],
	})


func _bind_again(impl: Implementation) -> void:
	var peer := impl.bound_peer()
	var port: int = peer.get_local_port()
	var sender := impl.udp_peer()
	sender.set_dest_address(Implementation.LOOPBACK, port)
	sender.put_packet(Implementation.bytes(9, 1))
	impl.note("old packets", Implementation.arrived(peer))
	peer.close()
	impl.note_peer("closed", peer)
	impl.note("bind again", peer.bind(port, Implementation.LOOPBACK))
	impl.note_peer("bound again", peer)
	sender.put_packet(Implementation.bytes(9, 2))
	impl.note("new packets", Implementation.arrived(peer))
	impl.note("what is read", peer.get_packet())


func test_a_closed_port_refuses_once_for_each_packet() -> void:
	await compare(_be_refused)


func _be_refused(impl: Implementation) -> void:
	var gone := impl.bound_peer()
	var port: int = gone.get_local_port()
	gone.close()
	var peer := impl.connected_peer(port)
	impl.note("send", peer.put_packet(Implementation.bytes(3)))
	Implementation.settle()
	impl.note("packets after it", [peer.get_available_packet_count(), peer.get_available_packet_count()])
	impl.note("send again", peer.put_packet(Implementation.bytes(3)))
	Implementation.settle()
	impl.note("and again", [peer.put_packet(Implementation.bytes(3)), peer.put_packet(Implementation.bytes(3))])
	Implementation.settle()
	impl.note("read after it", [peer.get_packet(), peer.get_packet_error()])
	impl.note("read once more", [peer.get_packet(), peer.get_packet_error()])
	impl.note("send for wait", peer.put_packet(Implementation.bytes(3)))
	Implementation.settle()
	impl.note("wait", peer.wait())
	impl.note("packets after waiting", peer.get_available_packet_count())
	impl.note_peer("still connected", peer)
	var back := impl.udp_peer()
	impl.note("a peer is bound there again", back.bind(port, Implementation.LOOPBACK))
	impl.note("send to it", peer.put_packet(Implementation.bytes(3)))
	impl.note("it arrives there", Implementation.arrived(back))


func test_unconnected_peers_are_not_refused() -> void:
	await compare(func(impl: Implementation) -> void:
		var gone := impl.bound_peer()
		var peer := impl.udp_peer()
		peer.set_dest_address(Implementation.LOOPBACK, gone.get_local_port())
		gone.close()
		for i in 3:
			impl.note("send %d" % i, peer.put_packet(Implementation.bytes(3)))
			Implementation.settle()
			impl.note("packets %d" % i, peer.get_available_packet_count()))


func test_polling_takes_what_has_arrived() -> void:
	# For scripts of newer engines.
	var peer := OpenSSLPacketPeerUDP.new()
	equal(peer.poll(), FAILED, "not open")
	peer.bind(0, "127.0.0.1")
	equal(peer.poll(), OK, "nothing there")
	var sender: PacketPeer = Implementation.new(true).connected_peer(peer.get_local_port())
	for i in 3:
		sender.put_packet(Implementation.bytes(4, i))
	Implementation.settle()
	equal(peer.poll(), OK, "three there")
	for i in peer.get_available_packet_count():
		equal(peer.get_packet(), Implementation.bytes(4, i), "in order")
	equal(peer.get_available_packet_count(), 0, "all taken")
	# Polled at once, the queue holds what it can and no more.
	for i in 5:
		sender.put_packet(Implementation.bytes(30_000, i))
		Implementation.settle()
		equal(peer.poll(), OK, "poll %d" % i)
	equal(peer.get_available_packet_count(), 4, "131,071 bytes of queue")
	peer.close()
	equal(peer.poll(), FAILED, "closed")


func test_polling_a_servers_peer_and_one_that_was_refused() -> void:
	var impl := Implementation.new(true)
	var server := impl.listening_server()
	var client := impl.connected_peer(server.get_local_port())
	client.put_packet(Implementation.bytes(3))
	Implementation.settle()
	server.poll()
	var served: PacketPeer = server.take_connection()
	client.put_packet(Implementation.bytes(3))
	Implementation.settle()
	equal(served.poll(), OK, "the server polls for it")
	equal(served.get_available_packet_count(), 1, "as before")
	server.stop()
	client.put_packet(Implementation.bytes(3))
	Implementation.settle()
	equal(client.poll(), FAILED, "refused")
	equal(client.poll(), OK, "once")


func test_link_local_addresses_have_an_interface() -> void:
	# Beyond the engine's, which read no interface. Packets that cross such a link: rust/udp/tests/link_local.rs.
	expect_errors(["there is no network interface \"nowhere\"", "only link-local IPv6 addresses"])
	for address: String in ["fe80::1%nowhere", "fe80::1%", "2001:db8::1%1", "127.0.0.1%1"]:
		if address.ends_with("%"):
			expect_error("there is no network interface \"\"")
		equal(PacketPeerUDP.new().connect_to_host(address, 9), ERR_INVALID_PARAMETER, "connect to %s" % address)
		equal(PacketPeerUDP.new().bind(0, address), ERR_INVALID_PARAMETER, "bind %s" % address)
		equal(UDPServer.new().listen(0, address), ERR_INVALID_PARAMETER, "listen on %s" % address)
		equal(PacketPeerUDP.new().set_dest_address(address, 9), ERR_CANT_RESOLVE, "send to %s" % address)
	expect_error("a link-local address is followed by the interface")
	equal(PacketPeerUDP.new().connect_to_host("fe80::1", 9), FAILED, "without an interface")
	for interface: Dictionary in IP.get_local_interfaces():
		for address: String in interface.addresses:
			if address.begins_with("fe80:"):
				for which: String in [interface.name, interface.index]:
					_echo_link_locally("%s%%%s" % [address, which])


func _echo_link_locally(address: String) -> void:
	var server := UDPServer.new()
	equal(server.listen(0, address), OK, "listen on %s" % address)
	var client := PacketPeerUDP.new()
	equal(client.connect_to_host(address, server.get_local_port()), OK, "connect to %s" % address)
	client.put_packet(Implementation.bytes(3))
	Implementation.settle()
	server.poll()
	var served := server.take_connection()
	if check(served != null, "a client on %s" % address):
		equal(served.get_packet(), Implementation.bytes(3), "its packet")
		equal(served.get_packet_ip(), address.get_slice("%", 0), "its address")
		served.put_packet(Implementation.bytes(5))
		equal(Implementation.arrived(client), 1, "the answer")


func test_waiting_for_a_packet() -> void:
	expect_error("!is_open()")
	await compare(_wait)


func _wait(impl: Implementation) -> void:
	impl.note("not open", impl.udp_peer().wait())
	var peer := impl.bound_peer()
	impl.connected_peer(peer.get_local_port()).put_packet(Implementation.bytes(3))
	impl.note("a packet is there", peer.wait())
	impl.note("which can be read", peer.get_packet())


func test_waiting_ends_at_once_where_a_packet_is_queued() -> void:
	# The engine's looks at the socket alone, and would wait without end.
	var peer := PacketPeerUDP.new()
	peer.bind(0, "127.0.0.1")
	var sender := PacketPeerUDP.new()
	sender.connect_to_host("127.0.0.1", peer.get_local_port())
	sender.put_packet(Implementation.bytes(3))
	equal(Implementation.arrived(peer), 1, "queued")
	equal(peer.wait(), OK, "wait")


func test_waiting_ends_when_the_peer_is_closed_by_another_thread() -> void:
	var peer := PacketPeerUDP.new()
	peer.bind(0, "127.0.0.1")
	var thread := Thread.new()
	thread.start(func() -> int: return peer.wait())
	OS.delay_msec(30)
	peer.close()
	equal(thread.wait_to_finish(), ERR_UNCONFIGURED, "wait")


func test_empty_packets_are_not_sent() -> void:
	await compare(_send_empty)


func _send_empty(impl: Implementation) -> void:
	impl.note("without a destination", impl.udp_peer().put_packet(PackedByteArray()))
	var receiver := impl.bound_peer()
	var sender := impl.connected_peer(receiver.get_local_port())
	impl.note("send", sender.put_packet(PackedByteArray()))
	impl.note("received", Implementation.arrived(receiver, 1, 20))


func test_large_packets() -> void:
	expect_error("send it in parts")
	await compare(_send_large)


func _send_large(impl: Implementation) -> void:
	var receiver := impl.bound_peer(Implementation.LOOPBACK, 200_000)
	var sender := impl.connected_peer(receiver.get_local_port())
	for size: int in [512, 1500, 16_384, 65_507, 65_508, 100_000]:
		impl.note("send %d bytes" % size, sender.put_packet(Implementation.bytes(size)))
		impl.note("received of %d bytes" % size, Implementation.arrived(receiver, 1, 30))
		impl.note("read %d bytes" % size, receiver.get_packet() == Implementation.bytes(size))


func test_address_families() -> void:
	expect_errors(["p_ip_type == IP::TYPE_IPV6", "!p_ip.is_wildcard()"])
	await compare(_mix_families)


func _mix_families(impl: Implementation) -> void:
	for bound_to: String in ["127.0.0.1", "::1", "0.0.0.0", "::", "*"]:
		for from: String in ["127.0.0.1", "::1"]:
			var receiver := impl.bound_peer(bound_to)
			var sender := impl.udp_peer()
			sender.connect_to_host(from, receiver.get_local_port())
			sender.put_packet(Implementation.bytes(4))
			var place := "%s to %s" % [from, bound_to]
			impl.note(place, Implementation.arrived(receiver, 1, 10))
			receiver.get_packet()
			impl.note("%s: seen" % place, receiver.get_packet_ip())
			impl.note("%s: answer to" % place, receiver.set_dest_address(from, sender.get_local_port()))
			impl.note("%s: answer" % place, receiver.put_packet(Implementation.bytes(5)))
			impl.note("%s: answered" % place, maxi(Implementation.arrived(sender, 1, 10), 0))


func test_broadcasting_needs_to_be_allowed() -> void:
	await compare(_broadcast)


func _broadcast(impl: Implementation) -> void:
	var listener := impl.bound_peer("*")
	var port: int = listener.get_local_port()
	for allowed: bool in [false, true, false]:
		var peer := impl.bound_peer("0.0.0.0")
		peer.set_broadcast_enabled(not allowed)
		peer.set_broadcast_enabled(allowed)
		peer.set_dest_address("127.255.255.255", port)
		impl.note("send, allowed: %s" % allowed, peer.put_packet(Implementation.bytes(3)))
		impl.note("received, allowed: %s" % allowed, Implementation.arrived(listener, 1, 20))
		listener.get_packet()
	var early := impl.udp_peer()
	early.set_broadcast_enabled(true)
	early.set_dest_address("127.255.255.255", port)
	impl.note("allowed before the socket was open", early.put_packet(Implementation.bytes(3)))


func test_a_broadcast_address_can_be_connected_to_once_that_is_allowed() -> void:
	# The engine does not set the option on a socket that connect_to_host() opens.
	expect_error("Unable to connect")
	await compare(func(impl: Implementation) -> void:
			var peer := impl.udp_peer()
			peer.set_broadcast_enabled(true)
			impl.note("connect", peer.connect_to_host("127.255.255.255", 4242)), {
		"connect": [FAILED, OK, "the engine drops the value of set_broadcast_enabled()"],
	})


func test_multicast_groups() -> void:
	expect_errors(["ERR_UNCONFIGURED", "if_ip.is_valid", "ret != 0", "_can_use_ip", "p_multi_address.is_valid", "Invalid IP"])
	await compare(_join)


func _join(impl: Implementation) -> void:
	const GROUP := "239.1.2.3"
	var loopback := _loopback_interface()
	var peer := impl.udp_peer()
	impl.note("leave while closed", peer.leave_multicast_group(GROUP, loopback))
	impl.note("join", peer.join_multicast_group(GROUP, loopback))
	impl.note_peer("joined", peer)
	impl.note("join again", peer.join_multicast_group(GROUP, loopback))
	impl.note("join on no interface", peer.join_multicast_group(GROUP, "no such interface"))
	impl.note("join without an interface", peer.join_multicast_group(GROUP, ""))
	impl.note("join an IPv6 group", peer.join_multicast_group("ff02::1:2:3", loopback))
	impl.note("join no group", peer.join_multicast_group("10.0.0.1", loopback))
	impl.note("join nonsense", peer.join_multicast_group("nonsense", loopback))
	impl.note("leave", peer.leave_multicast_group(GROUP, loopback))
	impl.note("leave again", peer.leave_multicast_group(GROUP, loopback))
	impl.note("leave nonsense", peer.leave_multicast_group("nonsense", loopback))
	for address: String in ["*", "0.0.0.0", "::"]:
		var bound := impl.bound_peer(address)
		for group: String in [GROUP, "ff02::1:2:3"]:
			impl.note("%s on %s" % [group, address], bound.join_multicast_group(group, loopback))
			impl.note("%s left on %s" % [group, address], bound.leave_multicast_group(group, loopback))


func _loopback_interface() -> String:
	for interface in IP.get_local_interfaces():
		if "127.0.0.1" in interface.addresses:
			return interface.name
	return ""


func test_the_last_error_of_get_packet() -> void:
	await compare(_get_errors)


func _get_errors(impl: Implementation) -> void:
	var peer := impl.udp_peer()
	impl.note("new", peer.get_packet_error())
	impl.note("closed", [peer.get_packet(), peer.get_packet_error()])
	peer.bind(0, Implementation.LOOPBACK)
	impl.note("nothing there", [peer.get_packet(), peer.get_packet_error()])
	impl.connected_peer(peer.get_local_port()).put_packet(Implementation.bytes(3))
	impl.note("something there", [Implementation.arrived(peer), peer.get_packet(), peer.get_packet_error()])
	peer.close()
	impl.note("closed again", peer.get_packet_error())
	impl.note("the sender is still known", [peer.get_packet_ip(), peer.get_packet_port() > 0])


func test_variants() -> void:
	expect_errors(["encode size is bigger", "Max encode buffer", "err != OK", "len < 4"])
	await compare(_exchange_variants)


func _exchange_variants(impl: Implementation) -> void:
	var receiver := impl.bound_peer()
	var sender := impl.connected_peer(receiver.get_local_port())
	for value: Variant in [null, true, 42, 1.5, "text", Vector3.ONE, [1, "a"], {a = 1}, PackedByteArray([1, 2]), &"name"]:
		impl.note("put %s" % [value], sender.put_var(value))
		impl.note("arrived %s" % [value], Implementation.arrived(receiver))
		impl.note("get %s" % [value], receiver.get_var())
	impl.note("largest", sender.encode_buffer_max_size)
	sender.encode_buffer_max_size = 1024
	impl.note("smaller", sender.encode_buffer_max_size)
	impl.note("put too much", sender.put_var(Implementation.bytes(2000)))
	sender.encode_buffer_max_size = 1500
	impl.note("the next power of two", sender.encode_buffer_max_size)
	impl.note("put it now", sender.put_var(Implementation.bytes(2000)))
	impl.note("get it", [Implementation.arrived(receiver), receiver.get_var() == Implementation.bytes(2000)])
	sender.encode_buffer_max_size = 10
	impl.note("too small a limit changes nothing", sender.encode_buffer_max_size)
	sender.encode_buffer_max_size = 300 * 1024 * 1024
	impl.note("nor does too large a one", sender.encode_buffer_max_size)
	sender.put_packet(PackedByteArray([1, 2]))
	impl.note("get no variant", [Implementation.arrived(receiver), receiver.get_var()])
	impl.note("get nothing", receiver.get_var())


func test_odd_sizes_of_the_queue_do_no_harm() -> void:
	# The engine's shifts by such a number and has undefined behaviour.
	for size: int in [-1, 0, -2147483648]:
		var peer := PacketPeerUDP.new()
		equal(peer.bind(0, "127.0.0.1", size), OK, "bind with a queue of %d bytes" % size)
		equal(peer.get_available_packet_count(), 0, "packets")
