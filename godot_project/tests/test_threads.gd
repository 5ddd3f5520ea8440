## Objects of ours are used from many threads at once, as the engine's may be.
##
## OPENSSL_DTLS_STRESS_SECONDS sets how long each stress lasts; by default the suite is over in a few seconds.
extends "res://tests/differential.gd"

const Pair := preload("res://tests/pair.gd")
const CallbackLogger := preload("res://tests/callback_logger.gd")
const TIME_LIMIT := 600

var _seconds := 1.5


func _init() -> void:
	var asked := OS.get_environment("OPENSSL_DTLS_STRESS_SECONDS")
	if asked.is_valid_float():
		_seconds = asked.to_float()
	test_seconds = 30.0 + 2.0 * _seconds


## A server that polls and answers in a thread of its own, until stop() is called.
class EchoServer:
	var port: int
	var sessions := 0
	var echoed := 0
	var _udp := UDPServer.new()
	var _dtls := DTLSServer.new()
	var _peers: Array[PacketPeerDTLS] = []
	var _thread := Thread.new()
	var _stopping := false

	func _init() -> void:
		_udp.max_pending_connections = 100
		_udp.listen(0, "127.0.0.1")
		port = _udp.get_local_port()
		_dtls.setup(TLSOptions.server(Implementation.identity().key, Implementation.identity().certificate))
		_thread.start(_run)

	func _run() -> void:
		while not _stopping:
			_udp.poll()
			while _udp.is_connection_available():
				var peer := _dtls.take_connection(_udp.take_connection())
				if peer.get_status() == PacketPeerDTLS.STATUS_HANDSHAKING:
					sessions += 1
					_peers.append(peer)
			for peer in _peers:
				peer.poll()
				while peer.get_available_packet_count() > 0:
					peer.put_packet(peer.get_packet())
					echoed += 1
			_peers.assign(_peers.filter(_is_live))
			OS.delay_usec(200)

	func _is_live(peer: PacketPeerDTLS) -> bool:
		return peer.get_status() == PacketPeerDTLS.STATUS_HANDSHAKING or peer.get_status() == PacketPeerDTLS.STATUS_CONNECTED

	func stop() -> void:
		_stopping = true
		_thread.wait_to_finish()


## A client's connection to a local port, made in whatever thread calls this; null if it fails.
static func _connect_to(port: int) -> PacketPeerDTLS:
	var udp_peer := PacketPeerUDP.new()
	udp_peer.connect_to_host("127.0.0.1", port)
	var peer := PacketPeerDTLS.new()
	peer.connect_to_peer(udp_peer, "localhost", TLSOptions.client_unsafe())
	var deadline := TimeLimit.deadline(20_000)
	while peer.get_status() == PacketPeerDTLS.STATUS_HANDSHAKING and Time.get_ticks_msec() < deadline:
		peer.poll()
		OS.delay_usec(500)
	return peer if peer.get_status() == PacketPeerDTLS.STATUS_CONNECTED else null


## Sends a packet and waits for it to come back; returns whether it did, unchanged.
static func _is_echoed(peer: PacketPeerDTLS, packet: PackedByteArray) -> bool:
	peer.put_packet(packet)
	var deadline := TimeLimit.deadline(10_000)
	while Time.get_ticks_msec() < deadline:
		peer.poll()
		if peer.get_available_packet_count() > 0:
			return peer.get_packet() == packet
		OS.delay_usec(200)
	return false


## Runs a function in some threads at once; returns what each returned.
func _in_threads(count: int, function: Callable) -> Array:
	var threads: Array[Thread] = []
	for i in count:
		threads.append(Thread.new())
		threads[i].start(function.bind(i))
	for thread in threads:
		while thread.is_alive():
			await get_tree().process_frame
	return threads.map(func(thread: Thread) -> Variant: return thread.wait_to_finish())


func _deadline() -> int:
	return Time.get_ticks_msec() + int(_seconds * 1000)


