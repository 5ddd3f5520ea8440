## Players of one participant, which a spawner and their synchronizers keep the same at all participants.
extends Node

const SCENE := "res://tests/multiplayer_player.tscn"

## The parent of the players.
var players := Node.new()

var spawner := MultiplayerSpawner.new()

## What was spawned and despawned by others, in order.
var spawned: PackedStringArray = []
var despawned: PackedStringArray = []


func _init() -> void:
	name = "Stage"
	players.name = "Players"
	spawner.name = "Spawner"
	add_child(players)
	spawner.spawn_path = ^"../Players"
	spawner.spawn_function = _make
	spawner.add_spawnable_scene(SCENE)
	spawner.spawned.connect(func(node: Node) -> void: spawned.append(node.name))
	spawner.despawned.connect(func(node: Node) -> void: despawned.append(node.name))
	add_child(spawner)


## A player outside of the tree.
func make_player(with_name: String) -> Node2D:
	var player: Node2D = load(SCENE).instantiate()
	player.name = with_name
	return player


## Adds a player; where the spawner has authority, all get it.
func add_scene(with_name: String) -> Node2D:
	var player := make_player(with_name)
	players.add_child(player, true)
	return player


## The players.
func nodes() -> Array[Node]:
	return players.get_children()


## Whether the only player is in this place.
func has_state(position: Vector2, rotation: float) -> bool:
	return nodes().size() == 1 and nodes()[0].position == position and is_equal_approx(nodes()[0].rotation, rotation)


## The players' names and properties.
func describe() -> Array:
	return nodes().map(func(node: Node2D) -> Dictionary:
		return {name = str(node.name), position = node.position, rotation = node.rotation, z_index = node.z_index})


## Frees the players, which the engine wants before their parent goes.
func end() -> void:
	for player in nodes():
		player.free()


func _make(data: Dictionary) -> Node:
	var player := Node2D.new()
	player.name = data.name
	player.z_index = data.health
	return player
