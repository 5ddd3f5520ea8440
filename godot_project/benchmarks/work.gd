## What is measured, on connections of either side, in untyped code. Each function returns one sample.
##
## NAN stands for a measurement that did not work.
extends RefCounted

const STATUS_CONNECTED := 2
const TIMEOUT_USEC := 2_000_000

## How many small packets fit into the socket's buffer that systems give by default.
const BATCH := 200


## Full handshakes a second: both ends and their sockets, in one thread.
static func handshakes(connections, count: int) -> float:
	var begin := Time.get_ticks_usec()
	if not connections.add(count):
		return NAN
	var spent := Time.get_ticks_usec() - begin
	connections.clear()
	return count * 1e6 / spent


## Full handshakes a second of clients that connect at once: both ends and their sockets.
static func concurrent_handshakes(connections, count: int) -> float:
	var begin := Time.get_ticks_usec()
	if connections.join(count) < 0:
		return NAN
	return count * 1e6 / (Time.get_ticks_usec() - begin)


## Milliseconds of the server's longest frame while clients connect at once.
static func longest_handshake_frame(connections, count: int) -> float:
	var longest: int = connections.join(count)
	return NAN if longest < 0 else longest / 1000.0


## Microseconds from a client's packet to its echo.
static func echo(connections, size: int, rounds: int) -> float:
	var client = connections.clients[0]
	var peer = connections.served[0]
	var server = connections.udp_server
	var packet := _packet(size)
	var begin := Time.get_ticks_usec()
	var deadline := begin + TIMEOUT_USEC
	for i in rounds:
		client.put_packet(packet)
		while true:
			server.poll()
			peer.poll()
			if peer.get_available_packet_count() > 0:
				break
			if Time.get_ticks_usec() > deadline:
				return NAN
		peer.put_packet(peer.get_packet())
		while true:
			client.poll()
			if client.get_available_packet_count() > 0:
				break
			if Time.get_ticks_usec() > deadline:
				return NAN
		if client.get_packet().size() != size:
			return NAN
	return (Time.get_ticks_usec() - begin) / float(rounds)


## Microseconds of the server's frame for each packet that it echoes, one from each client.
##
## The socket is emptied between batches, so that none is lost; that time counts.
static func tick(connections, frame := serve) -> float:
	var packet := _packet(64)
	var server = connections.udp_server
	var clients: Array = connections.clients
	var spent := 0
	for first in range(0, clients.size(), BATCH):
		for i in range(first, mini(first + BATCH, clients.size())):
			clients[i].put_packet(packet)
		var begin := Time.get_ticks_usec()
		server.poll()
		spent += Time.get_ticks_usec() - begin
	var begin := Time.get_ticks_usec()
	var echoed: int = frame.call(connections)
	spent += Time.get_ticks_usec() - begin
	take(clients)
	return spent / float(echoed) if echoed == clients.size() else NAN


## As tick(), the mean of frames that follow one another, as a server's do. As many before them do not count: the
## caches hold what the other side has used, and threads sleep.
static func ticks(connections, count: int, frame := serve) -> float:
	for i in count:
		tick(connections, frame)
	var spent := 0.0
	for i in count:
		spent += tick(connections, frame)
	return spent / count


## Milliseconds of the server's frame that 99 of 100 do not exceed, when it echoes a packet of each client.
static func slow_frame(connections, frames: int) -> float:
	var spent: Array[float] = []
	for i in frames:
		spent.append(tick(connections) * connections.clients.size() / 1000)
		if is_nan(spent[-1]):
			return NAN
	spent.sort()
	return spent[ceili(frames * 0.99) - 1]


## Percentage of packets that arrive when all clients send one before the server's frame.
static func burst(connections) -> float:
	var packet := _packet(64)
	for client in connections.clients:
		client.put_packet(packet)
	var arrived := serve(connections)
	take(connections.clients)
	return 100.0 * arrived / connections.clients.size()