func test_a_server_in_one_thread_and_clients_in_others() -> void:
	var server := EchoServer.new()
	var deadline := _deadline()
	var results: Array = await _in_threads(4, func(client: int) -> Array:
		var rounds := 0
		while Time.get_ticks_msec() < deadline:
			var peer := _connect_to(server.port)
			if peer == null:
				return [rounds, "client %d did not connect" % client]
			for i in 5:
				if not _is_echoed(peer, Implementation.bytes(1 + (i * 3000 + client) % 16_384, i)):
					return [rounds, "client %d: packet %d was not echoed" % [client, i]]
			if rounds % 2 == 0:
				peer.disconnect_from_peer()
			rounds += 1
		return [rounds, ""])
	server.stop()
	for result: Array in results:
		equal(result[1], "", "a client's failure")
		check(result[0] > 0, "it had a whole session")
	print("%d sessions, %d packets" % [server.sessions, server.echoed])


func test_objects_made_in_one_thread_are_used_and_freed_in_others() -> void:
	var server := EchoServer.new()
	var deadline := _deadline()
	var handed_on: Array[PacketPeerDTLS] = []
	var mutex := Mutex.new()
	var making := [true]
	var maker := Thread.new()
	maker.start(func() -> int:
		var made := 0
		while Time.get_ticks_msec() < deadline:
			var peer := _connect_to(server.port)
			if peer == null:
				return -1
			mutex.lock()
			handed_on.append(peer)
			mutex.unlock()
			made += 1
		making[0] = false
		return made)
	var used: Array = await _in_threads(2, func(_user: int) -> int:
		var count := 0
		while making[0] or not handed_on.is_empty():
			mutex.lock()
			var peer: PacketPeerDTLS = null if handed_on.is_empty() else handed_on.pop_back()
			mutex.unlock()
			if peer == null:
				OS.delay_usec(300)
			elif _is_echoed(peer, Implementation.bytes(700, count)):
				count += 1
			else:
				return -1000
		return count)
	var made: int = maker.wait_to_finish()
	server.stop()
	check(made > 0, "connections were made: %d" % made)
	equal(used[0] + used[1], made, "all were used in other threads")


func test_many_threads_get_the_packets_of_one_peer() -> void:
	var pair := Pair.new(Implementation.new(true))
	check(pair.establish(), "connected")
	pair.steps()
	var sender: PacketPeerDTLS = pair.served
	var receiver: PacketPeerDTLS = pair.client
	var sending := [true]
	var receivers: Array[Thread] = []
	# How many packets each thread has; each writes its own place alone.
	var counts := [0, 0, 0, 0]
	for i in 4:
		receivers.append(Thread.new())
		receivers[i].start(func() -> Array:
			var got: Array[int] = []
			while sending[0] or receiver.get_available_packet_count() > 0:
				receiver.poll()
				var packet := receiver.get_packet()
				if not packet.is_empty():
					var number := packet.decode_u32(0)
					got.append(number if packet.size() == _length(number) else -1)
					counts[i] = got.size()
			return got)
	var sent := 0
	var deadline := _deadline()
	while Time.get_ticks_msec() < deadline:
		# In small bursts, so that the kernel's buffer holds them.
		for i in 10:
			var packet := PackedByteArray()
			packet.resize(_length(sent))
			packet.encode_u32(0, sent)
			equal(sender.put_packet(packet), OK, "put")
			sent += 1
		await frames()
		# On a busy machine the threads fall behind, and a queue that is full loses packets, as it should.
		while sent - counts.reduce(func(sum: int, count: int) -> int: return sum + count) > 20 \
				and Time.get_ticks_msec() < deadline:
			await frames()
	await get_tree().create_timer(0.1).timeout
	sending[0] = false
	var all: Array[int] = []
	for thread in receivers:
		all.append_array(thread.wait_to_finish())
	all.sort()
	equal(all, range(sent) as Array[int], "each packet arrives once, whole")


func _length(number: int) -> int:
	return 4 + number * 37 % 3000


