## Every class of ours has what the engine's class has, by the same names: read from ClassDB, member by member.
extends "res://tests/suite.gd"

const CLASSES := {
	"DTLSServer": "OpenSSLDTLSServer",
	"PacketPeerDTLS": "OpenSSLPacketPeerDTLS",
	"UDPServer": "OpenSSLUDPServer",
	"PacketPeerUDP": "OpenSSLPacketPeerUDP",
	"TLSOptions": "OpenSSLTLSOptions",
	"ENetMultiplayerPeer": "OpenSSLENetMultiplayerPeer",
	"ENetConnection": "OpenSSLENetConnection",
	"ENetPacketPeer": "OpenSSLENetPacketPeer",
}

const BOTH_OPTIONS := "takes the engine's options and ours"
const BOTH_PEERS := "takes the engine's UDP peers and ours"
const CHECKED_BY_THE_METHOD := "a wrong value gets an error line that says what to do"

## Arguments of ours that are of any type where the engine's are of one, and why.
const ANY_TYPE := {
	"DTLSServer.setup.server_options": BOTH_OPTIONS,
	"DTLSServer.take_connection.udp_peer": BOTH_PEERS,
	"PacketPeerDTLS.connect_to_peer.packet_peer": BOTH_PEERS,
	"PacketPeerDTLS.connect_to_peer.hostname": "takes Godot 3's `false` too, as the documented client passes it",
	"PacketPeerDTLS.connect_to_peer.client_options": BOTH_OPTIONS,
	"ENetConnection.dtls_server_setup.server_options": BOTH_OPTIONS,
	"ENetConnection.dtls_client_setup.client_options": BOTH_OPTIONS,
	"TLSOptions.client.trusted_chain": CHECKED_BY_THE_METHOD,
	"TLSOptions.client_unsafe.trusted_chain": CHECKED_BY_THE_METHOD,
	"TLSOptions.server.key": CHECKED_BY_THE_METHOD,
	"TLSOptions.server.certificate": CHECKED_BY_THE_METHOD,
}

## The bases that let an extension be a PacketPeer or a MultiplayerPeer; their methods are the engine's way to call ours.
const BASE_CLASSES: Array[String] = ["PacketPeerExtension", "MultiplayerPeerExtension"]

const NEWER_ENGINES := "newer engines have it"

const TIMEOUTS := "the engine's timeouts are fixed"

const SIZES := "the size of the engine's handshake datagrams is fixed"

## Methods of ours that the engine's class does not have, and why.
const EXTRA_METHODS := {
	"DTLSServer.get_openssl_version": "returns the version of the OpenSSL inside",
	"DTLSServer.poll_peers": "costs what arrives, not what is connected",
	"PacketPeerUDP.poll": NEWER_ENGINES,
	"DTLSServer.get_max_handshakes": "bounds what unfinished handshakes take",
	"DTLSServer.set_max_handshakes": "bounds what unfinished handshakes take",
	"DTLSServer.get_max_handshakes_per_address": "bounds what one address can take of that",
	"DTLSServer.set_max_handshakes_per_address": "bounds what one address can take of that",
	"DTLSServer.get_max_handshake_rate_per_address": "bounds the signatures that one address can ask for",
	"DTLSServer.set_max_handshake_rate_per_address": "bounds the signatures that one address can ask for",
	"TLSOptions.server_with_password": "opens encrypted keys, which the engine's CryptoKey cannot hold",
	"DTLSServer.get_handshake_timeout": TIMEOUTS,
	"DTLSServer.set_handshake_timeout": TIMEOUTS,
	"DTLSServer.get_retransmission_timeout": TIMEOUTS,
	"DTLSServer.set_retransmission_timeout": TIMEOUTS,
	"DTLSServer.get_idle_timeout": TIMEOUTS,
	"DTLSServer.set_idle_timeout": TIMEOUTS,
	"PacketPeerDTLS.get_handshake_timeout": TIMEOUTS,
	"PacketPeerDTLS.set_handshake_timeout": TIMEOUTS,
	"PacketPeerDTLS.get_retransmission_timeout": TIMEOUTS,
	"PacketPeerDTLS.set_retransmission_timeout": TIMEOUTS,
	"PacketPeerDTLS.get_idle_timeout": TIMEOUTS,
	"PacketPeerDTLS.set_idle_timeout": TIMEOUTS,
	"DTLSServer.get_max_datagram": SIZES,
	"DTLSServer.set_max_datagram": SIZES,
	"PacketPeerDTLS.get_max_datagram": SIZES,
	"PacketPeerDTLS.set_max_datagram": SIZES,
	"PacketPeerDTLS.get_idle_time": "returns how long the other side has been silent",
	"PacketPeerDTLS.get_protocol": "returns what was agreed on",
	"PacketPeerDTLS.get_cipher": "returns what was agreed on",
}

