## The addon is loaded, with OpenSSL in it.
extends "res://tests/suite.gd"


func test_the_classes_are_there() -> void:
	for name_of_class: String in [
		"OpenSSLDTLSServer",
		"OpenSSLPacketPeerDTLS",
		"OpenSSLUDPServer",
		"OpenSSLPacketPeerUDP",
		"OpenSSLTLSOptions",
	]:
		check(ClassDB.class_exists(name_of_class), "%s exists" % name_of_class)


func test_openssl_is_linked() -> void:
	var version: String = OpenSSLDTLSServer.get_openssl_version()
	check(version.begins_with("OpenSSL 4."), "the version is %s" % version)
