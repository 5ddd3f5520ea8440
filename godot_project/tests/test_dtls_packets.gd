## Packets through a DTLS connection are as the engine's: sizes, order, codes.
extends "res://tests/differential.gd"

const Pair := preload("res://tests/pair.gd")


func test_packets_arrive_unchanged_in_both_directions() -> void:
	await compare(_exchange)


func _exchange(impl: Implementation) -> void:
	var pair := Pair.new(impl)
	impl.note("connected", pair.establish())
	for size: int in [1, 100, 488, 1200, 1500, 4000, 16_383, 16_384]:
		impl.note("put %d up" % size, pair.client.put_packet(Implementation.bytes(size, size)))
		impl.note("got %d up" % size, pair.packet_of(pair.served) == Implementation.bytes(size, size))
		impl.note("put %d down" % size, pair.served.put_packet(Implementation.bytes(size, size)))
		impl.note("got %d down" % size, pair.packet_of(pair.client) == Implementation.bytes(size, size))
	impl.note("still connected", pair.statuses())


func test_packets_larger_than_a_record_are_refused() -> void:
	const KEPT := "a packet that is too large is a mistake of the script's, and no reason to end the connection"
	expect_errors(["mbedtls error", "does not fit into one DTLS record"])
	for size: int in [16_385, 65_536, 1_000_000]:
		await compare(_exceed.bind(size), {
			"put": [ERR_CONNECTION_ERROR, ERR_INVALID_PARAMETER, KEPT],
			"status": [0, 2, KEPT],
			"the next packet": [PackedByteArray(), Implementation.bytes(3), KEPT],
		})


func _exceed(impl: Implementation, size: int) -> void:
	var pair := Pair.new(impl)
	impl.note("connected", pair.establish())
	impl.note("put", pair.client.put_packet(Implementation.bytes(size)))
	impl.note("status", pair.client.get_status())
	if pair.client.get_status() == PacketPeerDTLS.STATUS_CONNECTED:
		pair.client.put_packet(Implementation.bytes(3))
	impl.note("the next packet", pair.packet_of(pair.served, 100))


func test_empty_packets_are_not_sent() -> void:
	await compare(func(impl: Implementation) -> void:
		var pair := Pair.new(impl)
		impl.note("connected", pair.establish())
		impl.note("put", pair.client.put_packet(PackedByteArray()))
		impl.note("got", pair.packet_of(pair.served, 50))
		impl.note("still connected", pair.statuses()))


func test_getting_where_nothing_is_there_gives_an_empty_packet() -> void:
	await compare(func(impl: Implementation) -> void:
		var pair := Pair.new(impl)
		impl.note("connected", pair.establish())
		pair.steps()
		impl.note("packets", pair.client.get_available_packet_count())
		impl.note("get", [pair.client.get_packet(), pair.client.get_packet_error()])
		impl.note("twice", [pair.client.get_packet(), pair.client.get_packet_error()])
		impl.note("still connected", pair.statuses()))


func test_a_packet_can_be_got_without_a_poll() -> void:
	await compare(func(impl: Implementation) -> void:
		var pair := Pair.new(impl)
		impl.note("connected", pair.establish())
		pair.steps()
		for i in 3:
			pair.served.put_packet(Implementation.bytes(5, i))
		Implementation.settle()
		for i in 4:
			impl.note("get %d" % i, [pair.client.get_packet(), pair.client.get_packet_error()]))


func test_one_poll_delivers_every_packet() -> void:
	await compare(func(impl: Implementation) -> void:
			var pair := Pair.new(impl)
			impl.note("connected", pair.establish())
			pair.steps()
			for i in 5:
				pair.served.put_packet(Implementation.bytes(5, i))
			Implementation.settle()
			pair.client.poll()
			var got := []
			while pair.client.get_available_packet_count() > 0:
				got.append(pair.client.get_packet())
			impl.note("packets", got), {
		"packets": [
			[Implementation.bytes(5, 0)],
			range(5).map(func(i: int) -> PackedByteArray: return Implementation.bytes(5, i)),
			"the engine takes one packet at each poll, and a frame's worth piles up",
		],
	})


