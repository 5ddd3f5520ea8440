## Remote calls and raw packets of a multiplayer game: the same arrive, from the same senders, as on the engine's classes.
extends "res://tests/multiplayer_suite.gd"

const Participant := preload("res://tests/multiplayer_participant.gd")

const SERVER := 1
const MODES: Array[MultiplayerPeer.TransferMode] = [
	MultiplayerPeer.TRANSFER_MODE_RELIABLE,
	MultiplayerPeer.TRANSFER_MODE_UNRELIABLE,
	MultiplayerPeer.TRANSFER_MODE_UNRELIABLE_ORDERED,
]
const MEGABYTE := 1 << 20


func test_reliable_calls_arrive_once_and_in_order() -> void:
	await compare(_call_reliably)


func _call_reliably(game: Game) -> void:
	await game.start(2)
	for method: String in ["tell", "tell_on_channel_1"]:
		for i in 100:
			for participant: Participant in [game.server] + game.clients:
				participant.rpc(method, i)
		for participant: Participant in [game.server] + game.clients:
			await game.until("all arrived", func() -> bool: return participant.count(method) >= 200)
			for sender: String in ["server", "client 1", "client 2"]:
				var from_sender := participant.calls.filter(func(one: Array) -> bool: return one[0] == method and one[1] == sender)
				var arrived := from_sender.map(func(one: Array) -> int: return one[2])
				var wanted := [] if sender == participant.title else range(100)
				game.check(arrived == wanted, "%s from %s at %s: %s" % [method, sender, participant.title, arrived])


func test_all_calls_of_a_frame_go_out_without_another_poll() -> void:
	await compare(_call_often_once)


func _call_often_once(game: Game) -> void:
	await game.start(2)
	for i in 100:
		game.server.tell.rpc(i)
	# It is not polled any more.
	game.server.crash()
	for client: Participant in game.clients:
		await game.until("all arrived", func() -> bool: return client.count("tell") >= 100)
		game.note("what arrived at %s" % client.title, client.values("tell"))


func test_all_packets_of_a_thread_go_out_at_once() -> void:
	await compare(_send_from_a_thread)


func _send_from_a_thread(game: Game) -> void:
	await game.start(2)
	game.server.crash()
	var thread := Thread.new()
	thread.start(func() -> void:
		for i in 100:
			game.server.api.send_bytes([i]))
	thread.wait_to_finish()
	for client: Participant in game.clients:
		await game.until("all arrived", func() -> bool: return client.packets.size() >= 100)
		game.note("what arrived at %s" % client.title, client.packets)


func test_unreliable_calls_arrive() -> void:
	await compare(_call_unreliably)


func _call_unreliably(game: Game) -> void:
	await game.start(2)
	for method: String in ["tell_unreliably", "tell_in_order", "tell_unreliably_on_channel_2", "tell_in_order_on_channel_3"]:
		for sender: Participant in [game.server, game.clients[0]]:
			var receivers: Array = ([game.server] + game.clients).filter(func(one: Participant) -> bool: return one != sender)
			for receiver: Participant in receivers:
				receiver.calls.clear()
			# ENet drops some by itself when round-trip times vary.
			var sent := [0]
			await game.until("%s of %s arrives" % [method, sender.title], func() -> bool:
				sent[0] += 1
				sender.rpc(method, sent[0])
				return receivers.all(func(one: Participant) -> bool: return one.count(method) >= 10))
			await game.frames(5)
			for receiver: Participant in receivers:
				var arrived := receiver.values(method)
				var once := {}
				for value: int in arrived:
					once[value] = true
				var sorted := arrived.duplicate()
				sorted.sort()
				var what := "%s from %s at %s, %s" % [method, sender.title, receiver.title, arrived]
				game.check(once.size() == arrived.size(), "each once: " + what)
				game.check("order" not in method or sorted == arrived, "in order: " + what)
				game.check(arrived.all(func(value: int) -> bool: return value in range(1, sent[0] + 1)), "as sent: " + what)
				game.check(receiver.calls.all(func(one: Array) -> bool: return one[1] == sender.title), "senders: " + what)


func test_whom_calls_reach() -> void:
	await compare(_call_each)


