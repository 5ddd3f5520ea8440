## A DTLS connection's life, from setup to the end, goes as with the engine's classes.
extends "res://tests/differential.gd"

const Pair := preload("res://tests/pair.gd")

const DISCONNECTED := 0
const HANDSHAKING := 1
const CONNECTED := 2
const ERROR := 3
const HOSTNAME_MISMATCH := 4


func test_a_handshake_goes_through_the_same_statuses() -> void:
	await compare(_handshake)


func _handshake(kit: Kit) -> void:
	var pair := Pair.new(kit)
	kit.note("a new client", pair.client.get_status())
	kit.note("connect", pair.begin())
	kit.note("connecting", pair.client.get_status())
	kit.note("connected", pair.until(pair.is_connected_through))
	kit.note("the client's statuses", pair.client_statuses)
	kit.note("the server's peer's statuses", pair.served_statuses)
	kit.note("the peers taken: one for the cookie, one for good", pair.taken_statuses)
	pair.steps()
	kit.note("it stays", pair.statuses())


func test_setting_a_server_up() -> void:
	expect_errors(["ERR_INVALID_PARAMETER", "cookies->setup() != OK", "This cookie context is already in use", "it takes a server's options", "is set up already", "tls_options.is_null()", "call setup()", "p_udp_peer.is_null()", "it takes the UDP peer", "is_socket_connected()", "the UDP peer is not connected"])
	await compare(_set_up)


func _set_up(kit: Kit) -> void:
	var server := kit.dtls_server()
	var udp_peer := kit.connected_peer(9)
	kit.note("take before setup", server.take_connection(udp_peer))
	kit.note("setup with null", server.setup(null))
	kit.note("setup with a client's options", server.setup(TLSOptions.client()))
	kit.note("setup", server.setup(Kit.server_options()))
	kit.note("setup twice", server.setup(Kit.server_options()))
	kit.note("take null", server.take_connection(null))
	var unconnected: PacketPeer = server.take_connection(kit.udp_peer())
	kit.note("take an unconnected peer", unconnected.get_status())
	var bound: PacketPeer = server.take_connection(kit.bound_peer())
	kit.note("take a bound peer", bound.get_status())


func test_bad_server_options_are_refused_at_setup() -> void:
	expect_errors(["hold no private key", "hold no certificate", "pkey.is_null() || certs.is_null()", "err != OK"])
	await compare(_set_up_badly, {
		"setup without a key": [OK, ERR_INVALID_PARAMETER, "the engine finds out when the first client comes"],
		"setup without a certificate": [OK, ERR_INVALID_PARAMETER, "as above"],
	})


func _set_up_badly(kit: Kit) -> void:
	var without_key := TLSOptions.server(null, Kit.identity().certificate)
	var without_certificate := TLSOptions.server(Kit.identity().key, null)
	var server := kit.dtls_server()
	kit.note("setup without a key", server.setup(without_key))
	var peer: PacketPeer = server.take_connection(kit.connected_peer(9))
	kit.note("take", [peer != null, peer.get_status() if peer else -1])
	kit.note("setup without a certificate", kit.dtls_server().setup(without_certificate))


func test_what_cannot_be_connected() -> void:
	expect_errors(["is_socket_connected()", "the first argument must be a PacketPeerUDP", "p_options->is_server()", "it takes a client's options", "err != OK"])
	await compare(_connect_badly)