func test_every_method_is_called_from_every_thread_at_once() -> void:
	expect_errors(["this peer has a connection"])
	var server := EchoServer.new()
	var udp_peer := PacketPeerUDP.new()
	udp_peer.connect_to_host("127.0.0.1", server.port)
	var shared := PacketPeerDTLS.new()
	var options := TLSOptions.client_unsafe()
	shared.connect_to_peer(udp_peer, "localhost", options)
	equal(shared.connect_to_peer(udp_peer, "localhost", options), ERR_ALREADY_IN_USE, "connect while connecting")
	await _in_threads(4, _call_anything.bind(shared, udp_peer, _deadline()))
	shared.disconnect_from_peer()
	server.stop()
	equal(shared.get_status() as int, 0, "it ends disconnected")


static func _call_anything(which: int, peer: PacketPeerDTLS, udp_peer: PacketPeerUDP, deadline: int) -> void:
	var random := RandomNumberGenerator.new()
	random.seed = which
	while Time.get_ticks_msec() < deadline:
		match random.randi() % 40:
			0:
				peer.disconnect_from_peer()
			1, 2, 3:
				if peer.get_status() == PacketPeerDTLS.STATUS_DISCONNECTED:
					peer.connect_to_peer(udp_peer, "localhost", TLSOptions.client_unsafe())
			4:
				peer.put_packet(PackedByteArray())
			5:
				peer.get_protocol()
				peer.get_cipher()
			6:
				udp_peer.get_local_port()
			_:
				peer.poll()
				peer.get_available_packet_count()


func test_a_udp_server_is_stopped_and_started_while_others_use_it() -> void:
	var server := UDPServer.new()
	server.listen(0, "127.0.0.1")
	var port := server.get_local_port()
	var deadline := _deadline()
	var taken: Array = await _in_threads(4, func(which: int) -> int:
		var count := 0
		var rounds := 0
		while Time.get_ticks_msec() < deadline:
			rounds += 1
			if which == 0 and rounds % 50 == 0:
				server.stop()
				server.listen(port, "127.0.0.1")
			var client := PacketPeerUDP.new()
			client.set_dest_address("127.0.0.1", port)
			client.put_packet(Implementation.bytes(20, which))
			server.poll()
			var peer := server.take_connection()
			if peer != null:
				count += 1
				peer.get_packet()
				peer.put_packet(Implementation.bytes(10))
				if rounds % 3 == 0:
					peer.close()
			server.max_pending_connections = 1 + rounds % 16
		return count)
	check(taken.reduce(func(sum: int, count: int) -> int: return sum + count, 0) > 0, "clients were taken: %s" % [taken])


func test_error_printing_stays_on_whatever_threads_read_certificates() -> void:
	# The addon turns it off while it reads the engine's objects, which print errors of their own.
	var certificate: X509Certificate = Implementation.identity().certificate
	var deadline := _deadline()
	await _in_threads(4, func(_which: int) -> void:
		var udp_peer := PacketPeerUDP.new()
		udp_peer.connect_to_host("127.0.0.1", 9)
		while Time.get_ticks_msec() < deadline:
			DTLSServer.new().setup(Implementation.server_options())
			PacketPeerDTLS.new().connect_to_peer(udp_peer, "localhost", TLSOptions.client(certificate)))
	var prints := Engine.print_error_messages
	Engine.print_error_messages = true
	check(prints, "the engine prints errors")


func test_a_logger_may_call_the_object_that_prints() -> void:
	if not CallbackLogger.is_possible():
		print("This engine has no script loggers.")
		return
	expect_errors(["the peer is not connected", "this peer has a connection", "the server listens already"])
	var gone := PacketPeerUDP.new()
	gone.bind(0, "127.0.0.1")
	var udp_peer := PacketPeerUDP.new()
	udp_peer.connect_to_host("127.0.0.1", gone.get_local_port())
	gone.close()
	var peer := PacketPeerDTLS.new()
	var server := UDPServer.new()
	server.listen(0, "127.0.0.1")
	var logger := CallbackLogger.new(func() -> void:
		peer.poll()
		peer.get_packet()
		peer.get_status()
		server.poll()
		server.is_listening())
	peer.put_packet(Implementation.bytes(3))
	server.listen(0)
	peer.connect_to_peer(udp_peer, "localhost", TLSOptions.client_unsafe())
	peer.connect_to_peer(udp_peer, "localhost", TLSOptions.client_unsafe())
	Implementation.settle()
	peer.poll()
	logger.remove()
	check(logger.calls >= 3, "the logger was called: %d times" % logger.calls)


