## Base of the suites that play one multiplayer game on the engine's ENet classes and on ours, and compare what its
## participants note.
extends "res://tests/suite.gd"

const EnetEnds := preload("res://tests/enet_ends.gd")
const Game := preload("res://tests/multiplayer_game.gd")

const PLAIN := EnetEnds.Encryption.NONE
const DTLS := EnetEnds.Encryption.DTLS
const RELAYED := EnetEnds.Encryption.RELAYED_DTLS

## Server, client and encryption of the games without DTLS that are compared with the engine's.
const PLAIN_GAMES := [[true, true, PLAIN], [true, false, PLAIN], [false, true, PLAIN]]

## The same with DTLS.
const DTLS_GAMES := [[true, true, DTLS], [true, false, RELAYED], [false, true, RELAYED]]


func before_each() -> void:
	# Without a display the engine waits this long after each frame.
	OS.low_processor_usage_mode_sleep_usec = 500


## Plays a scenario, a function that takes a Game, on the engine's classes, then with ours at either end and at both,
## plain and encrypted. Their records must be equal entry by entry, but for the `differences` from the engine's: for a
## label, the value on a server of ours.
func compare(scenario: Callable, differences := {}, games := PLAIN_GAMES + DTLS_GAMES) -> void:
	var engine := await _play(scenario, EnetEnds.new(false, false))
	for choice: Array in games:
		var ours := await _play(scenario, EnetEnds.new(choice[0], choice[1], choice[2]))
		var labels := engine.record.map(func(entry: Array) -> String: return entry[0])
		if not equal(ours.record.map(func(entry: Array) -> String: return entry[0]), labels, "%s: labels" % ours.title):
			continue
		for i in labels.size():
			var wanted: Variant = engine.record[i][1]
			if labels[i] in differences and ours.server_is_ours:
				wanted = differences[labels[i]]
			equal(ours.record[i][1], wanted, "%s: %s" % [ours.title, labels[i]])
	for label: String in differences:
		check(engine.record.any(func(entry: Array) -> bool: return entry[0] == label), "no such label: %s" % label)


## The same without DTLS.
func compare_plain(scenario: Callable, differences := {}) -> void:
	await compare(scenario, differences, PLAIN_GAMES)


## Announces several errors; see expect_error().
func expect_errors(texts: PackedStringArray) -> void:
	for text in texts:
		expect_error(text)


func _play(scenario: Callable, ends: EnetEnds) -> EnetEnds:
	var game := Game.new(ends)
	add_child(game)
	await scenario.call(game)
	await game.end()
	for problem in game.problems:
		fail("%s: %s" % [ends.title, problem])
	return ends