func _connect_badly(kit: Kit) -> void:
	var unsafe := TLSOptions.client_unsafe()
	var peer := kit.dtls_peer()
	kit.note("to null", peer.connect_to_peer(null, "localhost", unsafe))
	kit.note("to an unconnected peer", peer.connect_to_peer(kit.udp_peer(), "localhost", unsafe))
	kit.note("to a bound peer", peer.connect_to_peer(kit.bound_peer(), "localhost", unsafe))
	kit.note("with a server's options", peer.connect_to_peer(kit.connected_peer(9), "localhost", Kit.server_options()))
	kit.note("its status", peer.get_status())


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
		server.setup(Kit.server_options())
		check(server.take_connection(wrong) == null, "take %s" % wrong)
		equal(PacketPeerDTLS.new().connect_to_peer(udp_peer, "localhost", wrong), ERR_INVALID_PARAMETER, "options %s" % wrong)
	equal(PacketPeerDTLS.new().connect_to_peer(udp_peer, 42), ERR_INVALID_PARAMETER, "host name 42")
	node.free()


func test_calls_before_connecting_do_nothing() -> void:
	expect_errors(["status != STATUS_CONNECTED", "the peer is not connected", "err != OK"])
	await compare(_call_early)


func _call_early(kit: Kit) -> void:
	var peer := kit.dtls_peer()
	peer.poll()
	peer.disconnect_from_peer()
	kit.note("status", peer.get_status())
	kit.note("packets", peer.get_available_packet_count())
	kit.note("put", peer.put_packet(Kit.bytes(3)))
	kit.note("put nothing", peer.put_packet(PackedByteArray()))
	kit.note("put a variant", peer.put_var(1))
	kit.note("get", [peer.get_packet(), peer.get_packet_error()])
	kit.note("get a variant", peer.get_var())
	var pair := Pair.new(kit)
	pair.begin()
	kit.note("handshaking: packets", pair.client.get_available_packet_count())
	kit.note("handshaking: put", pair.client.put_packet(Kit.bytes(3)))
	kit.note("handshaking: get", [pair.client.get_packet(), pair.client.get_packet_error()])
	kit.note("handshaking: status", pair.client.get_status())
	kit.note("it connects all the same", pair.until(pair.is_connected_through))


func test_connecting_while_connected() -> void:
	expect_errors(["This SSL context is already active", "err != OK", "this peer has a connection"])
	await compare(_connect_twice)


func _connect_twice(kit: Kit) -> void:
	var pair := Pair.new(kit)
	pair.begin()
	kit.note("while handshaking", pair.begin())
	kit.note("the handshake goes on", pair.until(pair.is_connected_through))
	kit.note("while connected", pair.begin())
	kit.note("the connection stays", pair.statuses())
	pair.client.put_packet(Kit.bytes(5))
	kit.note("and works", pair.packet_of(pair.served))


func test_the_client_ends_the_connection() -> void:
	expect_errors(["status != STATUS_CONNECTED", "the peer is not connected"])
	await compare(_client_ends)


func _client_ends(kit: Kit) -> void:
	var pair := Pair.new(kit)
	kit.note("connected", pair.establish())
	pair.client.disconnect_from_peer()
	kit.note("the client", pair.client.get_status())
	var is_over := func() -> bool: return pair.served.get_status() != CONNECTED
	kit.note("the server sees it", pair.until(is_over))
	kit.note("statuses", pair.statuses())
	kit.note("the server's peer's statuses", pair.served_statuses)
	kit.note("put", [pair.client.put_packet(Kit.bytes(3)), pair.served.put_packet(Kit.bytes(3))])
	kit.note("get", [pair.served.get_packet(), pair.served.get_packet_error()])
	kit.note("packets", pair.served.get_available_packet_count())
	pair.client.disconnect_from_peer()
	pair.served.disconnect_from_peer()
	kit.note("ending twice", pair.statuses())
	kit.note("the UDP peers stay", [pair.client_udp.is_socket_connected(), pair.served_udp.is_socket_connected()])


func test_the_server_ends_the_connection_with_packets_on_the_way() -> void:
	await compare(_server_ends)


func _server_ends(kit: Kit) -> void:
	var pair := Pair.new(kit)
	kit.note("connected", pair.establish())
	pair.steps()
	pair.served.put_packet(Kit.bytes(5, 1))
	pair.served.disconnect_from_peer()
	Kit.settle()
	pair.client.poll()
	kit.note("the packet before the end", [pair.client.get_available_packet_count(), pair.client.get_packet()])
	var is_over := func() -> bool: return pair.client.get_status() != CONNECTED
	kit.note("the end", [pair.until(is_over), pair.client.get_status()])


