## Our DTLS classes on the engine's UDP classes, our DTLS classes with the engine's, and options of both kinds.
extends "res://tests/differential.gd"

const Pair := preload("res://tests/pair.gd")
const CallbackLogger := preload("res://tests/callback_logger.gd")


## Makes objects of the engine's UDP classes and of our DTLS classes, as a script does with the drop-in off.
class EngineUdp extends Implementation:
	func udp_peer() -> PacketPeer:
		return ClassDB.instantiate("PacketPeerUDP")

	func udp_server() -> RefCounted:
		return ClassDB.instantiate("UDPServer")


func test_our_dtls_on_the_engines_udp() -> void:
	var impl := EngineUdp.new(true)
	var pair := Pair.new(impl)
	check(pair.establish(), "connected")
	equal(pair.client_udp.get_class(), "PacketPeerUDP", "the client's UDP peer")
	equal(pair.served_udp.get_class(), "PacketPeerUDP", "the server's UDP peer")
	equal(pair.client.get_class(), "OpenSSLPacketPeerDTLS", "the client's DTLS peer")
	equal(pair.taken_statuses, [3, 1] as Array[int], "the peers taken")
	for size: int in [1, 1200, 16_384]:
		equal(pair.client.put_packet(Implementation.bytes(size)), OK, "put %d" % size)
		check(pair.packet_of(pair.served) == Implementation.bytes(size), "got %d" % size)
		equal(pair.served.put_packet(Implementation.bytes(size)), OK, "put %d back" % size)
		check(pair.packet_of(pair.client) == Implementation.bytes(size), "got %d back" % size)
	pair.client.disconnect_from_peer()
	check(pair.until(func() -> bool: return pair.served.get_status() == 0), "the server's peer sees the end")


func test_the_engines_udp_peer_closed_or_refused_beneath_ours() -> void:
	expect_errors(["the UDP peer beneath was closed"])
	var impl := EngineUdp.new(true)
	var pair := Pair.new(impl)
	check(pair.establish(), "connected")
	pair.client_udp.close()
	pair.client.poll()
	equal(pair.client.get_status(), 3, "closed")
	var gone := impl.bound_peer()
	var udp_peer := impl.connected_peer(gone.get_local_port())
	gone.close()
	var client := PacketPeerDTLS.new()
	equal(client.connect_to_peer(udp_peer, "localhost", TlsOptions.client_unsafe()), OK, "connect")
	Implementation.settle()
	client.poll()
	equal(client.get_status() as int, 1, "refused once: the handshake goes on, for a server may be about to start")


func test_the_engines_udp_server_freed_before_our_peers() -> void:
	var pair := Pair.new(EngineUdp.new(true))
	check(pair.establish(), "connected")
	pair.udp_server = null
	pair.served_udp = null
	pair.served.poll()
	equal(pair.served.get_status(), 3, "the server's peer")
	pair.served = null


func test_a_script_may_send_what_the_engines_udp_peer_logs() -> void:
	# The engine prints a warning when its queue is full, in the middle of our poll.
	if not CallbackLogger.is_possible() or not OS.has_feature("editor"):
		print("This engine has no script loggers, or does not warn.")
		return
	var pair := Pair.new(EngineUdp.new(true))
	check(pair.establish(), "connected")
	var logger := CallbackLogger.new(func() -> void:
		pair.client.get_status()
		pair.client.put_packet(Implementation.bytes(3)))
	for i in 100:
		pair.served.put_packet(Implementation.bytes(4000))
	Implementation.settle()
	pair.client.poll()
	logger.remove()
	check(logger.calls > 0, "it warned")
	check(pair.packet_of(pair.served) == Implementation.bytes(3), "what was sent from the logger arrives")


func test_our_client_and_the_engines_server() -> void:
	_exchange(Pair.new(Implementation.new(false)), Implementation.new(true))


func test_the_engines_client_and_our_server() -> void:
	_exchange(Pair.new(Implementation.new(true)), Implementation.new(false))


func _exchange(pair: Pair, client_impl: Implementation) -> void:
	pair.client_udp = client_impl.connected_peer(pair.udp_server.get_local_port())
	pair.client = client_impl.dtls_peer()
	check(pair.establish(), "connected")
	for size: int in [1, 1200, 16_384]:
		pair.client.put_packet(Implementation.bytes(size))
		check(pair.packet_of(pair.served) == Implementation.bytes(size), "got %d" % size)
		pair.served.put_packet(Implementation.bytes(size))
		check(pair.packet_of(pair.client) == Implementation.bytes(size), "got %d back" % size)
	pair.served.disconnect_from_peer()
	check(pair.until(func() -> bool: return pair.client.get_status() == 0), "the client sees the end")


func test_options_of_either_class_work_on_either_side() -> void:
	var key: CryptoKey = Implementation.identity().key
	var certificate: X509Certificate = Implementation.identity().certificate
	for server_options: RefCounted in [TLSOptions.server(key, certificate), OpenSSLTLSOptions.server(key, certificate)]:
		for client_options: RefCounted in [
			TLSOptions.client_unsafe(),
			OpenSSLTLSOptions.client_unsafe(),
			TLSOptions.client(certificate),
			OpenSSLTLSOptions.client(certificate, "localhost"),
		]:
			var server := DTLSServer.new()
			equal(server.setup(server_options), OK, "setup")
			var pair := Pair.new(Implementation.new(true), server)
			equal(pair.client.connect_to_peer(pair.client_udp, "localhost", client_options), OK, "connect")
			check(
					pair.until(pair.is_connected_through),
					"%s with %s" % [server_options.get_class(), client_options.get_class()])


func test_both_option_classes_return_what_they_were_given() -> void:
	var key: CryptoKey = Implementation.identity().key
	var certificate: X509Certificate = Implementation.identity().certificate
	for pair: Array in [
		[TLSOptions.client(), OpenSSLTLSOptions.client()],
		[TLSOptions.client(certificate), OpenSSLTLSOptions.client(certificate)],
		[TLSOptions.client(certificate, "name"), OpenSSLTLSOptions.client(certificate, "name")],
		[TLSOptions.client(null, "name"), OpenSSLTLSOptions.client(null, "name")],
		[TLSOptions.client_unsafe(), OpenSSLTLSOptions.client_unsafe()],
		[TLSOptions.client_unsafe(certificate), OpenSSLTLSOptions.client_unsafe(certificate)],
		[TLSOptions.server(key, certificate), OpenSSLTLSOptions.server(key, certificate)],
	]:
		var values := pair.map(func(options: RefCounted) -> Array:
			return [
				options.is_server(),
				options.is_unsafe_client(),
				options.get_common_name_override(),
				options.get_trusted_ca_chain() == certificate,
				options.get_private_key() == key,
				options.get_own_certificate() == certificate,
			])
		equal(values[1], values[0], "server, unsafe, name, chain, key, certificate")


func test_the_engines_dtls_classes_refuse_our_udp_peers() -> void:
	# Ours are PacketPeers, and not the engine's PacketPeerUDP, which its methods ask for.
	check(not ClassDB.is_parent_class("OpenSSLPacketPeerUDP", "PacketPeerUDP"), "ours is no PacketPeerUDP of the engine's")
	var base: PacketPeer = PacketPeerUDP.new()
	check(base is PacketPeer, "ours is a PacketPeer")
