## Players of players_server.gd that come, play, and leave or crash, each with a multiplayer API of its own; then others
## take their places. They check that the server's reliable RPCs arrive once and in order, and that each of their own is
## answered before they leave.
##
## Prints `STATS {...}` once a second, and ends when its folder has a file named `quit`. Settings:
##
## - `folder`: where it looks for that file
## - `classes=engine`: the engine's own classes instead of ours
## - `encrypted`: 1 for DTLS
## - `port`: the server's
## - `players`: how many there are at a time, playing or about to
## - `seed`: decides what they do
extends Node

const Settings := preload("res://links/settings.gd")
const Game := preload("res://links/game.gd")

## Milliseconds for which a player plays, and after which another takes its place.
const PLAY_MSEC := [2_000, 12_000]
const AWAY_MSEC := [0, 2_000]
## Milliseconds between two RPCs of a player.
const SAY_MSEC := [80, 200]
const CRASHES := 0.3
## Bytes of an RPC; one of 20 has the larger number, which ENet sends in fragments.
const FILLING := [0, 1_000]
const LARGE_FILLING := 8_000
## RPCs without an answer: with more, a player says nothing until some are answered.
const MOST_UNANSWERED := 50
## How long the answers to the last RPCs may take. The server disconnects a player sooner.
const LEAVE_MSEC := 30_000
## How long a crashed player's socket stays: until the server has disconnected it.
const CRASHED_MSEC := 20_000

enum Step { JOINING, PLAYING, LEAVING, GONE }


## One player, from the connection's begin to its end.
class Player extends Node:
	var peer: MultiplayerPeer
	var game := Game.new()
	var step := Step.JOINING
	var said := 0
	var answered := 0
	var announced := -1
	var moved := -1
	var next_msec := 0
	var until_msec := 0


## `lost`: those whose connection failed, or that the server disconnected.
var counts := {
	begun = 0, joined = 0, left = 0, crashed = 0, lost = 0,
	said = 0, answered = 0, announced = 0, moved = 0, wrong = 0,
}

var _settings := Settings.new()
var _options := TLSOptions.client(load("res://tests/pki/ca.crt") as X509Certificate)
var _random := RandomNumberGenerator.new()
var _players: Array[Player] = []
## When the next players come.
var _away := PackedInt64Array()
## The peers of players that crashed, and until when they are kept.
var _crashed: Array[MultiplayerPeer] = []
var _crashed_until := PackedInt64Array()
var _is_over := false
var _next_stats := 0


func _ready() -> void:
	_random.seed = _settings.number("seed")
	for i in _settings.number("players"):
		_away.append(_within(AWAY_MSEC))


func _process(_delta: float) -> void:
	var now := Time.get_ticks_msec()
	for player: Player in _players.duplicate():
		_run(player, now)
	for i in range(_away.size() - 1, -1, -1):
		if now >= _away[i] and not _is_over:
			_away.remove_at(i)
			_begin(now)
	while not _crashed.is_empty() and now >= _crashed_until[0]:
		_crashed.pop_front().close()
		_crashed_until.remove_at(0)
	if now >= _next_stats:
		_next_stats = now + 1_000
		print("STATS ", JSON.stringify(counts))
	_is_over = _is_over or FileAccess.file_exists(_settings.text("folder").path_join("quit"))
	if _is_over and _players.is_empty():
		set_process(false)
		_crashed.clear()
		print("STATS ", JSON.stringify(counts))
		print("END")
		get_tree().quit()


func _begin(now: int) -> void:
	var player := Player.new()
	# Untyped: MultiplayerPeer does not have what both classes have.
	var peer = _settings.instantiate("ENetMultiplayerPeer")
	var code: int = peer.create_client("127.0.0.1", _settings.number("port"))
	if code == OK and _settings.number("encrypted") > 0:
		code = peer.host.dtls_client_setup("localhost", _options)
	if code != OK:
		_wrong("a player cannot begin: " + error_string(code))
	player.peer = peer
	player.name = "Player%d" % counts.begun
	counts.begun += 1
	add_child(player)
	get_tree().set_multiplayer(SceneMultiplayer.new(), player.get_path())
	player.game.name = "Game"
	player.add_child(player.game)
	var api := player.multiplayer
	api.connected_to_server.connect(func() -> void:
		counts.joined += 1
		player.step = Step.PLAYING
		player.until_msec = Time.get_ticks_msec() + _within(PLAY_MSEC))
	api.connection_failed.connect(_lose.bind(player))
	api.server_disconnected.connect(_lose.bind(player))
	player.game.answered.connect(func(number: int) -> void:
		_check(number, player.answered, "answer")
		player.answered = number + 1
		counts.answered += 1)
	player.game.announced.connect(func(number: int) -> void:
		# A player begins with any of them.
		_check(number, number if player.announced < 0 else player.announced + 1, "announcement")
		player.announced = number
		counts.announced += 1)
	player.game.moved.connect(func(number: int) -> void:
		if number <= player.moved:
			_wrong("move %d after %d" % [number, player.moved])
		player.moved = number
		counts.moved += 1)
	api.multiplayer_peer = player.peer
	_players.append(player)


func _run(player: Player, now: int) -> void:
	match player.step:
		Step.PLAYING:
			if now >= player.next_msec and player.said - player.answered < MOST_UNANSWERED:
				player.next_msec = now + _within(SAY_MSEC)
				_say(player)
			if now < player.until_msec and not _is_over:
				return
			if _random.randf() < CRASHES and not _is_over:
				_crashed.append(player.peer)
				_crashed_until.append(now + CRASHED_MSEC)
				counts.crashed += 1
				_end(player)
				return
			player.step = Step.LEAVING
			player.until_msec = now + LEAVE_MSEC
		Step.LEAVING:
			if player.answered == player.said:
				player.peer.close()
				counts.left += 1
				_end(player)
			elif now >= player.until_msec:
				_wrong("%d of %d RPCs are answered" % [player.answered, player.said])
				_lose(player)
		Step.GONE:
			_end(player)


func _say(player: Player) -> void:
	var filling := PackedByteArray()
	filling.resize(LARGE_FILLING if _random.randi() % 20 == 0 else _within(FILLING))
	player.game.say.rpc_id(1, player.said, filling)
	player.said += 1
	counts.said += 1


## It is removed later: its multiplayer API is running.
func _lose(player: Player) -> void:
	counts.lost += 1
	player.step = Step.GONE


func _end(player: Player) -> void:
	get_tree().set_multiplayer(null, player.get_path())
	_players.erase(player)
	player.queue_free()
	_away.append(Time.get_ticks_msec() + _within(AWAY_MSEC))


func _check(number: int, expected: int, what: String) -> void:
	if number != expected:
		_wrong("%s %d, not %d" % [what, number, expected])


func _wrong(what: String) -> void:
	counts.wrong += 1
	print("WRONG: ", what)


func _within(limits: Array) -> int:
	return _random.randi_range(limits[0], limits[1])
