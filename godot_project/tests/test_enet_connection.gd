## ENetConnection and ENetPacketPeer, used by themselves: the same events, states and values as the engine's.
extends "res://tests/multiplayer_suite.gd"

const EnetPair := preload("res://tests/enet_pair.gd")

const RELIABLE := 1
const UNSEQUENCED := 2
const UNRELIABLE_FRAGMENT := 8

const CONNECTING := 1
const CONNECTED := 5

## Of get_statistic().
const STATISTICS := 14
const ROUND_TRIP_TIME := 3


func test_connecting_and_disconnecting() -> void:
	await compare(_connect)


func _connect(game: Game) -> void:
	var pair := EnetPair.new(game, 10)
	game.note("channels of the hosts", [pair.server.get_max_channels(), pair.client.get_max_channels()])
	game.note("peers before", [pair.server.get_peers(), pair.client.get_peers()])
	game.check(pair.server.get_local_port() > 0, "the server has a port")
	var peer := pair.begin(4, 77)
	game.note("a peer that connects", [peer.is_active(), peer.get_state(), peer.get_channels(), pair.client.get_peers() == [peer]])
	await pair.until("connected", func() -> bool: return not pair.server_events.is_empty() and not pair.client_events.is_empty())
	game.note("connected: the client", pair.client_events)
	game.note("connected: the server", pair.server_events)
	for each: PacketPeer in [peer, pair.server_peer]:
		game.note("a connected peer", [
			each.is_active(), each.get_state(), each.get_channels(), each.get_available_packet_count(), each.get_remote_address()])
	game.note("peers", [pair.server.get_peers() == [pair.server_peer], pair.client.get_peers() == [peer]])
	peer.peer_disconnect(42)
	game.note("a peer that disconnects", [peer.is_active(), peer.get_state()])
	await pair.until("disconnected", func() -> bool: return pair.server_events.size() == 2 and pair.client_events.size() == 2)
	await pair.steps()
	game.note("disconnected: the client", pair.client_events)
	game.note("disconnected: the server", pair.server_events)
	for each: PacketPeer in [peer, pair.server_peer]:
		game.note("a peer that is gone", [each.is_active(), each.get_state(), each.get_available_packet_count()])
	game.note("peers after", [pair.server.get_peers(), pair.client.get_peers()])
	pair.end()


func test_ports_and_addresses() -> void:
	await compare_plain(_read_addresses)


func _read_addresses(game: Game) -> void:
	var pair := EnetPair.new(game)
	await pair.establish()
	game.note("addresses", [pair.client_peer.get_remote_address(), pair.server_peer.get_remote_address()])
	game.check(pair.client_peer.get_remote_port() == pair.server.get_local_port(), "the client's peer has the server's port")
	game.check(pair.server_peer.get_remote_port() == pair.client.get_local_port(), "the server's peer has the client's port")
	pair.end()


func test_disconnecting_later_and_now() -> void:
	await compare(_disconnect)


func _disconnect(game: Game) -> void:
	for by_server: bool in [true, false]:
		for way: String in ["peer_disconnect", "peer_disconnect_later", "peer_disconnect_now", "reset"]:
			var pair := EnetPair.new(game)
			await pair.establish()
			var leaver := pair.server_peer if by_server else pair.client_peer
			var other := pair.client_peer if by_server else pair.server_peer
			for i in 20:
				leaver.send(0, Game.EnetEnds.bytes(5000, i), RELIABLE)
			if way == "reset":
				# The other end is not told.
				other.ping_interval(20)
				other.set_timeout(1, 10, 100)
				leaver.reset()
			else:
				leaver.call(way, 5)
			var label := "%s, %s: " % [way, "the server" if by_server else "the client"]
			game.note(label + "at once", [leaver.is_active(), leaver.get_state()])
			await pair.until("the other end of %s" % way, func() -> bool: return not other.is_active())
			await pair.steps()
			var received := func(event: Array) -> bool: return event[0] == EnetPair.RECEIVE
			game.note(label + "its events", (pair.server_events if by_server else pair.client_events).size())
			var others_events := pair.client_events if by_server else pair.server_events
			# What was sent before is not lost when it is later.
			if way == "peer_disconnect_later":
				game.note(label + "received", others_events.filter(received).size())
			game.note(label + "the end", others_events[-1])
			pair.end()


func test_packets_on_channels() -> void:
	await compare(_send)


