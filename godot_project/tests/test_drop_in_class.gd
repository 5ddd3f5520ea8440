## OpenSSLDropIn.rename(), and is_class() of the addon's objects.
extends "res://tests/suite.gd"


func test_a_renamed_text_runs_on_the_addon() -> void:
	var text := "var peer: PacketPeerDTLS = PacketPeerDTLS.new() # PacketPeerDTLS\r\nvar text := \"DTLSServer\"\n"
	var renamed: String = OpenSSLDropIn.rename(text)
	equal(renamed, text.replace("PacketPeerDTLS =", "OpenSSLPacketPeerDTLS =").replace("= PacketPeerDTLS.", "= OpenSSLPacketPeerDTLS."), "the text")
	equal(OpenSSLDropIn.rename(renamed), renamed, "the text, renamed again")
	var script := GDScript.new()
	script.source_code = renamed
	equal(script.reload(), OK, "reload()")
	var object: Object = script.new()
	equal(object.get("peer").get_class(), "OpenSSLPacketPeerDTLS", "the peer's class")


func test_own_names_and_other_texts_stay() -> void:
	for text: String in ["", "const DTLSServer = 1\nvar a = DTLSServer", "var a := TLSOptions.client()", "not a script (\"DTLSServer"]:
		equal(OpenSSLDropIn.rename(text), text, "the text")


func test_enets_names_are_renamed_unless_the_caller_says_no() -> void:
	var text := "var peer: ENetMultiplayerPeer\nvar host: ENetConnection\nvar udp: UDPServer\n"
	var only_udp := text.replace("UDPServer", "OpenSSLUDPServer")
	equal(OpenSSLDropIn.rename(text), only_udp.replace("ENet", "OpenSSLENet"), "the text")
	equal(OpenSSLDropIn.rename(text, false), only_udp, "the text without ENet")


func test_is_class_knows_the_mirrored_class() -> void:
	var objects := {
		"DTLSServer": OpenSSLDTLSServer.new(),
		"PacketPeerDTLS": OpenSSLPacketPeerDTLS.new(),
		"UDPServer": OpenSSLUDPServer.new(),
		"PacketPeerUDP": OpenSSLPacketPeerUDP.new(),
		"TLSOptions": OpenSSLTLSOptions.client(),
		"ENetMultiplayerPeer": OpenSSLENetMultiplayerPeer.new(),
		"ENetConnection": OpenSSLENetConnection.new(),
	}
	for name_of_class: String in objects:
		var object = objects[name_of_class]
		for expected: String in [name_of_class, "OpenSSL" + name_of_class, "RefCounted", "Object"]:
			check(object.is_class(expected), "%s is a %s" % [object, expected])
		for other: String in ["Node", "StreamPeer", ""]:
			check(not object.is_class(other), "%s is no %s" % [object, other])
	check(not objects["PacketPeerUDP"].is_class("PacketPeerDTLS"), "another class of the addon's")
	check(objects["PacketPeerUDP"].is_class("PacketPeer"), "the class between")
