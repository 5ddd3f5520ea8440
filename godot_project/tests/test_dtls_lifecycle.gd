## A DTLS connection from setup to its end has the codes and statuses of the engine's classes.
extends "res://tests/differential.gd"

const Pair := preload("res://tests/pair.gd")

const DISCONNECTED := 0
const HANDSHAKING := 1
const CONNECTED := 2
const ERROR := 3
const HOSTNAME_MISMATCH := 4


func test_a_handshake_goes_through_the_same_statuses() -> void:
	await compare(_handshake)


func _handshake(impl: Implementation) -> void:
	var pair := Pair.new(impl)
	impl.note("a new client", pair.client.get_status())
	impl.note("connect", pair.begin())
	impl.note("connecting", pair.client.get_status())
	impl.note("connected", pair.until(pair.is_connected_through))
	impl.note("the client's statuses", pair.client_statuses)
	impl.note("the server's peer's statuses", pair.served_statuses)
	impl.note("the peers taken: one for the cookie, one for good", pair.taken_statuses)
	pair.steps()
	impl.note("it stays", pair.statuses())


func test_setting_a_server_up() -> void:
	expect_errors(["ERR_INVALID_PARAMETER", "cookies->setup() != OK", "This cookie context is already in use", "it takes a server's options", "is set up already", "tls_options.is_null()", "call setup()", "p_udp_peer.is_null()", "it takes the UDP peer", "is_socket_connected()", "the UDP peer is not connected"])
	await compare(_set_up)


func _set_up(impl: Implementation) -> void:
	var server := impl.dtls_server()
	var udp_peer := impl.connected_peer(9)
	impl.note("take before setup", server.take_connection(udp_peer))
	impl.note("setup with null", server.setup(null))
	impl.note("setup with a client's options", server.setup(TLSOptions.client()))
	impl.note("setup", server.setup(Implementation.server_options()))
	impl.note("setup twice", server.setup(Implementation.server_options()))
	impl.note("take null", server.take_connection(null))
	var unconnected: PacketPeer = server.take_connection(impl.udp_peer())
	impl.note("take an unconnected peer", unconnected.get_status())
	var bound: PacketPeer = server.take_connection(impl.bound_peer())
	impl.note("take a bound peer", bound.get_status())


func test_bad_server_options_are_refused_at_setup() -> void:
	expect_errors(["hold no private key", "hold no certificate", "pkey.is_null() || certs.is_null()", "err != OK"])
	await compare(_set_up_badly, {
		"setup without a key": [OK, ERR_INVALID_PARAMETER, "the engine fails at the first client"],
		"setup without a certificate": [OK, ERR_INVALID_PARAMETER, "as above"],
	})


func _set_up_badly(impl: Implementation) -> void:
	var without_key := TLSOptions.server(null, Implementation.identity().certificate)
	var without_certificate := TLSOptions.server(Implementation.identity().key, null)
	var server := impl.dtls_server()
	impl.note("setup without a key", server.setup(without_key))
	var peer: PacketPeer = server.take_connection(impl.connected_peer(9))
	impl.note("take", [peer != null, peer.get_status() if peer else -1])
	impl.note("setup without a certificate", impl.dtls_server().setup(without_certificate))


func test_what_cannot_be_connected() -> void:
	expect_errors(["is_socket_connected()", "the first argument must be a PacketPeerUDP", "p_options->is_server()", "it takes a client's options", "err != OK"])
	await compare(_connect_badly)


func _connect_badly(impl: Implementation) -> void:
	var unsafe := TLSOptions.client_unsafe()
	var peer := impl.dtls_peer()
	impl.note("to null", peer.connect_to_peer(null, "localhost", unsafe))
	impl.note("to an unconnected peer", peer.connect_to_peer(impl.udp_peer(), "localhost", unsafe))
	impl.note("to a bound peer", peer.connect_to_peer(impl.bound_peer(), "localhost", unsafe))
	impl.note("with a server's options", peer.connect_to_peer(impl.connected_peer(9), "localhost", Implementation.server_options()))
	impl.note("its status", peer.get_status())


