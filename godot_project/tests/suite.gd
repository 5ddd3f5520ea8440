## Base of the test suites: each method named test_* is one test; it may await.
##
## An error line that a test does not announce with expect_error() fails it, and so does an announced one that does not
## come. A suite that takes longer than two minutes has a line `const TIME_LIMIT := SECONDS`.
extends Node

const TimeLimit := preload("res://tests/time_limit.gd")

## How long one test may take, in seconds.
var test_seconds := 30.0

## Why the running test fails.
var failures: PackedStringArray = []


## Runs before each test; suites override it.
func before_each() -> void:
	pass


## Runs after each test; suites override it.
func after_each() -> void:
	pass


## Fails the test unless the condition holds; returns the condition.
func check(condition: bool, what: String) -> bool:
	if not condition:
		fail(what)
	return condition


## Fails the test unless both are equal and of one type; returns whether they are.
func equal(got: Variant, want: Variant, what: String) -> bool:
	# An object variable that holds nothing is of another type than null.
	var both_nothing := got == null and want == null
	return check(
			both_nothing or (typeof(got) == typeof(want) and got == want),
			"%s: got %s, want %s" % [what, var_to_str(got), var_to_str(want)])


## Fails the test.
func fail(what: String) -> void:
	failures.append(what + _place())


## Announces that an error line with this text will come, before it is provoked.
func expect_error(text: String) -> void:
	print("expect-error: ", text)


## Waits for some frames.
func frames(count := 1) -> void:
	for i in count:
		await get_tree().process_frame


## Waits, frame by frame, until the condition returns true; returns whether it did in time.
func until(condition: Callable, seconds := 5.0) -> bool:
	var deadline := TimeLimit.deadline(int(seconds * 1000))
	while not condition.call():
		if Time.get_ticks_msec() > deadline:
			return false
		await get_tree().process_frame
	return true


## Where in the suite the failing call stands. Engines before 4.5 know it in a debugger alone.
func _place() -> String:
	for frame in get_stack():
		if frame.source != "res://tests/suite.gd":
			return " (%s:%d)" % [frame.source.get_file(), frame.line]
	return ""