func _send(game: Game) -> void:
	var pair := EnetPair.new(game)
	await pair.establish(3)
	for channel in 3:
		for flags: int in [RELIABLE, 0, UNSEQUENCED, UNRELIABLE_FRAGMENT, UNSEQUENCED | UNRELIABLE_FRAGMENT]:
			for to_server: bool in [true, false]:
				var sender := pair.client_peer if to_server else pair.server_peer
				var receiver := pair.server_peer if to_server else pair.client_peer
				var events := pair.server_events if to_server else pair.client_events
				var before := events.size()
				var packet := "%d with %d" % [channel, flags]
				game.check(sender.send(channel, packet.to_utf8_buffer(), flags) == OK, "send()")
				# Throttled packets are gone.
				await pair.until(packet, func() -> bool:
					if receiver.get_available_packet_count() == 0 and flags != RELIABLE:
						sender.send(channel, packet.to_utf8_buffer(), flags)
					return receiver.get_available_packet_count() > 0)
				game.note(packet, [
					events[before], receiver.get_packet_flags() & 11, receiver.get_packet().get_string_from_utf8()])
				await pair.steps(3)
				while receiver.get_available_packet_count() > 0:
					receiver.get_packet()
	game.check(pair.client_peer.put_packet("by put_packet()".to_utf8_buffer()) == OK, "put_packet()")
	await pair.until("it arrives", func() -> bool: return pair.server_peer.get_available_packet_count() > 0)
	game.note("put_packet()", [pair.server_peer.get_packet_flags(), pair.server_peer.get_packet().get_string_from_utf8()])
	pair.client_peer.put_var({"a": [1, 2.5, "b"]})
	await pair.until("it arrives", func() -> bool: return pair.server_peer.get_available_packet_count() > 0)
	game.note("put_var()", pair.server_peer.get_var())
	game.note("an empty packet", pair.client_peer.send(0, PackedByteArray(), RELIABLE))
	pair.client_peer.send(0, "after".to_utf8_buffer(), RELIABLE)
	await pair.until("they arrive", func() -> bool: return pair.server_peer.get_available_packet_count() > 1)
	game.note("received", [pair.server_peer.get_packet(), pair.server_peer.get_packet().get_string_from_utf8()])
	pair.end()


func test_broadcast_and_statistics_of_a_host() -> void:
	await compare(_broadcast)


func _broadcast(game: Game) -> void:
	var pair := EnetPair.new(game)
	await pair.establish()
	for statistic in 4:
		pair.server.pop_statistic(statistic)
		pair.client.pop_statistic(statistic)
	pair.server.broadcast(2, Game.EnetEnds.bytes(500), RELIABLE)
	await pair.until("the broadcast arrives", func() -> bool: return pair.client_peer.get_available_packet_count() > 0)
	game.note("the broadcast", [pair.client_events[-1], pair.client_peer.get_packet() == Game.EnetEnds.bytes(500)])
	await pair.steps()
	var sent: Array = range(4).map(func(one: int) -> int: return pair.server.pop_statistic(one))
	var received: Array = range(4).map(func(one: int) -> int: return pair.client.pop_statistic(one))
	# A slow machine sends the packet again.
	game.check(sent[0] > 500 and sent[0] < 3000 and sent[1] > 0 and sent[1] < 10, "the server's data and packets sent: %s" % [sent])
	game.check(received[2] > 500 and received[2] < 3000 and received[3] > 0 and received[3] < 10, "the client's received: %s" % [received])
	game.note("popped", [pair.server.pop_statistic(0), pair.client.pop_statistic(2)])
	pair.end()


func test_statistics_of_a_peer() -> void:
	await compare(_read_statistics)


func _read_statistics(game: Game) -> void:
	var pair := EnetPair.new(game)
	var peer := pair.begin()
	var read := func() -> Array: return range(STATISTICS).map(func(one: int) -> float: return peer.get_statistic(one))
	# The throttle's epoch is a point in time.
	game.note("at the begin", read.call())
	await pair.until("connected", func() -> bool: return not pair.client_events.is_empty())
	peer.throttle_configure(3000, 4, 5)
	game.note("throttle", read.call().slice(11))
	peer.ping_interval(10)
	await pair.until("a short round trip", func() -> bool: return peer.get_statistic(ROUND_TRIP_TIME) < 100)
	var values: Array = read.call()
	game.check(values[0] < 0.1 * 65536, "packet loss: %s" % [values])
	game.check(values[4] < 300 and values[5] < 300 and values[6] < 300, "round trips: %s" % [values])
	game.check(values[7] <= 32 and values[8] == 32, "throttle: %s" % [values])
	await pair.until("the server's throttle follows", func() -> bool: return pair.server_peer.get_statistic(11) == 4)
	game.note("the server's throttle", range(11, 14).map(func(one: int) -> float: return pair.server_peer.get_statistic(one)))
	pair.end()


func test_limits_of_channels() -> void:
	await compare(_limit)