func test_the_end_is_seen_by_get_packet() -> void:
	await compare(func(kit: Kit) -> void:
		var pair := Pair.new(kit)
		kit.note("connected", pair.establish())
		pair.steps()
		pair.served.disconnect_from_peer()
		Kit.settle()
		kit.note("get", [pair.client.get_packet(), pair.client.get_packet_error()])
		kit.note("status", pair.client.get_status()))


func test_a_freed_peer_says_goodbye() -> void:
	await compare(func(kit: Kit) -> void:
		var pair := Pair.new(kit)
		kit.note("connected", pair.establish())
		pair.steps()
		pair.served = null
		Kit.settle()
		pair.client.poll()
		kit.note("status", pair.client.get_status()))


func test_the_same_objects_connect_again() -> void:
	await compare(_reconnect)


func _reconnect(kit: Kit) -> void:
	var pair := Pair.new(kit)
	for round_number in 3:
		kit.note("connect %d" % round_number, pair.begin())
		kit.note("connected %d" % round_number, pair.until(pair.is_connected_through))
		pair.client.put_packet(Kit.bytes(5, round_number))
		kit.note("packet %d" % round_number, pair.packet_of(pair.served))
		pair.client.disconnect_from_peer()
		var is_over := func() -> bool: return pair.served.get_status() != CONNECTED
		kit.note("ended %d" % round_number, [pair.until(is_over), pair.statuses()])
		# The server forgets the client's address, so that its next hello makes a new peer.
		pair.served = null
		pair.served_udp = null
	kit.note("statuses", pair.client_statuses)


func test_ending_while_handshaking() -> void:
	await compare(_end_early)


func _end_early(kit: Kit) -> void:
	var pair := Pair.new(kit)
	pair.begin()
	pair.client.disconnect_from_peer()
	kit.note("client", pair.client.get_status())
	pair.steps()
	kit.note("the server has nobody", pair.served == null)
	kit.note("connect again", pair.establish())
	var late := Pair.new(kit)
	late.begin()
	late.until(func() -> bool: return late.served != null)
	late.served.disconnect_from_peer()
	kit.note("the server's peer", late.served.get_status())
	late.served.poll()
	kit.note("and after a poll", late.served.get_status())


func test_the_udp_peers_go_before_the_dtls_peers() -> void:
	await compare(func(kit: Kit) -> void:
		var pair := Pair.new(kit)
		kit.note("connected", pair.establish())
		pair.client_udp = null
		pair.served_udp = null
		pair.client.put_packet(Kit.bytes(5))
		kit.note("they are still in use", pair.packet_of(pair.served))
		pair.client = null
		pair.served = null)


func test_the_udp_peer_outlives_the_dtls_peer() -> void:
	await compare(func(kit: Kit) -> void:
		var pair := Pair.new(kit)
		kit.note("connected", pair.establish())
		pair.client = kit.dtls_peer()
		pair.served = null
		kit.note("udp", [pair.client_udp.is_socket_connected(), pair.served_udp.is_socket_connected()])
		kit.note("plain packets", pair.client_udp.put_packet(Kit.bytes(3))))


func test_a_closed_udp_peer_ends_the_connection() -> void:
	expect_errors(["-0x6C00", "TLS handshake error", "mbedtls error", "the UDP peer beneath was closed"])
	await compare(_close_beneath)