func test_objects_of_other_classes_are_refused_with_a_code() -> void:
	# The engine's own methods end the calling function with a script error.
	expect_errors(["the first argument must be a PacketPeerUDP", "it takes a client's options", "the second argument must be", "it takes a server's options", "it takes the UDP peer"])
	var node := Node.new()
	var udp_peer := PacketPeerUDP.new()
	udp_peer.connect_to_host("127.0.0.1", 9)
	for wrong: Variant in [42, "peer", node, StreamPeerTCP.new(), PacketPeerStream.new()]:
		equal(PacketPeerDTLS.new().connect_to_peer(wrong, "localhost"), ERR_INVALID_PARAMETER, "connect to %s" % wrong)
		equal(DTLSServer.new().setup(wrong), ERR_INVALID_PARAMETER, "setup with %s" % wrong)
		var server := DTLSServer.new()
		server.setup(Implementation.server_options())
		check(server.take_connection(wrong) == null, "take %s" % wrong)
		equal(PacketPeerDTLS.new().connect_to_peer(udp_peer, "localhost", wrong), ERR_INVALID_PARAMETER, "options %s" % wrong)
	equal(PacketPeerDTLS.new().connect_to_peer(udp_peer, 42), ERR_INVALID_PARAMETER, "host name 42")
	node.free()


func test_calls_before_connecting_do_nothing() -> void:
	expect_errors(["status != STATUS_CONNECTED", "the peer is not connected", "err != OK"])
	await compare(_call_early)


func _call_early(impl: Implementation) -> void:
	var peer := impl.dtls_peer()
	peer.poll()
	peer.disconnect_from_peer()
	impl.note("status", peer.get_status())
	impl.note("packets", peer.get_available_packet_count())
	impl.note("put", peer.put_packet(Implementation.bytes(3)))
	impl.note("put nothing", peer.put_packet(PackedByteArray()))
	impl.note("put a variant", peer.put_var(1))
	impl.note("get", [peer.get_packet(), peer.get_packet_error()])
	impl.note("get a variant", peer.get_var())
	var pair := Pair.new(impl)
	pair.begin()
	impl.note("handshaking: packets", pair.client.get_available_packet_count())
	impl.note("handshaking: put", pair.client.put_packet(Implementation.bytes(3)))
	impl.note("handshaking: get", [pair.client.get_packet(), pair.client.get_packet_error()])
	impl.note("handshaking: status", pair.client.get_status())
	impl.note("it connects all the same", pair.until(pair.is_connected_through))


func test_connecting_while_connected() -> void:
	expect_errors(["This SSL context is already active", "err != OK", "this peer has a connection"])
	await compare(_connect_twice)


func _connect_twice(impl: Implementation) -> void:
	var pair := Pair.new(impl)
	pair.begin()
	impl.note("while handshaking", pair.begin())
	impl.note("the handshake goes on", pair.until(pair.is_connected_through))
	impl.note("while connected", pair.begin())
	impl.note("the connection stays", pair.statuses())
	pair.client.put_packet(Implementation.bytes(5))
	impl.note("and works", pair.packet_of(pair.served))


func test_the_client_ends_the_connection() -> void:
	expect_errors(["status != STATUS_CONNECTED", "the peer is not connected"])
	await compare(_client_ends)


func _client_ends(impl: Implementation) -> void:
	var pair := Pair.new(impl)
	impl.note("connected", pair.establish())
	pair.client.disconnect_from_peer()
	impl.note("the client", pair.client.get_status())
	var is_over := func() -> bool: return pair.served.get_status() != CONNECTED
	impl.note("the server sees it", pair.until(is_over))
	impl.note("statuses", pair.statuses())
	impl.note("the server's peer's statuses", pair.served_statuses)
	impl.note("put", [pair.client.put_packet(Implementation.bytes(3)), pair.served.put_packet(Implementation.bytes(3))])
	impl.note("get", [pair.served.get_packet(), pair.served.get_packet_error()])
	impl.note("packets", pair.served.get_available_packet_count())
	pair.client.disconnect_from_peer()
	pair.served.disconnect_from_peer()
	impl.note("ending twice", pair.statuses())
	impl.note("the UDP peers stay", [pair.client_udp.is_socket_connected(), pair.served_udp.is_socket_connected()])