## Percentage of packets that arrive when all clients send one before each frame, at 60 frames a second.
static func paced(connections, seconds: int) -> float:
	var packet := _packet(64)
	var begin := Time.get_ticks_usec()
	var arrived := 0
	var frames := 60 * seconds
	for frame in frames:
		for client in connections.clients:
			client.put_packet(packet)
		arrived += serve(connections)
		take(connections.clients)
		var next := begin + (frame + 1) * 1_000_000 / 60
		OS.delay_usec(maxi(0, next - Time.get_ticks_usec()))
	return 100.0 * arrived / (frames * connections.clients.size())


## Microseconds for three calls that only return a number: the cost of a script's calls themselves.
static func three_calls(peer, rounds: int) -> float:
	var seen := 0
	var begin := Time.get_ticks_usec()
	for i in rounds:
		peer.get_status()
		if peer.get_status() == STATUS_CONNECTED:
			seen += peer.get_status()
	var spent := Time.get_ticks_usec() - begin
	return spent / float(rounds) if seen == rounds * STATUS_CONNECTED else NAN


## Microseconds of a frame in which nothing arrives.
static func idle_frame(connections, frame: Callable) -> float:
	var begin := Time.get_ticks_usec()
	for i in 20:
		if frame.call(connections) > 0:
			return NAN
	return (Time.get_ticks_usec() - begin) / 20.0


## Milliseconds from a verifying client's connect_to_peer() until its first datagram is at the server.
static func first_hello(connections) -> float:
	var server = connections.udp_server
	var begin := Time.get_ticks_usec()
	var client = connections.begin_verifying()
	while Time.get_ticks_usec() < begin + TIMEOUT_USEC:
		client.poll()
		server.poll()
		if server.is_connection_available():
			var spent := Time.get_ticks_usec() - begin
			server.take_connection()
			client.disconnect_from_peer()
			return spent / 1000.0
	return NAN


## Microseconds for one round of the three calls on a peer for which nothing arrives.
static func idle(peer, rounds: int) -> float:
	var seen := 0
	var begin := Time.get_ticks_usec()
	for i in rounds:
		peer.poll()
		if peer.get_status() == STATUS_CONNECTED:
			seen += peer.get_available_packet_count()
	var spent := Time.get_ticks_usec() - begin
	return spent / float(rounds) if seen == 0 and peer.get_status() == STATUS_CONNECTED else NAN


## Kilobytes of this process's memory that each of so many further connections takes.
static func memory(connections, count: int) -> float:
	var before := _resident_kilobytes()
	if before == 0 or not connections.add(count):
		return NAN
	return (_resident_kilobytes() - before) / float(count)


## One frame of a server that echoes; returns how many packets it did.
static func serve(connections) -> int:
	var server = connections.udp_server
	var echoed := 0
	server.poll()
	while server.is_connection_available():
		connections.dtls_server.take_connection(server.take_connection())
	for peer in connections.served:
		peer.poll()
		if peer.get_status() != STATUS_CONNECTED:
			continue
		while peer.get_available_packet_count() > 0:
			peer.put_packet(peer.get_packet())
			echoed += 1
	return echoed


## As serve(), by one call for all peers, which ours alone have.
static func serve_those_with_news(connections) -> int:
	var server = connections.udp_server
	var echoed := 0
	while server.is_connection_available():
		connections.dtls_server.take_connection(server.take_connection())
	for peer in connections.dtls_server.poll_peers():
		while peer.get_available_packet_count() > 0:
			peer.put_packet(peer.get_packet())
			echoed += 1
	return echoed


## Takes the packets that clients have.
static func take(clients: Array) -> void:
	for client in clients:
		client.poll()
		while client.get_available_packet_count() > 0:
			client.get_packet()


static func _packet(size: int) -> PackedByteArray:
	var packet := PackedByteArray()
	packet.resize(size)
	packet.fill(7)
	return packet


## From /proc; 0 where the system is not Linux.
static func _resident_kilobytes() -> int:
	var file := FileAccess.open("/proc/self/status", FileAccess.READ)
	while file != null and not file.eof_reached():
		var line := file.get_line()
		if line.begins_with("VmRSS:"):
			return line.to_int()
	return 0
