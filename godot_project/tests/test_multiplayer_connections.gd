## Players join a multiplayer game, leave it, are refused and lost: the same signals in the same order as on the engine's
## classes.
extends "res://tests/multiplayer_suite.gd"

const Participant := preload("res://tests/multiplayer_participant.gd")


func test_joining_and_leaving() -> void:
	await compare(_join_and_leave)


func _join_and_leave(game: Game) -> void:
	game.serve()
	game.note("the server's id", game.server.id)
	game.note("the server's status", game.server.peer.get_connection_status())
	game.note("it is the server", game.server.api.is_server())
	var first := game.begin_to_join()
	game.note("a client that connects", [first.peer.get_connection_status(), first.id > 1, first.api.is_server()])
	await game.until("client 1 is connected", func() -> bool: return not first.api.get_peers().is_empty())
	var second := await game.join()
	var third := await game.join()
	for participant: Participant in [game.server, first, second, third]:
		game.note("%s: when all have joined" % participant.title, [participant.events, participant.peers()])
	second.peer.close()
	game.note("client 2: closed", [second.peer.get_connection_status(), second.api.get_peers().size()])
	await game.until_events(game.server, 4)
	await game.until_events(first, 5)
	await game.until_events(third, 5)
	game.server.peer.close()
	game.note("the server: closed", [game.server.peer.get_connection_status(), game.server.api.get_peers().size()])
	await game.until_events(first, 7)
	await game.until_events(third, 7)
	await game.frames()
	for participant: Participant in [game.server, first, second, third]:
		game.note("%s: at the end" % participant.title, [participant.events, participant.peers(), participant.peer.get_connection_status()])


func test_a_server_that_is_not_there() -> void:
	await compare(_connect_to_nobody)


func _connect_to_nobody(game: Game) -> void:
	var silent := game.ends.bound_peer()
	var client := game.begin_to_join(0, Callable(), silent.get_local_port())
	client.peer.get_peer(1).set_timeout(1, 10, 100)
	await game.until_events(client, 1)
	await game.frames()
	game.note("events", client.events)
	game.note("status", client.peer.get_connection_status())


func test_a_full_server() -> void:
	await compare(_fill)


func _fill(game: Game) -> void:
	game.serve(2)
	await game.join()
	await game.join()
	var refused := game.begin_to_join()
	refused.peer.get_peer(1).set_timeout(1, 10, 100)
	await game.until_events(refused, 1)
	game.note("refused", [refused.events, refused.peer.get_connection_status()])
	await game.frames()
	game.note("the server", [game.server.events, game.server.peers()])
	game.clients[0].peer.close()
	await game.until("there is room", func() -> bool: return game.server.api.get_peers().size() == 1)
	await game.join()
	game.note("after one has left", game.server.peers())


func test_a_server_that_refuses_new_connections() -> void:
	# Engines without ENet's DTLS drop a client when it has connected, and so it may note that for a moment.
	await compare(_refuse)


func _refuse(game: Game) -> void:
	game.serve()
	await game.join()
	game.server.api.refuse_new_connections = true
	game.note("it refuses", [game.server.peer.refuse_new_connections, game.server.api.refuse_new_connections])
	var refused := game.begin_to_join()
	refused.peer.get_peer(1).ping_interval(50)
	refused.peer.get_peer(1).set_timeout(1, 10, 100)
	await game.until(
			"the refused client's end",
			func() -> bool: return refused.peer.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED)
	game.note("the server", [game.server.events, game.server.peers()])
	game.note("who is in the game has seen nothing", game.clients[0].events)
	game.server.api.refuse_new_connections = false
	await game.join()
	game.note("when it accepts again", game.server.peers())


func test_authentication() -> void:
	await compare(_authenticate)


func _authenticate(game: Game) -> void:
	var heard: Array = []
	game.serve(32, 0, func(server: Participant) -> void:
		server.api.auth_callback = func(id: int, data: PackedByteArray) -> void:
			heard.append(["server", game.title_of(id), data.get_string_from_utf8()])
			if data.get_string_from_utf8() == "password":
				server.api.send_auth(id, "welcome".to_utf8_buffer())
				server.api.complete_auth(id)
			else:
				server.api.disconnect_peer(id))
	var with_word := func(word: String) -> Callable:
		return func(client: Participant) -> void:
			client.api.peer_authenticating.connect(func(id: int) -> void:
				client.api.send_auth(id, word.to_utf8_buffer()))
			client.api.auth_callback = func(id: int, data: PackedByteArray) -> void:
				heard.append([client.title, game.title_of(id), data.get_string_from_utf8()])
				client.api.complete_auth(id)
	var friend := await game.join(0, with_word.call("password"))
	game.note("with the word: the client", [friend.events, friend.peers()])
	var unauthenticated := game.begin_to_join(0, with_word.call("guess"))
	await game.until_events(unauthenticated, 3)
	game.note("without: the client", [unauthenticated.events, unauthenticated.peers(), unauthenticated.peer.get_connection_status()])
	await game.until("it is gone", func() -> bool: return game.server.api.get_authenticating_peers().is_empty())
	await game.frames()
	game.note("heard", heard)
	game.note("the server", [game.server.events, game.server.peers()])


func test_an_authentication_that_does_not_end() -> void:
	await compare(_authenticate_too_slowly)