func test_the_server_ends_the_connection_with_packets_on_the_way() -> void:
	await compare(_server_ends)


func _server_ends(impl: Implementation) -> void:
	var pair := Pair.new(impl)
	impl.note("connected", pair.establish())
	pair.steps()
	pair.served.put_packet(Implementation.bytes(5, 1))
	pair.served.disconnect_from_peer()
	Implementation.settle()
	pair.client.poll()
	impl.note("the packet before the end", [pair.client.get_available_packet_count(), pair.client.get_packet()])
	var is_over := func() -> bool: return pair.client.get_status() != CONNECTED
	impl.note("the end", [pair.until(is_over), pair.client.get_status()])


func test_the_end_is_seen_by_get_packet() -> void:
	await compare(func(impl: Implementation) -> void:
		var pair := Pair.new(impl)
		impl.note("connected", pair.establish())
		pair.steps()
		pair.served.disconnect_from_peer()
		Implementation.settle()
		impl.note("get", [pair.client.get_packet(), pair.client.get_packet_error()])
		impl.note("status", pair.client.get_status()))


func test_a_freed_peer_closes_its_connection() -> void:
	await compare(func(impl: Implementation) -> void:
		var pair := Pair.new(impl)
		impl.note("connected", pair.establish())
		pair.steps()
		pair.served = null
		Implementation.settle()
		pair.client.poll()
		impl.note("status", pair.client.get_status()))


func test_the_same_objects_connect_again() -> void:
	await compare(_reconnect)


func _reconnect(impl: Implementation) -> void:
	var pair := Pair.new(impl)
	for round_number in 3:
		impl.note("connect %d" % round_number, pair.begin())
		impl.note("connected %d" % round_number, pair.until(pair.is_connected_through))
		pair.client.put_packet(Implementation.bytes(5, round_number))
		impl.note("packet %d" % round_number, pair.packet_of(pair.served))
		pair.client.disconnect_from_peer()
		var is_over := func() -> bool: return pair.served.get_status() != CONNECTED
		impl.note("ended %d" % round_number, [pair.until(is_over), pair.statuses()])
		# Freeing the peers removes the client's address from the server, so that its next hello makes a new peer.
		pair.served = null
		pair.served_udp = null
	impl.note("statuses", pair.client_statuses)


func test_ending_while_handshaking() -> void:
	await compare(_end_early)


func _end_early(impl: Implementation) -> void:
	var pair := Pair.new(impl)
	pair.begin()
	pair.client.disconnect_from_peer()
	impl.note("client", pair.client.get_status())
	pair.steps()
	impl.note("the server has no peer", pair.served == null)
	impl.note("connect again", pair.establish())
	var late := Pair.new(impl)
	late.begin()
	late.until(func() -> bool: return late.served != null)
	late.served.disconnect_from_peer()
	impl.note("the server's peer", late.served.get_status())
	late.served.poll()
	impl.note("and after a poll", late.served.get_status())


func test_the_udp_peers_are_freed_before_the_dtls_peers() -> void:
	await compare(func(impl: Implementation) -> void:
		var pair := Pair.new(impl)
		impl.note("connected", pair.establish())
		pair.client_udp = null
		pair.served_udp = null
		pair.client.put_packet(Implementation.bytes(5))
		impl.note("they are still in use", pair.packet_of(pair.served))
		pair.client = null
		pair.served = null)


func test_the_udp_peer_outlives_the_dtls_peer() -> void:
	await compare(func(impl: Implementation) -> void:
		var pair := Pair.new(impl)
		impl.note("connected", pair.establish())
		pair.client = impl.dtls_peer()
		pair.served = null
		impl.note("udp", [pair.client_udp.is_socket_connected(), pair.served_udp.is_socket_connected()])
		impl.note("plain packets", pair.client_udp.put_packet(Implementation.bytes(3))))


func test_a_closed_udp_peer_ends_the_connection() -> void:
	expect_errors(["-0x6C00", "TLS handshake error", "mbedtls error", "the UDP peer beneath was closed"])
	await compare(_close_beneath)


