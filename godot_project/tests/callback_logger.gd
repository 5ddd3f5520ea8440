## A script's logger that calls a function at each error that is printed, as one that sends its lines over the network does.
extends RefCounted

## Engines before 4.5 have no class Logger, and would not load a script that extends it.
const SOURCE := "extends Logger
var callback: Callable
var _inside := false
func _log_error(_function, _file, _line, _code, _rationale, _notify, _type, _backtraces) -> void:
	if not _inside:
		_inside = true
		callback.call()
		_inside = false
"

## How often it was called.
var calls := 0

var _logger: RefCounted


## Whether this engine has script loggers.
static func is_possible() -> bool:
	return ClassDB.class_exists("Logger")


func _init(callback: Callable) -> void:
	var script := GDScript.new()
	script.source_code = SOURCE
	script.reload()
	_logger = script.new()
	_logger.callback = func() -> void:
		calls += 1
		callback.call()
	OS.call("add_logger", _logger)


## Removes it from the engine.
func remove() -> void:
	OS.call("remove_logger", _logger)
	_logger.callback = Callable()