func _call_each(game: Game) -> void:
	await game.start(3)
	var clients := game.clients
	game.server.tell.rpc("server to all")
	game.server.tell.rpc_id(clients[0].id, "server to client 1")
	game.server.tell.rpc_id(-clients[0].id, "server to all but client 1")
	clients[0].tell.rpc("client 1 to all")
	clients[0].tell.rpc_id(SERVER, "client 1 to the server")
	clients[0].tell.rpc_id(clients[2].id, "client 1 to client 3")
	clients[0].tell.rpc_id(-clients[1].id, "client 1 to all but client 2")
	clients[0].tell.rpc_id(-SERVER, "client 1 to all but the server")
	clients[1].tell_all.rpc("client 2 to all and itself")
	clients[1].tell_all.rpc_id(clients[1].id, "client 2 to itself")
	game.server.command_all.rpc("server to all and itself")
	for participant: Participant in [game.server] + clients:
		participant.tell.rpc_id(clients[0].id if participant != clients[0] else SERVER, "last")
	await game.until("the last calls", func() -> bool:
		return clients[0].values("tell").count("last") == 3 and game.server.values("tell").has("last"))
	await game.frames()
	for participant: Participant in [game.server] + clients:
		# Calls of different senders overtake each other.
		for sender: String in ["server", "client 1", "client 2", "client 3"]:
			var from_sender := participant.calls.filter(func(one: Array) -> bool: return one[1] == sender)
			game.note("%s from %s" % [participant.title, sender], from_sender)


func test_only_the_authority_calls_what_is_the_authoritys() -> void:
	expect_error("RPC 'command' is not allowed")
	await compare(_command)


func _command(game: Game) -> void:
	await game.start(2)
	var clients := game.clients
	clients[0].command.rpc("client 1 without authority")
	clients[0].tell.rpc("client 1 may say this")
	await game.until("it has arrived", func() -> bool: return game.server.count("tell") == 1 and clients[1].count("tell") == 1)
	game.server.command.rpc("server")
	await game.until("the server's", func() -> bool: return clients[0].count("command") == 1 and clients[1].count("command") == 1)
	for participant: Participant in [game.server] + clients:
		participant.set_multiplayer_authority(clients[0].id)
	clients[0].command.rpc("client 1 with authority")
	await game.until("client 1's", func() -> bool: return game.server.count("command") == 1 and clients[1].count("command") == 2)
	for participant: Participant in [game.server] + clients:
		game.note(participant.title, participant.calls)


func test_without_the_servers_relay() -> void:
	await compare(_call_without_relay)


func _call_without_relay(game: Game) -> void:
	var without_relay := func(participant: Participant) -> void: participant.api.server_relay = false
	game.serve(32, 0, without_relay)
	for i in 2:
		var client := game.begin_to_join(0, without_relay)
		await game.until_events(client, 2)
		await game.until("the server knows it", func() -> bool: return client.id in game.server.api.get_peers())
	game.clients[0].tell.rpc("to all")
	game.server.tell.rpc("to all")
	for participant: Participant in [game.server] + game.clients:
		await game.until("it arrives", func() -> bool: return participant.count("tell") == 1)
	await game.frames()
	for participant: Participant in [game.server] + game.clients:
		game.note(participant.title, [participant.events, participant.peers(), participant.calls])


func test_reliable_packets_of_all_sizes() -> void:
	await compare(_send_sizes)


func _send_sizes(game: Game) -> void:
	await game.start(2)
	var client := game.clients[0]
	for size: int in [1, 2, 100, 1100, 1200, 1300, 1391, 1392, 1393, 5000, 65_535, 65_536, MEGABYTE]:
		var packet := _random_bytes(size)
		var ways := [[client, game.server, SERVER], [game.server, client, client.id], [client, game.clients[1], game.clients[1].id]]
		for way: Array in ways:
			way[1].packets.clear()
			game.note("%d bytes: code" % size, way[0].api.send_bytes(packet, way[2], MultiplayerPeer.TRANSFER_MODE_RELIABLE))
		for way: Array in ways:
			await game.until("%d bytes arrive" % size, func() -> bool: return not way[1].packets.is_empty())
			game.check(way[1].packets == [[way[0].title, packet]], "%d bytes arrive as they were sent" % size)


func test_unreliable_packets_of_all_sizes() -> void:
	await compare(_send_sizes_unreliably)


