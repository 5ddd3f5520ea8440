## Prints the state of the game as this peer sees it, whenever it has changed, twice a second at most: with it, a test
## compares what the peers see. A server with it also ends when it reads the line `quit`.
extends Node

const SECONDS := 0.5

var arena: Arena
var printed := ""
var reader := Thread.new()


func _ready() -> void:
	var timer := Timer.new()
	timer.wait_time = SECONDS
	timer.autostart = true
	timer.timeout.connect(_print)
	add_child(timer)
	if "--server" in OS.get_cmdline_user_args():
		reader.start(_read)


## Players by their names, with positions and scores; shots; and what each player said, in order.
func state() -> Dictionary:
	var seen := { players = {}, shots = arena.shots, said = {} }
	for player: Player in arena.players.get_children():
		var at := player.position.round()
		seen.players[player.title] = "%d,%d score %d" % [at.x, at.y, player.score]
	for message in arena.messages:
		seen.said.get_or_add(message[0], []).append(message[1])
	return seen


func _print() -> void:
	var text := JSON.stringify(state())
	if text != printed:
		printed = text
		print("STATE ", text)


func _read() -> void:
	var line := "-"
	while line != "" and line != "quit":
		line = OS.read_string_from_stdin(64).strip_edges()
	if line == "quit":
		_quit.call_deferred()


func _quit() -> void:
	reader.wait_to_finish()
	arena.leave("The game is over.")
	get_tree().quit()
