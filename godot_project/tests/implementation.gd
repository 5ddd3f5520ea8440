## The engine's implementation of the classes, or ours: makes objects of it, and records what they do.
##
## Scenarios take an implementation as argument and run with both: see differential.gd. Class names in strings stay the
## engine's, also where the drop-in is on.
extends RefCounted

const TimeLimit := preload("res://tests/time_limit.gd")

const LOOPBACK := "127.0.0.1"

## Whether the classes are ours.
var ours: bool

## The results noted, in order: pairs of a label and a value.
var record: Array[Array] = []

static var _identity: Dictionary = {}


func _init(of_ours: bool) -> void:
	ours = of_ours


## Notes one result. A label stands for one place in the scenario.
func note(label: String, value: Variant) -> void:
	record.append([label, _plain(value)])


## Notes the state of a UDP peer.
func note_peer(label: String, peer: PacketPeer) -> void:
	note(label, {
		bound = peer.is_bound(),
		connected = peer.is_socket_connected(),
		packets = peer.get_available_packet_count(),
		ip = peer.get_packet_ip(),
	})


## Notes the state of a UDP server.
func note_server(label: String, server: RefCounted) -> void:
	note(label, {
		listening = server.is_listening(),
		available = server.is_connection_available(),
		max_pending = server.max_pending_connections,
	})


## A PacketPeerUDP.
func udp_peer() -> PacketPeer:
	return ClassDB.instantiate("OpenSSLPacketPeerUDP" if ours else "PacketPeerUDP")


## A UDPServer.
func udp_server() -> RefCounted:
	return ClassDB.instantiate("OpenSSLUDPServer" if ours else "UDPServer")


## A PacketPeerDTLS.
func dtls_peer() -> PacketPeer:
	return ClassDB.instantiate("OpenSSLPacketPeerDTLS" if ours else "PacketPeerDTLS")


## A DTLSServer.
func dtls_server() -> RefCounted:
	return ClassDB.instantiate("OpenSSLDTLSServer" if ours else "DTLSServer")


## A UDP peer that is bound on the loopback.
func bound_peer(address := LOOPBACK, receive_buffer := 65536) -> PacketPeer:
	var peer := udp_peer()
	peer.bind(0, address, receive_buffer)
	return peer


## A UDP peer that is connected to a local port.
func connected_peer(port: int, address := LOOPBACK) -> PacketPeer:
	var peer := udp_peer()
	peer.connect_to_host(address, port)
	return peer


## A UDP server that listens on the loopback.
func listening_server(address := LOOPBACK) -> RefCounted:
	var server := udp_server()
	server.listen(0, address)
	return server


## The key and the self-signed certificate for localhost of all scenarios.
static func identity() -> Dictionary:
	if _identity.is_empty():
		var crypto := Crypto.new()
		var key := crypto.generate_rsa(2048)
		var certificate := crypto.generate_self_signed_certificate(key, "CN=localhost")
		_identity = {key = key, certificate = certificate}
	return _identity


## The engine's options of a server.
static func server_options() -> TLSOptions:
	return TLSOptions.server(identity().key, identity().certificate)


## A DTLS server that is set up.
func ready_server() -> RefCounted:
	var server := dtls_server()
	server.setup(server_options())
	return server


## Null of type Object, which engine methods return, as plain null: `==` does not distinguish them.
static func _plain(value: Variant) -> Variant:
	if value is Array:
		return value.map(_plain)
	return null if value == null else value


## Waits until datagrams have crossed the loopback.
static func settle() -> void:
	OS.delay_msec(2)


## Bytes that differ by size and seed.
static func bytes(size: int, seed_value := 0) -> PackedByteArray:
	var packet := PackedByteArray()
	packet.resize(size)
	for i in mini(size, 64):
		packet[i] = (i + seed_value) % 256
	return packet


## Polls a UDP peer until it has that many packets; returns how many it has.
static func arrived(peer: PacketPeer, wanted := 1, milliseconds := 1000) -> int:
	var deadline := TimeLimit.deadline(milliseconds)
	while peer.get_available_packet_count() < wanted and Time.get_ticks_msec() < deadline:
		OS.delay_msec(1)
	return peer.get_available_packet_count()
