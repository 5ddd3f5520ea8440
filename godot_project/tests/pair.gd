## A DTLS server and one client of it in one process, of the engine's classes or of ours.
extends RefCounted

const Implementation := preload("res://tests/implementation.gd")
const TimeLimit := preload("res://tests/time_limit.gd")

var impl: Implementation
var udp_server: RefCounted
var dtls_server: RefCounted
var client_udp: PacketPeer
var client: PacketPeer

## The server's side of the connection, once the client has shown its cookie.
var served_udp: PacketPeer
var served: PacketPeer

## The statuses that each side has had, in order and without repetitions.
var client_statuses: Array[int] = []
var served_statuses: Array[int] = []

## The statuses of the peers that the server took, when it took them.
var taken_statuses: Array[int] = []


func _init(with_impl: Implementation, server := with_impl.ready_server()) -> void:
	impl = with_impl
	udp_server = impl.listening_server()
	dtls_server = server
	client_udp = impl.connected_peer(udp_server.get_local_port())
	client = impl.dtls_peer()


## Begins the client's connection, without verification; returns the code.
func begin() -> Error:
	var code: Error = client.connect_to_peer(client_udp, "localhost", TLSOptions.client_unsafe())
	_see(client, client_statuses)
	return code


## Polls everything once. The server keeps the peers of clients that have a cookie, as documented.
func step() -> void:
	client.poll()
	_see(client, client_statuses)
	udp_server.poll()
	while udp_server.is_connection_available():
		var udp_peer: PacketPeer = udp_server.take_connection()
		var peer: PacketPeer = dtls_server.take_connection(udp_peer)
		taken_statuses.append(peer.get_status())
		if peer.get_status() == PacketPeerDTLS.STATUS_HANDSHAKING:
			served_udp = udp_peer
			served = peer
			_see(served, served_statuses)
	if served != null:
		served.poll()
		_see(served, served_statuses)


## Steps until the condition returns true; returns whether it did.
func until(condition: Callable, milliseconds := 5000) -> bool:
	var deadline := TimeLimit.deadline(milliseconds)
	while not condition.call():
		if Time.get_ticks_msec() > deadline:
			return false
		step()
		OS.delay_msec(1)
	return true


## Steps several times, so that datagrams on their way arrive.
func steps(count := 5) -> void:
	for i in count:
		step()
		OS.delay_msec(1)


func is_connected_through() -> bool:
	return (
			client.get_status() == PacketPeerDTLS.STATUS_CONNECTED
			and served != null
			and served.get_status() == PacketPeerDTLS.STATUS_CONNECTED)


## Begins and waits until both sides are connected; returns whether they are.
func establish() -> bool:
	begin()
	return until(is_connected_through)


## Steps until a peer has a packet; returns the packet, or an empty one if none comes.
func packet_of(peer: PacketPeer, milliseconds := 2000) -> PackedByteArray:
	var has_packet := func() -> bool: return peer.get_status() == 2 and peer.get_available_packet_count() > 0
	if until(has_packet, milliseconds):
		return peer.get_packet()
	return PackedByteArray()


## Both statuses, the client's first.
func statuses() -> Array:
	return [client.get_status(), -1 if served == null else served.get_status()]


func _see(peer: PacketPeer, statuses_seen: Array[int]) -> void:
	var status: int = peer.get_status()
	if statuses_seen.is_empty() or statuses_seen[-1] != status:
		statuses_seen.append(status)