func _close_beneath(impl: Implementation) -> void:
	var pair := Pair.new(impl)
	pair.begin()
	pair.client_udp.close()
	pair.client.poll()
	impl.note("while handshaking", pair.client.get_status())
	var other := Pair.new(impl)
	impl.note("connected", other.establish())
	other.client_udp.close()
	other.client.poll()
	impl.note("while connected", other.client.get_status())
	other.served_udp.close()
	other.served.poll()
	impl.note("the server's", other.served.get_status())
	var third := Pair.new(impl)
	third.establish()
	third.udp_server.stop()
	third.served.poll()
	impl.note("after the server has stopped", third.served.get_status())


func test_the_servers_are_freed_before_the_peers() -> void:
	expect_errors(["-0x6C00", "mbedtls error"])
	await compare(_free_servers)


func _free_servers(impl: Implementation) -> void:
	var pair := Pair.new(impl)
	impl.note("connected", pair.establish())
	pair.dtls_server = null
	pair.client.put_packet(Implementation.bytes(5))
	impl.note("the DTLS server is not needed any more", pair.packet_of(pair.served))
	pair.udp_server = null
	pair.served.poll()
	impl.note("the UDP server is", pair.served.get_status())


func test_a_dtls_server_freed_during_handshakes() -> void:
	# The engine's peers would use the server's freed cookie context.
	var impl := Implementation.new(true)
	var pair := Pair.new(impl)
	pair.begin()
	pair.until(func() -> bool: return pair.served != null)
	pair.dtls_server = null
	check(pair.until(pair.is_connected_through), "they connect")


## Makes objects of the engine's UDP classes and of our DTLS classes, as a script does with the drop-in off.
class EngineUdp extends Implementation:
	func udp_peer() -> PacketPeer:
		return ClassDB.instantiate("PacketPeerUDP")

	func udp_server() -> RefCounted:
		return ClassDB.instantiate("UDPServer")


func test_a_port_without_a_server() -> void:
	expect_errors(["-0x6C00", "TLS handshake error", "mbedtls error"])
	const TOO_EARLY := "on the loopback the refusal reaches the engine within connect_to_peer(), where it takes each failure for a wrong host name"
	const STARTING := "a server may be about to start, as when the editor runs several instances: ours tries again a second later"
	await compare(_be_refused, {
		"connect": [FAILED, OK, TOO_EARLY],
		"connecting": [HOSTNAME_MISMATCH, HANDSHAKING, TOO_EARLY],
		"refused": [HOSTNAME_MISMATCH, HANDSHAKING, STARTING],
		"after disconnect_from_peer()": [HOSTNAME_MISMATCH, DISCONNECTED, STARTING],
	})


func _be_refused(impl: Implementation) -> void:
	var gone := impl.bound_peer()
	var udp_peer := impl.connected_peer(gone.get_local_port())
	gone.close()
	var client := impl.dtls_peer()
	impl.note("connect", client.connect_to_peer(udp_peer, "localhost", TLSOptions.client_unsafe()))
	impl.note("connecting", client.get_status())
	Implementation.settle()
	client.poll()
	impl.note("refused", client.get_status())
	client.disconnect_from_peer()
	impl.note("after disconnect_from_peer()", client.get_status())
	var pair := Pair.new(impl)
	impl.note("the same object connects to another", client.connect_to_peer(pair.client_udp, "localhost", TLSOptions.client_unsafe()))
	pair.client = client
	impl.note("connected", pair.until(pair.is_connected_through))


func test_a_server_on_every_address_is_reached_at_each() -> void:
	if OS.get_name() != "Linux":
		print("only Linux has all of 127.0.0.0/8: not checked")
		return
	var impl := Implementation.new(true)
	var pair := Pair.new(impl)
	pair.udp_server.stop()
	equal(pair.udp_server.listen(0), OK, "listen")
	var port: int = pair.udp_server.get_local_port()
	for address: String in ["127.0.0.5", "127.0.0.1", "127.8.0.1"]:
		pair.client_udp = impl.connected_peer(port, address)
		pair.client = impl.dtls_peer()
		pair.served = null
		check(pair.establish(), "connected to %s" % address)
		pair.served.put_packet(Implementation.bytes(9))
		equal(pair.packet_of(pair.client), Implementation.bytes(9), "from %s" % address)


