## A server of the multiplayer API whose players come and go: it checks that each player's reliable RPCs arrive once and in
## order, answers them, and sends RPCs to all players.
##
## Prints `LISTENING port`, and `STATS {...}` before it and once a second, and ends when its folder has a file named
## `quit`. Settings:
##
## - `folder`: where it looks for that file
## - `classes=engine`: the engine's own classes instead of ours
## - `encrypted`: 1 for DTLS
## - `players`: how many there may be at once
extends Node

const Settings := preload("res://links/settings.gd")
const Game := preload("res://links/game.gd")

const ANNOUNCE_SEC := 0.25
const MOVE_SEC := 0.1
const MOVE_SIZE := 200
## Milliseconds after which a player that acknowledges nothing is gone: with 10 % of round trips lost, a command is sent
## six times until then, and of a million commands one is lost each time.
const LEAST_TIMEOUT_MSEC := 5_000
const TIMEOUT_MSEC := 10_000

var counts := { joined = 0, gone = 0, said = 0, announced = 0, moved = 0, wrong = 0 }

var _settings := Settings.new()
var _peer := _settings.instantiate("ENetMultiplayerPeer") as MultiplayerPeer
var _game := Game.new()
## By player: the number of its next RPC.
var _next: Dictionary[int, int] = {}
var _filling := PackedByteArray()


func _ready() -> void:
	_filling.resize(MOVE_SIZE)
	# Untyped: MultiplayerPeer does not have what both classes have.
	var peer = _peer
	# The system chooses the port.
	var code: int = peer.create_server(0, _settings.number("players"))
	if code == OK and _settings.number("encrypted") > 0:
		var identity := "res://tests/pki/p256"
		code = peer.host.dtls_server_setup(TLSOptions.server(load(identity + ".key"), load(identity + ".crt")))
	if code != OK:
		print("FAILED to listen: ", error_string(code))
		get_tree().quit(1)
		return
	get_tree().set_multiplayer(SceneMultiplayer.new(), get_path())
	_game.name = "Game"
	_game.said.connect(_answer)
	add_child(_game)
	multiplayer.peer_connected.connect(func(player: int) -> void:
		peer.get_peer(player).set_timeout(0, LEAST_TIMEOUT_MSEC, TIMEOUT_MSEC)
		_next[player] = 0
		counts.joined += 1)
	multiplayer.peer_disconnected.connect(func(player: int) -> void:
		_next.erase(player)
		counts.gone += 1)
	multiplayer.multiplayer_peer = _peer
	_every(ANNOUNCE_SEC, func() -> void:
		_game.announce.rpc(counts.announced)
		counts.announced += 1)
	_every(MOVE_SEC, func() -> void:
		_game.move.rpc(counts.moved, _filling)
		counts.moved += 1)
	_every(1.0, _print_stats)
	_every(0.1, func() -> void:
		if FileAccess.file_exists(_settings.text("folder").path_join("quit")):
			_end())
	_print_stats()
	print("LISTENING ", peer.host.get_local_port())


func _answer(player: int, number: int) -> void:
	counts.said += 1
	if number != _next.get(player):
		counts.wrong += 1
		print("WRONG: player %d said %d, not %s" % [player, number, _next.get(player)])
	_next[player] = number + 1
	_game.answer.rpc_id(player, number)


func _every(seconds: float, what: Callable) -> void:
	var timer := Timer.new()
	timer.wait_time = seconds
	timer.autostart = true
	timer.timeout.connect(what)
	add_child(timer)


func _print_stats() -> void:
	print("STATS ", JSON.stringify(counts))


func _end() -> void:
	_print_stats()
	print("END")
	multiplayer.multiplayer_peer = null
	_peer.close()
	get_tree().set_multiplayer(null, get_path())
	get_tree().quit()
