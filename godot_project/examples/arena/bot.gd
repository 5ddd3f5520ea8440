## Steers a player by itself for ten seconds, once there are three players: runs in circles, shoots at the nearest other
## player each second, and says so every other second.
extends Node

const PLAYERS := 3
const SECONDS := 10

var arena: Arena
var player: Player

var time := 0.0
var last_second := -1


func _process(delta: float) -> void:
	if arena.players.get_child_count() < PLAYERS and time == 0.0:
		return
	time += delta
	if time >= SECONDS:
		player.wish = Vector2.ZERO
		print("%s is done." % player.title)
		set_process(false)
		return
	player.wish = Vector2.from_angle(time + player.title.hash() % 7)
	var second := int(time)
	if second != last_second:
		last_second = second
		_act(second)


func _act(second: int) -> void:
	var others := arena.players.get_children().filter(func(other: Player) -> bool: return other != player)
	var distance := func(other: Player) -> float: return other.position.distance_to(player.position)
	others.sort_custom(func(one: Player, two: Player) -> bool: return distance.call(one) < distance.call(two))
	if others.is_empty():
		return
	arena.shoot.rpc_id(1, player.position.direction_to(others[0].position))
	if second % 2 == 0:
		arena.say.rpc("%d: I shoot at %s." % [second, others[0].title])
