## A small game for several players: move, shoot, talk.
##
## Press Play several times: one hosts, the others join. A server without a window and without a player:
## `godot --headless -- --server`. A client that plays by itself: `godot --headless -- --client NAME`.
## Other options: `--address ADDRESS`, `--port PORT`, and `--report`, see report.gd.
class_name Arena
extends Node2D

const PLAYER := preload("res://player.tscn")
const Keyboard := preload("res://keyboard.gd")
const Bot := preload("res://bot.gd")
const Report := preload("res://report.gd")

const SHOT_LENGTH := 500.0
const SHOT_SECONDS := 0.25
const MAX_NAME := 16
const MAX_MESSAGE := 120
const MAX_MESSAGES := 100
const MESSAGES_SHOWN := 5

## What everyone has seen, for those who watch the game: see report.gd.
var shots := 0
var messages: Array[PackedStringArray] = []

## Shots that are still visible: from, to, and until when.
var visible_shots: Array[Array] = []

var own_name := ""
var plays_by_itself := false

@onready var players: Node2D = $Players
@onready var spawner: MultiplayerSpawner = $Spawner
@onready var lobby: Control = $Lobby
@onready var status: Label = $Status
@onready var talk: LineEdit = $Talk


func _ready() -> void:
	spawner.spawn_function = _make_player
	multiplayer.peer_disconnected.connect(_on_peer_disconnected)
	multiplayer.connected_to_server.connect(_enter)
	multiplayer.connection_failed.connect(leave.bind("The server cannot be reached."))
	multiplayer.server_disconnected.connect(leave.bind("The server has closed the game."))
	_start(OS.get_cmdline_user_args())


## Hosts a game. A host with a name plays, too.
func host(port: int, title := "") -> void:
	if _use(Network.host(port)):
		print("Hosting on port %d." % port)
		if title != "":
			_spawn(1, title)


## Joins a game.
func join(address: String, port: int, title: String) -> void:
	own_name = title
	if _use(Network.join(address, port)):
		status.text = "Connecting ..."


## Leaves the game, or ends it for all.
func leave(why: String) -> void:
	print(why)
	for player in players.get_children():
		player.free()
	multiplayer.multiplayer_peer.close()
	multiplayer.multiplayer_peer = OfflineMultiplayerPeer.new()
	status.text = why
	talk.hide()
	lobby.show()
	if plays_by_itself:
		get_tree().quit()


## A client's first call: with it, the server gives it a player.
@rpc("any_peer", "call_remote", "reliable")
func enter(title: String) -> void:
	var peer := multiplayer.get_remote_sender_id()
	if multiplayer.is_server() and _player(peer) == null:
		_spawn(peer, title)


## A player shoots: the server decides whom it hits.
@rpc("any_peer", "call_local", "reliable")
func shoot(direction: Vector2) -> void:
	var shooter := _player(multiplayer.get_remote_sender_id())
	if not multiplayer.is_server() or shooter == null or not direction.is_finite():
		return
	var from := shooter.position
	var to := from + direction.normalized() * SHOT_LENGTH
	var distance := func(player: Player) -> float: return from.distance_to(player.position)
	var is_hit := func(player: Player) -> bool:
		var nearest := Geometry2D.get_closest_point_to_segment(player.position, from, to)
		return player != shooter and nearest.distance_to(player.position) < Player.RADIUS
	var hit := players.get_children().filter(is_hit)
	hit.sort_custom(func(one: Player, two: Player) -> bool: return distance.call(one) < distance.call(two))
	if not hit.is_empty():
		to = hit[0].position
		shooter.score += 1
	show_shot.rpc(from, to)


## The server shows a shot to everyone.
@rpc("authority", "call_local", "reliable")
func show_shot(from: Vector2, to: Vector2) -> void:
	shots += 1
	visible_shots.append([from, to, Time.get_ticks_msec() + SHOT_SECONDS * 1000.0])


## A player says something to everyone.
@rpc("any_peer", "call_local", "reliable")
func say(text: String) -> void:
	var player := _player(multiplayer.get_remote_sender_id())
	if player != null:
		messages.append(PackedStringArray([player.title, text.left(MAX_MESSAGE)]))
		messages = messages.slice(-MAX_MESSAGES)
		var lines := messages.slice(-MESSAGES_SHOWN).map(func(it: PackedStringArray) -> String: return ": ".join(it))
		$Messages.text = "\n".join(lines)


func _process(_delta: float) -> void:
	var now := Time.get_ticks_msec()
	visible_shots = visible_shots.filter(func(shot: Array) -> bool: return shot[2] > now)
	queue_redraw()


func _draw() -> void:
	draw_rect(Player.FIELD.grow(Player.RADIUS), Color(1, 1, 1, 0.08))
	for shot in visible_shots:
		draw_line(shot[0], shot[1], Color.ORANGE, 3.0)


func _start(arguments: PackedStringArray) -> void:
	var after := func(option: String, otherwise: String) -> String:
		var at := arguments.find(option)
		return arguments[at + 1] if at >= 0 and at + 1 < arguments.size() else otherwise
	var address: String = after.call("--address", "127.0.0.1")
	var port := int(after.call("--port", str(Network.PORT)))
	if "--report" in arguments:
		var report := Report.new()
		report.arena = self
		add_child(report)
	if "--server" in arguments:
		host(port)
	elif "--client" in arguments:
		plays_by_itself = true
		join(address, port, after.call("--client", "Bot"))
	$Lobby/Host.pressed.connect(func() -> void: host(port, $Lobby/Name.text))
	$Lobby/Join.pressed.connect(func() -> void: join($Lobby/Address.text, port, $Lobby/Name.text))
	talk.text_submitted.connect(_on_text_submitted)


## Whether there is a peer, which is used from now on.
func _use(peer: MultiplayerPeer) -> bool:
	if peer == null:
		status.text = "This did not work: the output says why."
		return false
	multiplayer.multiplayer_peer = peer
	status.text = ""
	lobby.hide()
	talk.show()
	return true


func _enter() -> void:
	status.text = ""
	enter.rpc_id(1, own_name)


func _spawn(peer: int, title: String) -> void:
	var size := Player.FIELD.size
	var at := Player.FIELD.position + Vector2(randf() * size.x, randf() * size.y)
	spawner.spawn({ peer = peer, title = title.left(MAX_NAME), at = at })
	print("%s has joined." % title.left(MAX_NAME))


func _make_player(data: Dictionary) -> Node:
	var player: Player = PLAYER.instantiate()
	player.set_up(data.peer, data.peer == multiplayer.get_unique_id(), data.title, data.at)
	if player.is_own:
		var steering: Node = Bot.new() if plays_by_itself else Keyboard.new()
		steering.arena = self
		steering.player = player
		player.add_child(steering)
	return player


func _on_peer_disconnected(peer: int) -> void:
	var player := _player(peer)
	if multiplayer.is_server() and player != null:
		print("%s has left." % player.title)
		player.queue_free()


func _on_text_submitted(text: String) -> void:
	say.rpc(text)
	talk.clear()
	talk.release_focus()


func _player(peer: int) -> Player:
	return players.get_node_or_null(str(peer))
