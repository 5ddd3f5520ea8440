## Packets through a DTLS connection are as the engine's: sizes, order, codes.
extends "res://tests/differential.gd"

const Pair := preload("res://tests/pair.gd")


func test_packets_arrive_unchanged_in_both_directions() -> void:
	await compare(_exchange)


func _exchange(kit: Kit) -> void:
	var pair := Pair.new(kit)
	kit.note("connected", pair.establish())
	for size: int in [1, 100, 488, 1200, 1500, 4000, 16_383, 16_384]:
		kit.note("put %d up" % size, pair.client.put_packet(Kit.bytes(size, size)))
		kit.note("got %d up" % size, pair.packet_of(pair.served) == Kit.bytes(size, size))
		kit.note("put %d down" % size, pair.served.put_packet(Kit.bytes(size, size)))
		kit.note("got %d down" % size, pair.packet_of(pair.client) == Kit.bytes(size, size))
	kit.note("still connected", pair.statuses())


func test_packets_larger_than_a_record_are_refused() -> void:
	const KEPT := "a packet that is too large is a mistake of the script's, and no reason to end the connection"
	expect_errors(["mbedtls error", "does not fit into one DTLS record"])
	for size: int in [16_385, 65_536, 1_000_000]:
		await compare(_exceed.bind(size), {
			"put": [ERR_CONNECTION_ERROR, ERR_INVALID_PARAMETER, KEPT],
			"status": [0, 2, KEPT],
			"the next packet": [PackedByteArray(), Kit.bytes(3), KEPT],
		})


func _exceed(kit: Kit, size: int) -> void:
	var pair := Pair.new(kit)
	kit.note("connected", pair.establish())
	kit.note("put", pair.client.put_packet(Kit.bytes(size)))
	kit.note("status", pair.client.get_status())
	if pair.client.get_status() == PacketPeerDTLS.STATUS_CONNECTED:
		pair.client.put_packet(Kit.bytes(3))
	kit.note("the next packet", pair.packet_of(pair.served, 100))


func test_empty_packets_are_not_sent() -> void:
	await compare(func(kit: Kit) -> void:
		var pair := Pair.new(kit)
		kit.note("connected", pair.establish())
		kit.note("put", pair.client.put_packet(PackedByteArray()))
		kit.note("got", pair.packet_of(pair.served, 50))
		kit.note("still connected", pair.statuses()))


func test_getting_where_nothing_is_there_gives_an_empty_packet() -> void:
	await compare(func(kit: Kit) -> void:
		var pair := Pair.new(kit)
		kit.note("connected", pair.establish())
		pair.steps()
		kit.note("packets", pair.client.get_available_packet_count())
		kit.note("get", [pair.client.get_packet(), pair.client.get_packet_error()])
		kit.note("twice", [pair.client.get_packet(), pair.client.get_packet_error()])
		kit.note("still connected", pair.statuses()))


func test_a_packet_can_be_got_without_a_poll() -> void:
	await compare(func(kit: Kit) -> void:
		var pair := Pair.new(kit)
		kit.note("connected", pair.establish())
		pair.steps()
		for i in 3:
			pair.served.put_packet(Kit.bytes(5, i))
		Kit.settle()
		for i in 4:
			kit.note("get %d" % i, [pair.client.get_packet(), pair.client.get_packet_error()]))


func test_one_poll_delivers_every_packet() -> void:
	await compare(func(kit: Kit) -> void:
			var pair := Pair.new(kit)
			kit.note("connected", pair.establish())
			pair.steps()
			for i in 5:
				pair.served.put_packet(Kit.bytes(5, i))
			Kit.settle()
			pair.client.poll()
			var got := []
			while pair.client.get_available_packet_count() > 0:
				got.append(pair.client.get_packet())
			kit.note("packets", got), {
		"packets": [
			[Kit.bytes(5, 0)],
			range(5).map(func(i: int) -> PackedByteArray: return Kit.bytes(5, i)),
			"the engine takes one packet at each poll, and a frame's worth piles up",
		],
	})


func test_the_documented_loop_gets_every_packet_on_both() -> void:
	await compare(func(kit: Kit) -> void:
		var pair := Pair.new(kit)
		kit.note("connected", pair.establish())
		for i in 20:
			pair.client.put_packet(Kit.bytes(100, i))
		for i in 20:
			kit.note("packet %d" % i, pair.packet_of(pair.served)))


func test_variants() -> void:
	expect_errors(["encode size is bigger", "err != OK", "len < 4"])
	await compare(_exchange_variants)


func _exchange_variants(kit: Kit) -> void:
	var pair := Pair.new(kit)
	kit.note("connected", pair.establish())
	var has_packet := func() -> bool: return pair.served.get_available_packet_count() > 0
	for value: Variant in [null, 42, "text", {a = [1, 2.5]}, PackedByteArray([1, 2])]:
		kit.note("put %s" % [value], pair.client.put_var(value))
		kit.note("arrived %s" % [value], pair.until(has_packet))
		kit.note("get %s" % [value], pair.served.get_var())
	pair.client.encode_buffer_max_size = 1024
	kit.note("put too much", pair.client.put_var(Kit.bytes(2000)))
	kit.note("limit", pair.client.encode_buffer_max_size)
	pair.client.put_packet(PackedByteArray([1, 2]))
	kit.note("no variant arrived", pair.until(has_packet))
	kit.note("get no variant", pair.served.get_var())
	kit.note("still connected", pair.statuses())


func test_a_server_tells_its_clients_apart() -> void:
	await compare(_two_clients)


func _two_clients(kit: Kit) -> void:
	var server := kit.ready_server()
	var one := Pair.new(kit, server)
	kit.note("one is connected", one.establish())
	var two := Pair.new(kit, server)
	two.udp_server = one.udp_server
	two.client_udp = kit.connected_peer(one.udp_server.get_local_port())
	kit.note("two is connected", two.establish())
	one.client.put_packet(Kit.bytes(4, 1))
	two.client.put_packet(Kit.bytes(4, 2))
	kit.note("one's packet", one.packet_of(one.served))
	kit.note("two's packet", two.packet_of(two.served))
	one.client.disconnect_from_peer()
	one.until(func() -> bool: return one.served.get_status() != 2)
	kit.note("one has ended", one.statuses())
	two.client.put_packet(Kit.bytes(4, 3))
	kit.note("two goes on", two.packet_of(two.served))


func test_datagrams_that_are_no_records_are_ignored() -> void:
	await compare(func(kit: Kit) -> void:
		var pair := Pair.new(kit)
		kit.note("connected", pair.establish())
		pair.client_udp.put_packet("noise".to_utf8_buffer())
		pair.client_udp.put_packet(Kit.bytes(2000))
		pair.client.put_packet(Kit.bytes(4))
		kit.note("the packet after the noise", pair.packet_of(pair.served))
		kit.note("still connected", pair.statuses()))


func test_the_code_of_the_last_packet() -> void:
	expect_error("not connected")
	expect_error("ERR_UNCONFIGURED")
	await compare(_codes)


func _codes(kit: Kit) -> void:
	var pair := Pair.new(kit)
	kit.note("without a connection", pair.client.get_packet())
	kit.note("its code", pair.client.get_packet_error())
	kit.note("connected", pair.establish())
	pair.served.put_packet("one".to_utf8_buffer())
	pair.served.put_packet("two".to_utf8_buffer())
	kit.note("a packet", pair.packet_of(pair.client))
	kit.note("its code", pair.client.get_packet_error())
	kit.note("another", pair.packet_of(pair.client))
	kit.note("its code", pair.client.get_packet_error())
