## A player on the field: where it is, which way it faces, and how often it hit others.
##
## Its own peer decides about position and facing (the synchronizer Motion), the server about the score (Result).
class_name Player
extends Node2D

const SPEED := 220.0
const RADIUS := 18.0
const FIELD := Rect2(30, 60, 900, 390)

## The direction in which the player wants to move: set by whoever steers it.
var wish := Vector2.ZERO

## Whether it is this peer's player.
var is_own := false

var facing := Vector2.RIGHT
var title := ""
var score := 0:
	set(value):
		score = value
		queue_redraw()


## Makes the player of a peer. To be called before it enters the tree.
func set_up(peer: int, own: bool, its_title: String, at: Vector2) -> void:
	name = str(peer)
	is_own = own
	title = its_title
	position = at
	$Motion.set_multiplayer_authority(peer)


func _process(delta: float) -> void:
	if is_own and wish != Vector2.ZERO:
		facing = wish.normalized()
		position = (position + wish.limit_length() * SPEED * delta).clamp(FIELD.position, FIELD.end)
	queue_redraw()


func _draw() -> void:
	var color := Color.from_hsv(fmod(title.hash() * 0.000137, 1.0), 0.6, 0.95)
	draw_circle(Vector2.ZERO, RADIUS, color)
	draw_line(facing * RADIUS, facing * (RADIUS + 12.0), color, 6.0)
	var font := ThemeDB.fallback_font
	var text := "%s  %d" % [title, score]
	draw_string(font, Vector2(-60, -28), text, HORIZONTAL_ALIGNMENT_CENTER, 120, 14)