func _send_sizes_unreliably(game: Game) -> void:
	await game.start()
	var client := game.clients[0]
	for mode: MultiplayerPeer.TransferMode in [MODES[1], MODES[2]]:
		for size: int in [1, 100, 1100, 1200, 1300, 1392, 5000, 30_000]:
			var packet := _random_bytes(size)
			for way: Array in [[client, game.server, SERVER], [game.server, client, client.id]]:
				# ENet drops some by itself when round-trip times vary, and the last size's may still be on their way.
				var wanted := [way[0].title, packet]
				await game.until("%d bytes arrive in mode %d as they were sent" % [size, mode], func() -> bool:
					way[0].api.send_bytes(packet, way[2], mode)
					return way[1].packets.has(wanted))


func test_modes_and_channels_of_packets() -> void:
	await compare(_change_modes)


func _change_modes(game: Game) -> void:
	# Without the scene's API, which changes modes and channels itself.
	game.serve()
	var client := game.begin_to_join()
	game.server.crash()
	client.crash()
	var ends := [game.server.peer, client.peer]
	var poll := func() -> void:
		for peer: MultiplayerPeer in ends:
			peer.poll()
	var news: Array = []
	game.server.peer.peer_connected.connect(func(id: int) -> void: news.append(id))
	await game.until("connected", func() -> bool:
		poll.call()
		return not news.is_empty() and client.is_connected_through())
	for to_server: bool in [true, false]:
		var sender: MultiplayerPeer = ends[1 if to_server else 0]
		var receiver: MultiplayerPeer = ends[0 if to_server else 1]
		for mode in MODES:
			for channel: int in [0, 1, 2, 7, 200]:
				sender.transfer_mode = mode
				sender.transfer_channel = channel
				sender.set_target_peer(SERVER if to_server else client.id)
				var packet := "%d on %d" % [mode, channel]
				var arrived := [[]]
				await game.until("%s arrives" % packet, func() -> bool:
					sender.put_packet(packet.to_utf8_buffer())
					poll.call()
					while receiver.get_available_packet_count() > 0:
						var about := [receiver.get_packet_mode(), receiver.get_packet_channel(), game.title_of(receiver.get_packet_peer())]
						# The last mode's may still be on their way.
						if receiver.get_packet().get_string_from_utf8() == packet:
							arrived[0] = about
					return not arrived[0].is_empty())
				game.note("%s to the server: %s" % [packet, to_server], [sender.transfer_mode, sender.transfer_channel, arrived[0]])


func test_compression() -> void:
	await compare(_compress)


func _compress(game: Game) -> void:
	var text := ("All work and no play makes Jack a dull boy. ".repeat(400)).to_utf8_buffer()
	for mode in 5:
		game.serve()
		game.server.peer.host.compress(mode)
		var client := game.begin_to_join()
		client.peer.host.compress(mode)
		await game.until("connected in mode %d" % mode, func() -> bool: return client.id in game.server.api.get_peers() and client.peers() == ["server"])
		for packet: PackedByteArray in [text, _random_bytes(20_000), "x".to_utf8_buffer()]:
			for way: Array in [[client, game.server, SERVER], [game.server, client, client.id]]:
				way[1].packets.clear()
				way[0].api.send_bytes(packet, way[2])
				await game.until("%d bytes in mode %d" % [packet.size(), mode], func() -> bool: return not way[1].packets.is_empty())
				game.check(way[1].packets.has([way[0].title, packet]), "%d bytes in mode %d" % [packet.size(), mode])
		client.peer.host.pop_statistic(0)
		client.api.send_bytes(text, SERVER)
		await game.until("the text in mode %d" % mode, func() -> bool: return game.server.packets.size() == 2)
		# The text, what ENet adds, and what it may send again.
		var sent: int = client.peer.host.pop_statistic(0)
		var is_less := sent < (text.size() >> 1)
		game.check(is_less == (mode > 0), "bytes sent in mode %d: %d" % [mode, sent])
		client.peer.close()
		game.server.end()
		game.server.free()


## Bytes that cannot be compressed; the same for one size.
func _random_bytes(size: int) -> PackedByteArray:
	var random := RandomNumberGenerator.new()
	random.seed = size
	var packet := PackedByteArray()
	packet.resize(size)
	for i in size >> 3:
		packet.encode_u32(8 * i, random.randi())
		packet.encode_u32(8 * i + 4, random.randi())
	for i in range(size & ~7, size):
		packet[i] = random.randi() & 255
	return packet