## Classes of ours that new() makes and the engine's do not, and why.
const EXTRA_CONSTRUCTORS := {
	"TLSOptions": "the editor makes objects anew when it reloads the extension; new() gives a verifying client's options",
	"ENetPacketPeer": "the editor makes objects anew when it reloads the extension; new() gives an inactive peer",
}


func test_every_method_is_there_with_the_same_arguments_defaults_and_result() -> void:
	for engine_class: String in CLASSES:
		var our_methods := _methods(CLASSES[engine_class])
		for method: Dictionary in ClassDB.class_get_method_list(engine_class):
			var place := "%s.%s" % [engine_class, method.name]
			if check(method.name in our_methods, "%s is there" % place):
				_compare_method(place, method, our_methods[method.name])


func test_what_we_add_is_written_down() -> void:
	var extra := {}
	for engine_class: String in CLASSES:
		var our_class: String = CLASSES[engine_class]
		var engine_methods := _methods(engine_class)
		var base := ClassDB.get_parent_class(our_class)
		if base in BASE_CLASSES:
			engine_methods.merge(_methods(base))
		for method_name: String in _methods(our_class):
			if method_name not in engine_methods:
				extra["%s.%s" % [engine_class, method_name]] = true
	for place: String in extra:
		check(place in EXTRA_METHODS, "%s is written down" % place)
	for place: String in EXTRA_METHODS:
		check(place in extra or EXTRA_METHODS[place] == NEWER_ENGINES, "%s is there" % place)


func test_every_property_is_there_with_the_same_type_hint_and_default() -> void:
	for engine_class: String in CLASSES:
		var our_class: String = CLASSES[engine_class]
		var our_properties := {}
		for property in ClassDB.class_get_property_list(our_class):
			our_properties[property.name] = property
		for property in ClassDB.class_get_property_list(engine_class):
			var place := "%s.%s" % [engine_class, property.name]
			if not check(property.name in our_properties, "%s is there" % place):
				continue
			if property["class_name"] in CLASSES:
				property["class_name"] = StringName(CLASSES[property["class_name"]])
				property["hint_string"] = CLASSES[property["hint_string"]]
			equal(our_properties[property.name], property, place)
			# Of a class that cannot be instantiated the engine knows no defaults.
			if not ClassDB.can_instantiate(engine_class):
				continue
			equal(
					ClassDB.class_get_property_default_value(our_class, property.name),
					ClassDB.class_get_property_default_value(engine_class, property.name),
					"%s: default" % place)


func test_every_constant_and_enum_is_there_with_the_same_value() -> void:
	for engine_class: String in CLASSES:
		var our_class: String = CLASSES[engine_class]
		var constants := ClassDB.class_get_integer_constant_list(engine_class)
		equal(ClassDB.class_get_integer_constant_list(our_class), constants, "%s: constants" % engine_class)
		for constant in constants:
			equal(
					ClassDB.class_get_integer_constant(our_class, constant),
					ClassDB.class_get_integer_constant(engine_class, constant),
					"%s.%s" % [engine_class, constant])
		var enums := ClassDB.class_get_enum_list(engine_class)
		equal(ClassDB.class_get_enum_list(our_class), enums, "%s: enums" % engine_class)
		for name_of_enum in enums:
			var place := "%s.%s" % [engine_class, name_of_enum]
			equal(
					ClassDB.class_get_enum_constants(our_class, name_of_enum),
					ClassDB.class_get_enum_constants(engine_class, name_of_enum),
					place)
			equal(
					ClassDB.is_class_enum_bitfield(our_class, name_of_enum),
					ClassDB.is_class_enum_bitfield(engine_class, name_of_enum),
					"%s: bit field" % place)


func test_signals_are_the_same() -> void:
	for engine_class: String in CLASSES:
		equal(
				ClassDB.class_get_signal_list(CLASSES[engine_class]),
				ClassDB.class_get_signal_list(engine_class),
				"%s: signals" % engine_class)