func _limit(game: Game) -> void:
	for wanted: Array in [[0, 0], [4, 10], [10, 4], [255, 1], [1, 255]]:
		var pair := EnetPair.new(game, wanted[0])
		await pair.establish(wanted[1])
		game.note("channels %s" % [wanted], [pair.server_peer.get_channels(), pair.client_peer.get_channels(), pair.server.get_max_channels()])
		pair.server.channel_limit(2)
		pair.server.bandwidth_limit(100_000, 50_000)
		pair.client.bandwidth_limit()
		game.note("a limit later", [pair.server_peer.get_channels(), pair.server.get_max_channels()])
		pair.client_peer.peer_disconnect()
		await pair.until("disconnected", func() -> bool: return pair.server_events.size() == 2 and pair.client_events.size() == 2)
		await pair.establish_again(wanted[1])
		game.note("then", [pair.server_peer.get_channels(), pair.client_peer.get_channels()])
		pair.end()


func test_datagrams_without_enet() -> void:
	await compare_plain(_send_to_socket)


func _send_to_socket(game: Game) -> void:
	var receiver := game.ends.bound_peer()
	var pair := EnetPair.new(game)
	pair.server.socket_send("127.0.0.1", receiver.get_local_port(), "not of ENet".to_utf8_buffer())
	game.check(game.ends.arrived(receiver) == 1, "it arrives")
	game.note("datagram", receiver.get_packet().get_string_from_utf8())
	game.check(receiver.get_packet_port() == pair.server.get_local_port(), "from the server's port")
	# And ENet is not disturbed by what it receives.
	receiver.set_dest_address("127.0.0.1", pair.server.get_local_port())
	for size: int in [1, 3, 4, 40, 4000]:
		receiver.put_packet(Game.EnetEnds.bytes(size))
	await pair.establish()
	game.note("events", [pair.server_events, pair.client_events])
	pair.end()


func test_a_server_without_room() -> void:
	# A server of ours says why: "FULL", as the data of the disconnection.
	await compare(_fill, {"the second": [[[2, true, 0x46554C4C, 0]], false]})


func _fill(game: Game) -> void:
	var pair := EnetPair.new(game, 0, 1)
	await pair.establish()
	var second: RefCounted = game.ends.client_host()
	second.create_host(1)
	game.ends.encrypt_client(second)
	var peer: PacketPeer = second.connect_to_host("127.0.0.1", game.ends.way_to(pair.server.get_local_port()))
	peer.set_timeout(1, 10, 100)
	var events := []
	await pair.until("the second's end", func() -> bool:
		var event: Array = second.service()
		if event[0] != 0:
			events.append([event[0], event[1] == peer, event[2], event[3]])
		return not events.is_empty())
	game.note("the second", [events, peer.is_active()])
	game.note("the server", pair.server_events)
	second.destroy()
	pair.end()


func test_destroying_a_host() -> void:
	await compare(_destroy)


func _destroy(game: Game) -> void:
	var pair := EnetPair.new(game)
	await pair.establish()
	pair.server_peer.ping_interval(20)
	pair.server_peer.set_timeout(1, 10, 100)
	pair.client.destroy()
	game.note("the client's peer", [pair.client_peer.is_active(), pair.client_peer.get_state()])
	game.check(pair.client.create_host(1) == OK, "it can be created again")
	await pair.until("the server sees it", func() -> bool: return pair.server_events.size() == 2)
	game.note("the server", pair.server_events)
	pair.end()


func test_a_mesh_of_three() -> void:
	# Both ends of a member's connections are of one implementation.
	await compare(_mesh, {}, [[true, true, PLAIN], [true, true, DTLS]])


func _mesh(game: Game) -> void:
	for i in 3:
		game.mesh(i + 1)
	var members := game.clients
	for pair: Array in [[0, 1], [0, 2], [1, 2]]:
		var connection := EnetPair.new(game, 0, 1)
		await connection.establish()
		var one: MultiplayerPeer = members[pair[0]].peer
		var other: MultiplayerPeer = members[pair[1]].peer
		game.note("added", [
			one.add_mesh_peer(pair[1] + 1, connection.server), other.add_mesh_peer(pair[0] + 1, connection.client)])
	for member in members:
		game.note("%s: when all are there" % member.title, [member.id, member.events, member.peers(), member.peer.is_server_relay_supported()])
		member.tell.rpc("to all")
		member.tell.rpc_id(member.id % 3 + 1, "to the next")
	for member in members:
		await game.until("all arrived", func() -> bool: return member.count("tell") >= 3)
		member.calls.sort()
		game.note(member.title, member.calls)
	game.note("its ENet peers", members[0].peer.get_peer(2) != null)
	members[2].peer.close()
	for i in 2:
		await game.until_events(members[i], 3 + i)
		game.note("%s: when one has left" % members[i].title, [members[i].events, members[i].peers()])
	members[0].peer.disconnect_peer(2)
	await game.until_events(members[0], 4)
	await game.until_events(members[1], 5)
	game.note("disconnected", [members[0].peers(), members[1].events])
