## Spawners and synchronizers of a multiplayer game: the same nodes with the same properties as on the engine's classes.
extends "res://tests/multiplayer_suite.gd"

const Participant := preload("res://tests/multiplayer_participant.gd")
const Stage := preload("res://tests/multiplayer_stage.gd")

const SERVER := 1


func test_nodes_that_are_spawned() -> void:
	await compare(_spawn)


func _spawn(game: Game) -> void:
	var stages := {}
	_serve_stage(game, stages)
	await _join_stage(game, stages)
	var server: Stage = stages["server"]
	server.add_scene("first")
	server.spawner.spawn({name = "second", health = 7})
	await game.until("they are spawned", func() -> bool: return stages["client 1"].nodes().size() == 2)
	game.note("client 1", stages["client 1"].describe())
	await _join_stage(game, stages)
	await game.until("a late client has them", func() -> bool: return stages["client 2"].nodes().size() == 2)
	game.note("client 2", stages["client 2"].describe())
	server.players.get_node("first").queue_free()
	for title: String in ["client 1", "client 2"]:
		await game.until("one is despawned", func() -> bool: return stages[title].nodes().size() == 1)
		game.note("%s, after one was freed" % title, stages[title].describe())
	game.note("spawned at client 1", stages["client 1"].spawned)
	game.note("despawned at client 1", stages["client 1"].despawned)
	game.clients[0].peer.close()
	await game.frames()
	game.note("client 1, when it has left", stages["client 1"].describe())
	game.note("client 2, then", stages["client 2"].describe())
	game.note("the server", server.describe())


func test_properties_that_are_synchronized() -> void:
	await compare(_synchronize)


func _synchronize(game: Game) -> void:
	var stages := {}
	_serve_stage(game, stages)
	for i in 2:
		await _join_stage(game, stages)
	var server: Stage = stages["server"]
	var player: Node2D = server.add_scene("player")
	for title: String in ["client 1", "client 2"]:
		await game.until("it is spawned", func() -> bool: return stages[title].nodes().size() == 1)
		game.note("%s, when it is spawned" % title, stages[title].describe())
	player.position = Vector2(3, 4)
	player.rotation = 0.5
	player.z_index = 5
	for title: String in ["client 1", "client 2"]:
		await game.until("it is synchronized", func() -> bool: return stages[title].has_state(Vector2(3, 4), 0.5))
		game.note("%s, when it has changed" % title, stages[title].describe())
	# A client that is a player's authority sends to the server, and the server does not relay it.
	for title: String in stages:
		stages[title].players.get_node("player/Synchronizer").set_multiplayer_authority(game.clients[0].id)
	stages["client 1"].players.get_node("player").position = Vector2(8, 9)
	await game.until("the authority's state arrives", func() -> bool: return server.has_state(Vector2(8, 9), 0.5))
	game.note("the server", server.describe())


func test_who_sees_what() -> void:
	await compare(_show)


func _show(game: Game) -> void:
	var stages := {}
	_serve_stage(game, stages)
	for i in 2:
		await _join_stage(game, stages)
	var server: Stage = stages["server"]
	var player: Node2D = server.make_player("player")
	var synchronizer: MultiplayerSynchronizer = player.get_node("Synchronizer")
	synchronizer.public_visibility = false
	synchronizer.set_visibility_for(game.clients[0].id, true)
	server.players.add_child(player, true)
	await game.until("client 1 sees it", func() -> bool: return stages["client 1"].nodes().size() == 1)
	await game.frames()
	game.note("one sees it", [stages["client 1"].describe(), stages["client 2"].describe()])
	synchronizer.set_visibility_for(game.clients[1].id, true)
	player.position = Vector2(1, 2)
	await game.until("client 2 sees it", func() -> bool:
		return stages["client 1"].has_state(Vector2(1, 2), 0) and stages["client 2"].has_state(Vector2(1, 2), 0))
	game.note("both see it", [stages["client 1"].describe(), stages["client 2"].describe()])
	synchronizer.set_visibility_for(game.clients[0].id, false)
	await game.until("client 1 does not", func() -> bool: return stages["client 1"].nodes().is_empty())
	player.position = Vector2(6, 7)
	await game.until("client 2 follows", func() -> bool: return stages["client 2"].has_state(Vector2(6, 7), 0))
	game.note("the other sees it", [stages["client 1"].describe(), stages["client 2"].describe()])
	synchronizer.add_visibility_filter(func(id: int) -> bool: return id != game.clients[1].id)
	await game.until("the filter hides it", func() -> bool: return stages["client 2"].nodes().is_empty())
	game.note("nobody sees it", [stages["client 1"].describe(), stages["client 2"].describe()])


func test_a_client_has_the_authority_of_a_spawner() -> void:
	await compare(_spawn_from_client)


func _spawn_from_client(game: Game) -> void:
	var stages := {}
	_serve_stage(game, stages)
	await _join_stage(game, stages)
	for title: String in stages:
		stages[title].spawner.set_multiplayer_authority(game.clients[0].id)
	stages["client 1"].add_scene("clients")
	await game.until("the server has it", func() -> bool: return stages["server"].nodes().size() == 1)
	game.note("the server", stages["server"].describe())


func _serve_stage(game: Game, stages: Dictionary) -> void:
	game.serve(32, 0, _put_stage.bind(stages))


func _join_stage(game: Game, stages: Dictionary) -> void:
	await game.join(0, _put_stage.bind(stages))


func _put_stage(participant: Participant, stages: Dictionary) -> void:
	var stage := Stage.new()
	participant.add_child(stage)
	stages[participant.title] = stage