func _authenticate_too_slowly(game: Game) -> void:
	game.serve(32, 0, func(server: Participant) -> void:
		server.api.auth_callback = func(_id: int, _data: PackedByteArray) -> void: pass
		server.api.auth_timeout = 0.1)
	var client := game.begin_to_join()
	await game.until_events(game.server, 2)
	await game.until("the client's end", func() -> bool:
		return client.peer.get_connection_status() == MultiplayerPeer.CONNECTION_DISCONNECTED)
	game.note("the server", [game.server.events, game.server.peers()])
	game.note("the client", client.events)


func test_disconnecting_peers() -> void:
	# The API does not know of who was disconnected by force, and sends news to it.
	expect_errors(["Invalid target peer", "ENetMultiplayerPeer.put_packet()"])
	await compare(_disconnect)


func _disconnect(game: Game) -> void:
	await game.start(4)
	var clients := game.clients
	game.server.api.disconnect_peer(clients[0].id)
	game.note("by the API: the server at once", game.server.peers())
	await game.until("client 1 is gone", func() -> bool: return _have_left(game, 1))
	game.server.peer.disconnect_peer(clients[1].id)
	game.note("by the peer: the server at once", game.server.peers())
	await game.until("client 2 is gone", func() -> bool: return _have_left(game, 2))
	game.server.peer.disconnect_peer(clients[2].id, true)
	game.note("by force: the server at once", game.server.peers())
	await game.until("client 3 is gone", func() -> bool: return not clients[2].is_connected_through())
	clients[3].peer.disconnect_peer(1)
	await game.until("client 4 is gone", func() -> bool: return not clients[3].is_connected_through())
	await game.frames()
	for participant: Participant in [game.server] + clients:
		game.note(participant.title, [participant.events, participant.peer.get_connection_status()])


## Whether the first clients have left, and all others know it.
func _have_left(game: Game, count: int) -> bool:
	var others: Array = [game.server] + game.clients.slice(count)
	return (
			game.clients.slice(0, count).all(func(client: Participant) -> bool: return not client.is_connected_through())
			and others.all(func(one: Participant) -> bool: return one.api.get_peers().size() == others.size() - 1))


func test_a_client_that_leaves_by_force() -> void:
	await compare(_leave_by_force)


func _leave_by_force(game: Game) -> void:
	await game.start()
	var client := game.clients[0]
	client.peer.disconnect_peer(1, true)
	game.note("at once", client.peer.get_connection_status())
	await game.until("it is gone", func() -> bool: return game.server.api.get_peers().is_empty())
	await game.frames()
	game.note("the client", client.events)
	game.note("the server", game.server.events)


func test_a_client_that_crashes() -> void:
	await compare(_crash)


func _crash(game: Game) -> void:
	await game.start(2)
	game.clients[0].crash()
	var its_peer: PacketPeer = game.server.peer.get_peer(game.clients[0].id)
	its_peer.ping_interval(20)
	its_peer.set_timeout(1, 10, 100)
	await game.until_events(game.server, 3)
	await game.until_events(game.clients[1], 4)
	game.note("the server", [game.server.events, game.server.peers()])
	game.note("client 2", [game.clients[1].events, game.clients[1].peers()])
	game.note("its ENet peer", [its_peer.is_active(), its_peer.get_state()])


func test_the_game_is_played_again_on_the_same_peers() -> void:
	await compare(_play_again)


func _play_again(game: Game) -> void:
	await game.start()
	var client := game.clients[0]
	client.peer.close()
	game.server.peer.close()
	await game.frames(3)
	game.note("created anew", game.server.peer.create_server(0))
	game.ends.encrypt_server(game.server.peer.host)
	client.peer.create_client("127.0.0.1", game.ends.way_to(game.server_port()))
	game.ends.encrypt_client(client.peer.host)
	client.id = client.peer.get_unique_id()
	await game.until("connected again", func() -> bool: return client.id in game.server.api.get_peers() and not client.api.get_peers().is_empty())
	game.note("the client", client.events)
	game.note("the server", game.server.peers())


func test_scripts_act_in_signals() -> void:
	await compare(_act_in_signals)


func _act_in_signals(game: Game) -> void:
	game.serve()
	var server := game.server
	# Calls the first, disconnects the second at once, and closes the server when the third is there.
	server.api.peer_connected.connect(func(id: int) -> void:
		if game.title_of(id) == "client 1":
			server.rpc_id(id, "tell", "welcome")
		elif game.title_of(id) == "client 2":
			server.peer.disconnect_peer(id)
		else:
			server.peer.close())
	var first := game.begin_to_join()
	await game.until("it was called", func() -> bool: return first.count("tell") == 1)
	# It answers to who leaves, when it hears of it.
	first.api.peer_disconnected.connect(func(id: int) -> void:
		if game.title_of(id) == "client 2":
			first.rpc_id(1, "tell", "it has left"))
	var second := game.begin_to_join()
	await game.until("client 2 is gone", func() -> bool: return not second.is_connected_through() and "server_disconnected" in second.events)
	await game.until("client 1 answers", func() -> bool: return server.count("tell") == 1)
	# Begins anew when its connection ends.
	first.api.server_disconnected.connect(func() -> void: first.peer.create_client("127.0.0.1", 9))
	game.begin_to_join()
	await game.until("the server is closed", func() -> bool: return not server.is_connected_through())
	await game.until("client 1 begins anew", func() -> bool: return first.peer.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTING)
	game.note("the server", [server.events, server.peers(), server.calls])
	# A disconnection overtakes the news of others that were sent just before.
	game.note("client 1", [first.events.filter(func(event: String) -> bool: return "client 3" not in event), first.peers(), first.calls])
	game.note("client 2", second.events.filter(func(event: String) -> bool: return "client 1" not in event))