func _close_beneath(kit: Kit) -> void:
	var pair := Pair.new(kit)
	pair.begin()
	pair.client_udp.close()
	pair.client.poll()
	kit.note("while handshaking", pair.client.get_status())
	var other := Pair.new(kit)
	kit.note("connected", other.establish())
	other.client_udp.close()
	other.client.poll()
	kit.note("while connected", other.client.get_status())
	other.served_udp.close()
	other.served.poll()
	kit.note("the server's", other.served.get_status())
	var third := Pair.new(kit)
	third.establish()
	third.udp_server.stop()
	third.served.poll()
	kit.note("after the server has stopped", third.served.get_status())


func test_the_servers_go_before_the_peers() -> void:
	expect_errors(["-0x6C00", "mbedtls error"])
	await compare(_free_servers)


func _free_servers(kit: Kit) -> void:
	var pair := Pair.new(kit)
	kit.note("connected", pair.establish())
	pair.dtls_server = null
	pair.client.put_packet(Kit.bytes(5))
	kit.note("the DTLS server is not needed any more", pair.packet_of(pair.served))
	pair.udp_server = null
	pair.served.poll()
	kit.note("the UDP server is", pair.served.get_status())


func test_a_dtls_server_freed_while_its_clients_shake_hands() -> void:
	# The engine's peers would use the server's freed cookie context.
	var kit := Kit.new(true)
	var pair := Pair.new(kit)
	pair.begin()
	pair.until(func() -> bool: return pair.served != null)
	pair.dtls_server = null
	check(pair.until(pair.is_connected_through), "they connect")


## Makes objects of the engine's UDP classes and of our DTLS classes, as a script does with the drop-in off.
class EngineUdp extends Kit:
	func udp_peer() -> PacketPeer:
		return ClassDB.instantiate("PacketPeerUDP")

	func udp_server() -> RefCounted:
		return ClassDB.instantiate("UDPServer")


func test_a_port_where_nobody_listens() -> void:
	expect_errors(["-0x6C00", "TLS handshake error", "mbedtls error"])
	const TOO_EARLY := "on the loopback the engine hears the answer within connect_to_peer(), and takes each failure there for a wrong host name"
	const STARTING := "a server may be about to start, as when the editor runs several instances: ours tries again a second later"
	await compare(_be_refused, {
		"connect": [FAILED, OK, TOO_EARLY],
		"connecting": [HOSTNAME_MISMATCH, HANDSHAKING, TOO_EARLY],
		"refused": [HOSTNAME_MISMATCH, HANDSHAKING, STARTING],
		"after disconnect_from_peer()": [HOSTNAME_MISMATCH, DISCONNECTED, STARTING],
	})


func _be_refused(kit: Kit) -> void:
	var gone := kit.bound_peer()
	var udp_peer := kit.connected_peer(gone.get_local_port())
	gone.close()
	var client := kit.dtls_peer()
	kit.note("connect", client.connect_to_peer(udp_peer, "localhost", TLSOptions.client_unsafe()))
	kit.note("connecting", client.get_status())
	Kit.settle()
	client.poll()
	kit.note("refused", client.get_status())
	client.disconnect_from_peer()
	kit.note("after disconnect_from_peer()", client.get_status())
	var pair := Pair.new(kit)
	kit.note("the same object connects to another", client.connect_to_peer(pair.client_udp, "localhost", TLSOptions.client_unsafe()))
	pair.client = client
	kit.note("connected", pair.until(pair.is_connected_through))


func test_a_server_on_every_address_is_reached_at_each() -> void:
	if OS.get_name() != "Linux":
		print("only Linux has all of 127.0.0.0/8: not checked")
		return
	var kit := Kit.new(true)
	var pair := Pair.new(kit)
	pair.udp_server.stop()
	equal(pair.udp_server.listen(0), OK, "listen")
	var port: int = pair.udp_server.get_local_port()
	for address: String in ["127.0.0.5", "127.0.0.1", "127.8.0.1"]:
		pair.client_udp = kit.connected_peer(port, address)
		pair.client = kit.dtls_peer()
		pair.served = null
		check(pair.establish(), "connected to %s" % address)
		pair.served.put_packet(Kit.bytes(9))
		equal(pair.packet_of(pair.client), Kit.bytes(9), "from %s" % address)