func test_objects_are_of_the_same_base_classes() -> void:
	for engine_class: String in CLASSES:
		var our_class: String = CLASSES[engine_class]
		var base := ClassDB.get_parent_class(engine_class)
		check(ClassDB.is_parent_class(our_class, base), "%s is a %s" % [our_class, base])
		var is_made := ClassDB.can_instantiate(engine_class) or engine_class in EXTRA_CONSTRUCTORS
		equal(ClassDB.can_instantiate(our_class), is_made, "%s.new()" % our_class)


func test_the_status_enum_is_a_type() -> void:
	var peer := PacketPeerDTLS.new()
	var status: PacketPeerDTLS.Status = peer.get_status()
	equal(status as int, 0, "a new peer's status")
	equal(PacketPeerDTLS.STATUS_HANDSHAKING as int, 1, "a constant of the class")
	equal(PacketPeerDTLS.Status.STATUS_CONNECTED as int, 2, "a constant of the enum")
	equal(_next(PacketPeerDTLS.STATUS_CONNECTED) as int, 3, "the enum in a function's signature")
	match status:
		PacketPeerDTLS.STATUS_DISCONNECTED:
			pass
		_:
			fail("match accepts the constants")


func test_our_own_names_work_where_types_are_written() -> void:
	var peers: Array[OpenSSLPacketPeerDTLS] = [OpenSSLPacketPeerDTLS.new()]
	var status: OpenSSLPacketPeerDTLS.Status = peers[0].get_status()
	equal(status as int, OpenSSLPacketPeerDTLS.STATUS_DISCONNECTED as int, "a new peer's status")
	var by_peer: Dictionary[OpenSSLPacketPeerUDP, int] = {OpenSSLPacketPeerUDP.new(): 1}
	equal(by_peer.size(), 1, "as a dictionary's key type")
	var base: PacketPeer = peers[0]
	check(base is OpenSSLPacketPeerDTLS and not base is OpenSSLPacketPeerUDP, "`is` tells the classes apart")
	check(base as OpenSSLPacketPeerUDP == null, "`as` does")


func test_properties_can_be_set_by_name_and_by_method() -> void:
	var server := UDPServer.new()
	server.max_pending_connections = 3
	equal(server.get_max_pending_connections(), 3, "set as a property")
	server.set("max_pending_connections", 4)
	equal(server.max_pending_connections, 4, "set by name")
	var peer := PacketPeerUDP.new()
	peer.encode_buffer_max_size = 5000
	equal(peer.get_encode_buffer_max_size(), 8192, "the next power of two, as in the engine")


func _next(status: PacketPeerDTLS.Status) -> PacketPeerDTLS.Status:
	return (status + 1) as PacketPeerDTLS.Status


func _methods(name_of_class: String) -> Dictionary:
	var methods := {}
	for method in ClassDB.class_get_method_list(name_of_class):
		methods[method.name] = method
	return methods


func _compare_method(place: String, engine: Dictionary, ours: Dictionary) -> void:
	var static_or_vararg := METHOD_FLAG_STATIC | METHOD_FLAG_VARARG
	equal(ours.flags & static_or_vararg, engine.flags & static_or_vararg, "%s: static or with varargs" % place)
	equal(_type(ours["return"]), _type_of_ours(engine["return"]), "%s: result" % place)
	if not equal(ours.args.size(), engine.args.size(), "%s: number of arguments" % place):
		return
	for i: int in engine.args.size():
		equal(ours.args[i].name, engine.args[i].name, "%s: argument %d" % [place, i])
		var argument := "%s.%s" % [place, engine.args[i].name]
		var wanted := "Variant" if argument in ANY_TYPE else _type_of_ours(engine.args[i])
		equal(_type(ours.args[i]), wanted, argument)
	# The engine's null is of type Object, ours of type Nil: a script cannot distinguish them.
	equal(ours.default_args, engine.default_args.map(_plain), "%s: defaults" % place)


func _plain(value: Variant) -> Variant:
	return null if value == null else value


## What a value is, as a script writes it.
func _type(info: Dictionary) -> String:
	if info.class_name:
		return info.class_name
	if info.type == TYPE_NIL:
		return "Variant" if info.usage & PROPERTY_USAGE_NIL_IS_VARIANT else "void"
	return type_string(info.type)


## The same with the engine's class replaced by ours.
func _type_of_ours(info: Dictionary) -> String:
	var type := _type(info)
	var dot := type.find(".")
	var name_of_class := type if dot < 0 else type.left(dot)
	return CLASSES.get(name_of_class, name_of_class) + type.substr(name_of_class.length())