func test_the_documented_loop_gets_every_packet_on_both() -> void:
	await compare(func(impl: Implementation) -> void:
		var pair := Pair.new(impl)
		impl.note("connected", pair.establish())
		for i in 20:
			pair.client.put_packet(Implementation.bytes(100, i))
		for i in 20:
			impl.note("packet %d" % i, pair.packet_of(pair.served)))


func test_variants() -> void:
	expect_errors(["encode size is bigger", "err != OK", "len < 4"])
	await compare(_exchange_variants)


func _exchange_variants(impl: Implementation) -> void:
	var pair := Pair.new(impl)
	impl.note("connected", pair.establish())
	var has_packet := func() -> bool: return pair.served.get_available_packet_count() > 0
	for value: Variant in [null, 42, "text", {a = [1, 2.5]}, PackedByteArray([1, 2])]:
		impl.note("put %s" % [value], pair.client.put_var(value))
		impl.note("arrived %s" % [value], pair.until(has_packet))
		impl.note("get %s" % [value], pair.served.get_var())
	pair.client.encode_buffer_max_size = 1024
	impl.note("put too much", pair.client.put_var(Implementation.bytes(2000)))
	impl.note("limit", pair.client.encode_buffer_max_size)
	pair.client.put_packet(PackedByteArray([1, 2]))
	impl.note("no variant arrived", pair.until(has_packet))
	impl.note("get no variant", pair.served.get_var())
	impl.note("still connected", pair.statuses())


func test_a_server_keeps_the_packets_of_its_clients_apart() -> void:
	await compare(_two_clients)


func _two_clients(impl: Implementation) -> void:
	var server := impl.ready_server()
	var one := Pair.new(impl, server)
	impl.note("one is connected", one.establish())
	var two := Pair.new(impl, server)
	two.udp_server = one.udp_server
	two.client_udp = impl.connected_peer(one.udp_server.get_local_port())
	impl.note("two is connected", two.establish())
	one.client.put_packet(Implementation.bytes(4, 1))
	two.client.put_packet(Implementation.bytes(4, 2))
	impl.note("one's packet", one.packet_of(one.served))
	impl.note("two's packet", two.packet_of(two.served))
	one.client.disconnect_from_peer()
	one.until(func() -> bool: return one.served.get_status() != 2)
	impl.note("one has ended", one.statuses())
	two.client.put_packet(Implementation.bytes(4, 3))
	impl.note("two goes on", two.packet_of(two.served))


func test_datagrams_that_are_no_records_are_ignored() -> void:
	await compare(func(impl: Implementation) -> void:
		var pair := Pair.new(impl)
		impl.note("connected", pair.establish())
		pair.client_udp.put_packet("noise".to_utf8_buffer())
		pair.client_udp.put_packet(Implementation.bytes(2000))
		pair.client.put_packet(Implementation.bytes(4))
		impl.note("the packet after the noise", pair.packet_of(pair.served))
		impl.note("still connected", pair.statuses()))


func test_the_code_of_the_last_packet() -> void:
	expect_error("not connected")
	expect_error("ERR_UNCONFIGURED")
	await compare(_codes)


func _codes(impl: Implementation) -> void:
	var pair := Pair.new(impl)
	impl.note("without a connection", pair.client.get_packet())
	impl.note("its code", pair.client.get_packet_error())
	impl.note("connected", pair.establish())
	pair.served.put_packet("one".to_utf8_buffer())
	pair.served.put_packet("two".to_utf8_buffer())
	impl.note("a packet", pair.packet_of(pair.client))
	impl.note("its code", pair.client.get_packet_error())
	impl.note("another", pair.packet_of(pair.client))
	impl.note("its code", pair.client.get_packet_error())
