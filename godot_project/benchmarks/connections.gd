## A server and its clients in one process, all connected.
##
## Like all texts that implementation.gd compiles, this one names the engine's classes and loads no other script.
extends RefCounted

const HOST := "127.0.0.1"
const TIMEOUT_MSEC := 5000

var udp_server := UDPServer.new()
var dtls_server := DTLSServer.new()
var client_options := TLSOptions.client_unsafe()

## The clients, and the server's peers of the same index.
var clients: Array = []
var served: Array = []


func start(options: TLSOptions) -> bool:
	return udp_server.listen(0, HOST) == OK and dtls_server.setup(options) == OK


## Connects clients, one after the other; returns whether all are connected.
func add(count: int) -> bool:
	for i in count:
		if not _add_one():
			return false
	return true


## Connects clients all at once, and keeps none of them. Returns the microseconds that the server's longest frame took, or
## -1 if not all were connected.
func join(count: int) -> int:
	udp_server.max_pending_connections = count
	var joining: Array = []
	for i in count:
		joining.append(_begin(client_options))
	var taken: Array = []
	var longest := 0
	var deadline := Time.get_ticks_msec() + TIMEOUT_MSEC
	while Time.get_ticks_msec() < deadline:
		var begin := Time.get_ticks_usec()
		udp_server.poll()
		_take_into(taken)
		_poll(taken)
		longest = maxi(longest, Time.get_ticks_usec() - begin)
		_poll(joining)
		if taken.size() == count and _are_connected(taken) and _are_connected(joining):
			# Before the server's peers are freed, so that they receive the clients' close_notify.
			joining.clear()
			udp_server.poll()
			return longest
	return -1


## Begins a connection that will not be completed, as a client that trusts the system's authorities.
func begin_verifying() -> PacketPeerDTLS:
	return _begin(TLSOptions.client())


## Ends all connections: the clients first, so that the server's peers receive their close_notify.
func clear() -> void:
	clients.clear()
	udp_server.poll()
	served.clear()


func _begin(options: TLSOptions) -> PacketPeerDTLS:
	var udp := PacketPeerUDP.new()
	var client := PacketPeerDTLS.new()
	udp.connect_to_host(HOST, udp_server.get_local_port())
	client.connect_to_peer(udp, "localhost", options)
	return client


## Takes the clients that have a cookie.
func _take_into(taken: Array) -> void:
	while udp_server.is_connection_available():
		var peer: PacketPeerDTLS = dtls_server.take_connection(udp_server.take_connection())
		if peer.get_status() == PacketPeerDTLS.STATUS_HANDSHAKING:
			taken.append(peer)


func _poll(peers: Array) -> void:
	for peer: PacketPeerDTLS in peers:
		peer.poll()


func _are_connected(peers: Array) -> bool:
	for peer: PacketPeerDTLS in peers:
		if peer.get_status() != PacketPeerDTLS.STATUS_CONNECTED:
			return false
	return true


func _add_one() -> bool:
	var client := _begin(client_options)
	var taken: Array = []
	var deadline := Time.get_ticks_msec() + TIMEOUT_MSEC
	while Time.get_ticks_msec() < deadline:
		client.poll()
		udp_server.poll()
		_take_into(taken)
		if taken.is_empty():
			continue
		var peer: PacketPeerDTLS = taken[0]
		peer.poll()
		if (
				peer.get_status() == PacketPeerDTLS.STATUS_CONNECTED
				and client.get_status() == PacketPeerDTLS.STATUS_CONNECTED):
			clients.append(client)
			served.append(peer)
			return true
	return false