## When a client sends its hello again, in seconds; how it treats refusals does not depend on it.
const RETRANSMISSION_TIMEOUTS: Array[float] = [0.05, 1.0, 60.0]


func test_a_second_refusal_a_second_later_ends_the_handshake() -> void:
	for impl: Implementation in [Implementation.new(true), EngineUdp.new(true)]:
		for retransmission: float in RETRANSMISSION_TIMEOUTS:
			expect_error("PacketPeerDTLS: nobody listens ")
			var gone := impl.bound_peer()
			var port: int = gone.get_local_port()
			var udp_peer := impl.connected_peer(port)
			gone.close()
			var client := impl.dtls_peer()
			client.retransmission_timeout = retransmission
			equal(client.connect_to_peer(udp_peer, "localhost", TLSOptions.client_unsafe()), OK, "connect")
			var begin := Time.get_ticks_msec()
			var is_over := func() -> bool:
				client.poll()
				return client.get_status() != HANDSHAKING
			check(await until(is_over, 10.0), "it ends")
			var spent := Time.get_ticks_msec() - begin
			equal(client.get_status() as int, ERROR, "the status")
			check(spent >= 1000 and spent < TimeLimit.scaled(1700), "after a second: %d ms with %f" % [spent, retransmission])
			# The same objects connect to a server that is there by now.
			var pair := Pair.new(impl)
			pair.udp_server.stop()
			equal(pair.udp_server.listen(port, Implementation.LOOPBACK), OK, "listen")
			pair.client = client
			pair.client_udp = udp_peer
			check(pair.establish(), "they connect")


func test_a_server_that_starts_within_a_second_is_reached() -> void:
	for impl: Implementation in [Implementation.new(true), EngineUdp.new(true)]:
		for retransmission: float in RETRANSMISSION_TIMEOUTS:
			for seconds: float in [0.1, 0.8]:
				var gone := impl.bound_peer()
				var port: int = gone.get_local_port()
				var udp_peer := impl.connected_peer(port)
				gone.close()
				var client := impl.dtls_peer()
				client.retransmission_timeout = retransmission
				equal(client.connect_to_peer(udp_peer, "localhost", TLSOptions.client_unsafe()), OK, "connect")
				var waits := Time.get_ticks_msec() + int(seconds * 1000)
				await until(func() -> bool:
					client.poll()
					return Time.get_ticks_msec() >= waits)
				equal(client.get_status() as int, HANDSHAKING, "still")
				var pair := Pair.new(impl)
				pair.udp_server.stop()
				equal(pair.udp_server.listen(port, Implementation.LOOPBACK), OK, "listen, later")
				pair.client = client
				check(await until(func() -> bool:
					pair.step()
					return pair.is_connected_through()), "they connect: %f, %f" % [retransmission, seconds])


func test_a_server_that_vanishes() -> void:
	expect_errors(["-0x6C00", "mbedtls error", "nobody listens at 127.0.0.1:"])
	await compare(func(impl: Implementation) -> void:
		var pair := Pair.new(impl)
		impl.note("connected", pair.establish())
		pair.udp_server.stop()
		pair.served_udp = null
		pair.client.put_packet(Implementation.bytes(3))
		Implementation.settle()
		pair.client.poll()
		impl.note("status", pair.client.get_status()))


func test_a_datagram_that_is_not_dtls_makes_no_connection() -> void:
	expect_errors(["TLS handshake error", "mbedtls error", "what it sent is not DTLS"])
	await compare(func(impl: Implementation) -> void:
		var pair := Pair.new(impl)
		pair.client_udp.put_packet("hello, who are you?".to_utf8_buffer())
		Implementation.settle()
		pair.udp_server.poll()
		var peer: PacketPeer = pair.dtls_server.take_connection(pair.udp_server.take_connection())
		impl.note("status", peer.get_status())
		impl.note("a client connects all the same", Pair.new(impl).establish()))
