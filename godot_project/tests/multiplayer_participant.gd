## One participant of a multiplayer game: the root of a branch with a SceneMultiplayer of its own. It notes its signals
## and the calls that it receives, and its RPCs are the game's.
extends Node

## "server", "client 1" ...
var title: String

var api := SceneMultiplayer.new()
var peer: MultiplayerPeer

## The id in the game; it stays when the connection is gone.
var id := 0

## What happened, in order: signals with the title of the peer that they name.
var events: Array = []

## Calls received, in order: the method, the title of the sender, the value.
var calls: Array = []

## Raw packets received, in order: the title of the sender, the bytes.
var packets: Array = []

var _game: Node


func _init(with_title: String, game: Node) -> void:
	title = with_title
	name = title.replace(" ", "")
	_game = game


func _enter_tree() -> void:
	get_tree().set_multiplayer(api, get_path())
	api.peer_connected.connect(_note_peer.bind("peer_connected"))
	api.peer_disconnected.connect(_note_peer.bind("peer_disconnected"))
	api.connected_to_server.connect(_note.bind("connected_to_server"))
	api.connection_failed.connect(_note.bind("connection_failed"))
	api.server_disconnected.connect(_note.bind("server_disconnected"))
	api.peer_authenticating.connect(_note_peer.bind("peer_authenticating"))
	api.peer_authentication_failed.connect(_note_peer.bind("peer_authentication_failed"))
	api.peer_packet.connect(_note_packet)


## Takes part through this peer.
func start(with_peer: MultiplayerPeer) -> void:
	peer = with_peer
	id = peer.get_unique_id()
	api.multiplayer_peer = peer


## Stops polling, as a program that has crashed; the socket stays open.
func crash() -> void:
	get_tree().set_multiplayer(null, get_path())


## Ends its part, and that of its children.
func end() -> void:
	api.multiplayer_peer = OfflineMultiplayerPeer.new()
	if peer:
		peer.close()
	for child in get_children():
		child.end()
		child.free()
	get_tree().set_multiplayer(null, get_path())


func is_connected_through() -> bool:
	return peer.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED


## The titles of those it is connected with, sorted.
func peers() -> Array:
	var titles := Array(api.get_peers()).map(_game.title_of)
	titles.sort()
	return titles


## How many calls of a method it received.
func count(method: String) -> int:
	return values(method).size()


## The values with which a method was called, in order.
func values(method: String) -> Array:
	return calls.filter(func(one: Array) -> bool: return one[0] == method).map(func(one: Array) -> Variant: return one[2])


@rpc("any_peer", "call_remote", "reliable")
func tell(value: Variant) -> void:
	_note_call("tell", value)


@rpc("any_peer", "call_remote", "unreliable")
func tell_unreliably(value: Variant) -> void:
	_note_call("tell_unreliably", value)


@rpc("any_peer", "call_remote", "unreliable_ordered")
func tell_in_order(value: Variant) -> void:
	_note_call("tell_in_order", value)


@rpc("any_peer", "call_remote", "reliable", 1)
func tell_on_channel_1(value: Variant) -> void:
	_note_call("tell_on_channel_1", value)


@rpc("any_peer", "call_remote", "unreliable", 2)
func tell_unreliably_on_channel_2(value: Variant) -> void:
	_note_call("tell_unreliably_on_channel_2", value)


@rpc("any_peer", "call_remote", "unreliable_ordered", 3)
func tell_in_order_on_channel_3(value: Variant) -> void:
	_note_call("tell_in_order_on_channel_3", value)


@rpc("any_peer", "call_local", "reliable")
func tell_all(value: Variant) -> void:
	_note_call("tell_all", value)


@rpc("authority", "call_remote", "reliable")
func command(value: Variant) -> void:
	_note_call("command", value)


@rpc("authority", "call_local", "reliable")
func command_all(value: Variant) -> void:
	_note_call("command_all", value)


func _note(event: String) -> void:
	events.append(event)


func _note_peer(peer_id: int, event: String) -> void:
	events.append("%s: %s" % [event, _game.title_of(peer_id)])


func _note_call(method: String, value: Variant) -> void:
	calls.append([method, _game.title_of(api.get_remote_sender_id()), value])


func _note_packet(from: int, packet: PackedByteArray) -> void:
	packets.append([_game.title_of(from), packet])