func test_many_threads_use_one_peer_of_the_engines() -> void:
	# Two DTLS peers on the same one as well: calls into it are serialised all the same.
	var server := EchoServer.new()
	var udp_peer: PacketPeer = ClassDB.instantiate("PacketPeerUDP")
	udp_peer.connect_to_host("127.0.0.1", server.port)
	var shared := PacketPeerDTLS.new()
	shared.connect_to_peer(udp_peer, "localhost", TLSOptions.client_unsafe())
	check(await until(func() -> bool:
		shared.poll()
		return shared.get_status() == PacketPeerDTLS.STATUS_CONNECTED), "connected")
	var other := PacketPeerDTLS.new()
	var deadline := _deadline()
	var came_back := [false]
	var taken: Array = await _in_threads(4, func(which: int) -> int:
		var count := 0
		while Time.get_ticks_msec() < deadline:
			if which == 3:
				# Its hello comes from the same port, so the server may replace the other's session by its own.
				if came_back[0] and other.get_status() == PacketPeerDTLS.STATUS_DISCONNECTED:
					other.connect_to_peer(udp_peer, "localhost", TLSOptions.client_unsafe())
				other.poll()
				continue
			shared.put_packet(Implementation.bytes(700, which))
			shared.poll()
			while shared.get_available_packet_count() > 0:
				shared.get_packet()
				count += 1
				came_back[0] = true
		return count)
	server.stop()
	equal(shared.get_status(), PacketPeerDTLS.STATUS_CONNECTED, "the connection goes on")
	check(taken[0] + taken[1] + taken[2] > 0, "packets came back: %s" % [taken])


func test_peers_freed_by_another_thread_while_a_server_polls_them() -> void:
	var udp_server := UDPServer.new()
	udp_server.max_pending_connections = 100
	udp_server.listen(0, "127.0.0.1")
	var server: DTLSServer = Implementation.new(true).ready_server()
	var deadline := _deadline()
	var freed := 0
	var seen := 0
	while Time.get_ticks_msec() < deadline:
		var clients: Array[PacketPeerDTLS] = []
		for i in 16:
			var udp_peer := PacketPeerUDP.new()
			udp_peer.connect_to_host("127.0.0.1", udp_server.get_local_port())
			clients.append(PacketPeerDTLS.new())
			clients[i].connect_to_peer(udp_peer, "localhost", TLSOptions.client_unsafe())
		var served: Array[PacketPeerDTLS] = []
		var is_connected := func(peer: PacketPeerDTLS) -> bool: return peer.get_status() == PacketPeerDTLS.STATUS_CONNECTED
		var until := TimeLimit.deadline(10_000)
		while not (clients.all(is_connected) and served.size() >= 16 and served.all(is_connected)):
			if not check(Time.get_ticks_msec() < until, "all are connected"):
				return
			for client in clients:
				client.poll()
			while udp_server.is_connection_available():
				var peer := server.take_connection(udp_server.take_connection())
				if peer.get_status() == PacketPeerDTLS.STATUS_HANDSHAKING:
					served.append(peer)
			server.poll_peers()
		for client in clients:
			client.put_packet(Implementation.bytes(10))
		var thread := Thread.new()
		thread.start(func() -> int:
			var count := 0
			while not served.is_empty():
				served.pop_back()
				count += 1
				for i in randi() % 300:
					pass
			return count)
		while thread.is_alive():
			seen += server.poll_peers().size()
		freed += thread.wait_to_finish()
	print("%d peers freed, returned %d times meanwhile" % [freed, seen])
	check(freed > 0, "peers were freed")
