## Settings from the command line after `--`, as `name=value`, and objects of the classes that they choose.
extends RefCounted

var _values: Dictionary = {}


func _init() -> void:
	for argument in OS.get_cmdline_user_args():
		_values[argument.get_slice("=", 0)] = argument.substr(argument.find("=") + 1)


func text(name: String, otherwise := "") -> String:
	return _values.get(name, otherwise)


func number(name: String, otherwise := 0) -> int:
	return int(_values.get(name, otherwise))


## An object of a class that is named as the engine's: ours, or with `classes=engine` the engine's own. Class names in
## strings are not renamed by the drop-in.
func instantiate(name_of_class: String) -> Object:
	var prefix := "" if text("classes") == "engine" else "OpenSSL"
	return ClassDB.instantiate(prefix + name_of_class)
