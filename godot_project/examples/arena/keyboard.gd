## Steers a player by the keyboard: arrows move, Enter or Space shoots.
extends Node

var arena: Arena
var player: Player


func _process(_delta: float) -> void:
	player.wish = Vector2.ZERO
	# While somebody types, keys are text.
	if get_viewport().gui_get_focus_owner() is LineEdit:
		return
	player.wish = Input.get_vector("ui_left", "ui_right", "ui_up", "ui_down")
	if Input.is_action_just_pressed("ui_accept"):
		arena.shoot.rpc_id(1, player.facing)
