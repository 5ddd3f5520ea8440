## Measures the engine's classes and ours in turn, in this process, and prints what `cargo xtask bench` reads.
##
## Arguments after `--`: a folder with rsa and p256 keys and certificates, and `full` for more of everything.
## Each row is a line `BENCH ` and JSON: its name, its unit, whether more is better, and the samples of each side in
## the order they were taken, null for one that did not work; for what the engine cannot do or would take too long for,
## its samples are null themselves. A line `BASELINE ` and JSON gives samples of what a row cannot be better than.
## `BENCH END` is the last line.
extends Node

const Implementation := preload("res://benchmarks/implementation.gd")
const Work := preload("res://benchmarks/work.gd")

var _sides: Array[Implementation] = [Implementation.new(false), Implementation.new(true)]
var _folder: String
var _full := false


func _ready() -> void:
	var arguments := OS.get_cmdline_user_args()
	_folder = arguments[0]
	_full = arguments.has("full")
	# Memory comes first, before freed memory can be reused.
	_memory()
	_handshakes("RSA-2048", "rsa")
	_handshakes("ECDSA P-256", "p256")
	_one_connection()
	for count: int in [10, 50, 200, 500, 1000] if _full else [200, 1000]:
		_many_connections(count)
	_very_many_connections(10_000)
	_first_hello()
	print("BENCH END")
	get_tree().quit()


func _memory() -> void:
	var both := _connections("p256")
	# What the first connection makes once for all is not counted.
	for connections in both:
		connections.add(5)
	# Nothing is freed until the end, so neither side reuses memory of the other.
	_row("memory per client and server pair", "KB", false, 3, func(side: int) -> float:
		return Work.memory(both[side], 50))


func _handshakes(title: String, identity: String) -> void:
	var both := _connections(identity)
	_row("full handshakes, %s" % title, "1/s", true, 25 if _full else 9, func(side: int) -> float:
		return Work.handshakes(both[side], 50))
	_row("full handshakes of 50 clients at once, %s" % title, "1/s", true, 9 if _full else 5, func(side: int) -> float:
		return Work.concurrent_handshakes(both[side], 50))
	_row("server's longest frame while 50 clients come, %s" % title, "ms", false, 9 if _full else 5, func(side: int) -> float:
		return Work.longest_handshake_frame(both[side], 50))


func _one_connection() -> void:
	var both := _connections("p256")
	for connections in both:
		connections.add(1)
	var samples := 25 if _full else 9
	var sizes := [64, 512, 1200]
	if _full:
		sizes = [64, 128, 256, 512, 1024, 1200, 4096, 8192, 16384]
	for size: int in sizes:
		_row("echo of %d bytes" % size, "us", false, samples, func(side: int) -> float:
			return Work.echo(both[side], size, 3000))
	_idle("a server's peer", both.map(func(it: RefCounted) -> RefCounted: return it.served[0]), 50_000, samples)
	_idle("a client", both.map(func(it: RefCounted) -> RefCounted: return it.clients[0]), 20_000, samples)


## Three calls for a peer for which nothing arrives; and, as a baseline, three of the engine's calls that do nothing.
func _idle(whose: String, peers: Array, rounds: int, samples: int) -> void:
	var typed := _sides.map(func(side: Implementation) -> RefCounted: return side.make("typed_poll.gd"))
	var title := "idle poll of %s, untyped" % whose
	_row(title, "us", false, samples, func(side: int) -> float:
		return Work.idle(peers[side], rounds))
	_baseline(title, samples, func() -> float: return Work.three_calls(peers[0], rounds))
	title = "idle poll of %s, typed" % whose
	_row(title, "us", false, samples, func(side: int) -> float:
		return typed[side].idle(peers[side], rounds))
	_baseline(title, samples, func() -> float: return typed[0].three_calls(peers[0], rounds))


