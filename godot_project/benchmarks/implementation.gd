## The engine's classes, or ours: the same script texts, compiled for one of the two.
##
## The engine's side compiles a text as it stands in its file. Ours loads it, and so gets it as the drop-in renames it.
extends RefCounted

const FOLDER := "res://benchmarks/"

## Whether this side's classes are ours.
var ours: bool

var _scripts: Dictionary[String, GDScript] = {}


func _init(of_ours: bool) -> void:
	ours = of_ours


## A new object of a script of this folder.
func make(script: String) -> RefCounted:
	if not _scripts.has(script):
		_scripts[script] = _compile(FOLDER + script)
	return _scripts[script].new()


## Connections of this side that have begun to listen.
func connections(options: TLSOptions) -> RefCounted:
	var made := make("connections.gd")
	var is_ours: bool = made.dtls_server.get_class() == "OpenSSLDTLSServer"
	assert(is_ours == ours, "the classes are not those of this side")
	if is_ours != ours or not made.start(options):
		return null
	return made


func _compile(path: String) -> GDScript:
	if ours:
		return load(path)
	var script := GDScript.new()
	# Outside of res://, where the drop-in's texts do not reach.
	script.source_code = FileAccess.get_file_as_string(ProjectSettings.globalize_path(path))
	script.reload()
	return script
