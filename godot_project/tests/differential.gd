## Base of the suites that run one scenario on the engine's classes and on ours, and compare the two records.
extends "res://tests/suite.gd"

const Implementation := preload("res://tests/implementation.gd")


## Runs a scenario, a function that takes an implementation, with both. Their records must be equal entry by entry, but
## for the `differences`: for a label, the engine's value, ours, and why they differ.
func compare(scenario: Callable, differences := {}) -> void:
	var engine := Implementation.new(false)
	await scenario.call(engine)
	var ours := Implementation.new(true)
	await scenario.call(ours)
	if not equal(_labels(ours), _labels(engine), "both implementations note the same labels"):
		return
	var differing := differences.keys()
	for i in engine.record.size():
		var label: String = engine.record[i][0]
		if label in differing:
			differing.erase(label)
			equal(engine.record[i][1], differences[label][0], "%s, on the engine's classes" % label)
			equal(ours.record[i][1], differences[label][1], "%s, on ours" % label)
		else:
			equal(ours.record[i][1], engine.record[i][1], label)
	check(differing.is_empty(), "no such labels: %s" % [differing])


## Announces several errors; see expect_error().
func expect_errors(texts: PackedStringArray) -> void:
	for text in texts:
		expect_error(text)


func _labels(impl: Implementation) -> Array:
	return impl.record.map(func(entry: Array) -> String: return entry[0])