## How often a client sends its hello again; what it makes of refusals does not depend on it.
const RETRANSMISSION_TIMEOUTS: Array[float] = [0.05, 1.0, 60.0]


func test_a_second_refusal_a_second_later_ends_the_handshake() -> void:
	for kit: Kit in [Kit.new(true), EngineUdp.new(true)]:
		for retransmission: float in RETRANSMISSION_TIMEOUTS:
			expect_error("PacketPeerDTLS: nobody listens ")
			var gone := kit.bound_peer()
			var port: int = gone.get_local_port()
			var udp_peer := kit.connected_peer(port)
			gone.close()
			var client := kit.dtls_peer()
			client.retransmission_timeout = retransmission
			equal(client.connect_to_peer(udp_peer, "localhost", TLSOptions.client_unsafe()), OK, "connect")
			var begin := Time.get_ticks_msec()
			var is_over := func() -> bool:
				client.poll()
				return client.get_status() != HANDSHAKING
			check(await until(is_over, 10.0), "it ends")
			var spent := Time.get_ticks_msec() - begin
			equal(client.get_status() as int, ERROR, "the status")
			check(spent >= 1000 and spent < 1700, "after a second: %d ms with %f" % [spent, retransmission])
			# The same objects connect to a server that is there by now.
			var pair := Pair.new(kit)
			pair.udp_server.stop()
			equal(pair.udp_server.listen(port, Kit.LOOPBACK), OK, "listen")
			pair.client = client
			pair.client_udp = udp_peer
			check(pair.establish(), "they connect")


func test_a_server_that_starts_within_a_second_is_reached() -> void:
	for kit: Kit in [Kit.new(true), EngineUdp.new(true)]:
		for retransmission: float in RETRANSMISSION_TIMEOUTS:
			for seconds: float in [0.1, 0.8]:
				var gone := kit.bound_peer()
				var port: int = gone.get_local_port()
				var udp_peer := kit.connected_peer(port)
				gone.close()
				var client := kit.dtls_peer()
				client.retransmission_timeout = retransmission
				equal(client.connect_to_peer(udp_peer, "localhost", TLSOptions.client_unsafe()), OK, "connect")
				var waits := Time.get_ticks_msec() + int(seconds * 1000)
				await until(func() -> bool:
					client.poll()
					return Time.get_ticks_msec() >= waits)
				equal(client.get_status() as int, HANDSHAKING, "still")
				var pair := Pair.new(kit)
				pair.udp_server.stop()
				equal(pair.udp_server.listen(port, Kit.LOOPBACK), OK, "listen, later")
				pair.client = client
				check(await until(func() -> bool:
					pair.step()
					return pair.is_connected_through()), "they connect: %f, %f" % [retransmission, seconds])


func test_a_server_that_vanishes() -> void:
	expect_errors(["-0x6C00", "mbedtls error", "nobody listens there any more"])
	await compare(func(kit: Kit) -> void:
		var pair := Pair.new(kit)
		kit.note("connected", pair.establish())
		pair.udp_server.stop()
		pair.served_udp = null
		pair.client.put_packet(Kit.bytes(3))
		Kit.settle()
		pair.client.poll()
		kit.note("status", pair.client.get_status()))


func test_a_stranger_who_does_not_speak_dtls() -> void:
	expect_errors(["TLS handshake error", "mbedtls error"])
	await compare(func(kit: Kit) -> void:
		var pair := Pair.new(kit)
		pair.client_udp.put_packet("hello, who are you?".to_utf8_buffer())
		Kit.settle()
		pair.udp_server.poll()
		var peer: PacketPeer = pair.dtls_server.take_connection(pair.udp_server.take_connection())
		kit.note("status", peer.get_status())
		kit.note("a client connects all the same", Pair.new(kit).establish()))
