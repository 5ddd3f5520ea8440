## Runs the test suite that the command line names after `--`, and quits.
##
## Prints `TEST name`, then `PASS name` or one `FAIL name: reason` for each reason, and `END suite` last.
extends Node

const Suite := preload("res://tests/suite.gd")
const TimeLimit := preload("res://tests/time_limit.gd")

# Tests are numbered, so that one which ends after its time does not end the next.
var _started := 0
var _finished := 0


func _ready() -> void:
	var arguments := OS.get_cmdline_user_args()
	if arguments.size() != 1:
		printerr("FAIL runner: name one suite after `--`")
		get_tree().quit(2)
		return
	var passed: bool = await _run_suite(arguments[0])
	get_tree().quit(0 if passed else 1)


func _run_suite(path: String) -> bool:
	var script := load(path) as GDScript
	if script == null or not script.can_instantiate():
		print("FAIL %s: cannot be loaded" % path)
		return false
	var suite := script.new() as Suite
	if suite == null:
		print("FAIL %s: does not extend res://tests/suite.gd" % path)
		return false
	add_child(suite)
	var suite_name := path.get_file().get_basename()
	var all_passed := true
	for method in script.get_script_method_list():
		if method.name.begins_with("test_"):
			var passed: bool = await _run_test(suite, suite_name, method.name)
			all_passed = all_passed and passed
	suite.queue_free()
	# What was freed in the last test is gone before the engine looks for leaks.
	await get_tree().process_frame
	await get_tree().process_frame
	print("END ", suite_name)
	return all_passed


func _run_test(suite: Suite, suite_name: String, test: String) -> bool:
	var full_name := "%s.%s" % [suite_name, test]
	print("TEST ", full_name)
	suite.failures.clear()
	var deadline := TimeLimit.deadline(int(suite.test_seconds * 1000))
	_started += 1
	_drive(suite, test, _started)
	while _finished != _started and Time.get_ticks_msec() < deadline:
		await get_tree().process_frame
	if _finished != _started:
		suite.failures.append("not over after %s s" % suite.test_seconds)
	for failure in suite.failures:
		print("FAIL %s: %s" % [full_name, failure])
	if suite.failures.is_empty():
		print("PASS ", full_name)
	return suite.failures.is_empty()


func _drive(suite: Suite, test: String, number: int) -> void:
	@warning_ignore("redundant_await")
	await suite.before_each()
	await suite.call(test)
	@warning_ignore("redundant_await")
	await suite.after_each()
	_finished = number
