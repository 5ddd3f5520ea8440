extends SceneTree
## Writes the addon's class names into the project's own scripts, so that the project runs on OpenSSL without the drop-in.
##
## [codeblock]
## godot --headless --path PROJECT -s res://addons/openssl_dtls/convert.gd
## godot --headless --path PROJECT -s res://addons/openssl_dtls/convert.gd -- --dry-run
## godot --headless --path PROJECT -s res://addons/openssl_dtls/convert.gd -- --back
## [/codeblock]
## Prints each line that changes, before and after, and then writes all files; or none, and prints the reason.
## [code]--dry-run[/code] only prints, [code]--back[/code] writes the engine's names in place of the addon's.
## Ends with 0, or with 1 where something could not be written, or with 2 for an unknown argument.
## In the editor the same is in Project > Tools.

const LIBRARY := "res://addons/openssl_dtls/openssl_dtls.gdextension"
const CONVERTER := &"OpenSSLDropIn"
const OPTIONS := ["--back", "--dry-run"]


func _initialize() -> void:
	quit(_run(OS.get_cmdline_user_args()))


func _run(arguments: PackedStringArray) -> int:
	for argument in arguments:
		if argument not in OPTIONS:
			printerr("OpenSSL DTLS: unknown argument %s; known are %s." % [argument, " and ".join(OPTIONS)])
			return 2
	# Before the first import, Godot does not know the project's extensions.
	if not ClassDB.class_exists(CONVERTER):
		GDExtensionManager.load_extension(LIBRARY)
	if not ClassDB.class_exists(CONVERTER):
		printerr("OpenSSL DTLS: %s could not be loaded; is there a library for this machine in its folder bin?" % LIBRARY)
		return 1
	var back := "--back" in arguments
	# By name, so that the script parses where the class is not registered yet.
	for line: String in ClassDB.class_call_static(CONVERTER, &"list_changes", back):
		print(line)
	if "--dry-run" in arguments:
		print("Nothing was written.")
		return 0
	var error: int = ClassDB.class_call_static(CONVERTER, &"convert_project", back)
	return 0 if error == OK else 1