func _many_connections(count: int) -> void:
	var both := _connections("p256")
	for connections in both:
		connections.add(count)
	var samples := maxi(5, (10_000 if _full else 1_000) / count)
	_row("server's frame per echoed packet, %d peers" % count, "us", false, samples, func(side: int) -> float:
		return Work.ticks(both[side], 20))
	_row("server's frame, %d active peers, 99th percentile" % count, "ms", false, 9 if _full else 3, func(side: int) -> float:
		return Work.slow_frame(both[side], 100))
	_row_of_ours("server's frame per echoed packet, %d peers, poll_peers()" % count, "us", samples, func() -> float:
		return Work.ticks(both[1], 20, Work.serve_those_with_news))
	_row("server's frame, %d idle peers" % count, "us", false, 25, func(side: int) -> float:
		return Work.idle_frame(both[side], Work.serve))
	_row_of_ours("server's frame, %d idle peers, poll_peers()" % count, "us", 25, func() -> float:
		return Work.idle_frame(both[1], Work.serve_those_with_news))
	_row("arrived of a packet from each of %d clients in one frame" % count, "%", true, 5, func(side: int) -> float:
		return Work.burst(both[side]))
	if count == 1000:
		var seconds := 20 if _full else 5
		_row("arrived of a packet from each of %d clients, 60 times a second for %d s" % [count, seconds], "%", true, 1, func(side: int) -> float:
			return Work.paced(both[side], seconds))


## The engine searches its peers linearly for each packet, and would need minutes to connect so many.
func _very_many_connections(count: int) -> void:
	var few: RefCounted = _connections("p256")[1]
	few.add(200)
	var ours: RefCounted = _connections("p256")[1]
	ours.add(count)
	# In turn, so that changes of the machine's load affect both.
	_rows_of_ours("us", 9, {
		"server's frame per echoed packet, %d peers" % count: func() -> float: return Work.tick(ours),
		"server's frame per echoed packet, 200 peers, in turn with %d" % count: func() -> float: return Work.ticks(few, 20),
	})
	_row_of_ours("server's frame per echoed packet, %d peers, poll_peers()" % count, "us", 9, func() -> float:
		return Work.tick(ours, Work.serve_those_with_news))
	_row_of_ours("server's frame, %d idle peers, poll_peers()" % count, "us", 9, func() -> float:
		return Work.idle_frame(ours, Work.serve_those_with_news))


func _first_hello() -> void:
	var both := _connections("p256")
	_row("a verifying client's start until its first datagram, system roots", "ms", false, 9, func(side: int) -> float:
		return Work.first_hello(both[side]))


func _connections(identity: String) -> Array:
	var key := CryptoKey.new()
	var certificate := X509Certificate.new()
	key.load("%s/%s.key" % [_folder, identity])
	certificate.load("%s/%s.crt" % [_folder, identity])
	return _sides.map(func(side: Implementation) -> RefCounted:
		return side.connections(TLSOptions.server(key, certificate)))


## Takes samples of the sides in turn. The first of each is not counted.
func _row(title: String, unit: String, more_is_better: bool, count: int, sample: Callable) -> void:
	var samples := [[], []]
	for i in count + 1:
		for side in 2:
			var value: float = sample.call(side)
			if i > 0:
				samples[side].append(null if is_nan(value) else value)
	_print_row(title, unit, more_is_better, samples)


## What a row cannot be better than.
func _baseline(title: String, count: int, sample: Callable) -> void:
	var samples := range(count + 1).map(func(_i: int) -> float: return sample.call()).slice(1)
	print("BASELINE ", JSON.stringify({ name = title, samples = samples }))


## Takes samples of ours alone, less being better.
func _row_of_ours(title: String, unit: String, count: int, sample: Callable) -> void:
	_rows_of_ours(unit, count, { title: sample })


## As _row_of_ours(), of several rows in turn.
func _rows_of_ours(unit: String, count: int, rows: Dictionary[String, Callable]) -> void:
	var samples: Dictionary[String, Array] = {}
	for i in count + 1:
		for title in rows:
			var value: float = rows[title].call()
			if i > 0:
				samples.get_or_add(title, []).append(null if is_nan(value) else value)
	for title in rows:
		_print_row(title, unit, false, [null, samples[title]])


func _print_row(title: String, unit: String, more_is_better: bool, samples: Array) -> void:
	print("BENCH ", JSON.stringify({
		name = title,
		unit = unit,
		more_is_better = more_is_better,
		stock = samples[0],
		ours = samples[1],
	}))
