## A server and its clients in one process, all connected.
##
## Like all texts that family.gd compiles, this one names the engine's classes and loads no other script.
extends RefCounted

const HOST := "127.0.0.1"
const PATIENCE_MSEC := 5000

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


## Begins a connection that will not be completed, as a client that trusts the system's authorities.
func begin_verifying() -> PacketPeerDTLS:
	var udp := PacketPeerUDP.new()
	var client := PacketPeerDTLS.new()
	udp.connect_to_host(HOST, udp_server.get_local_port())
	client.connect_to_peer(udp, "localhost", TLSOptions.client())
	return client


## Ends all connections. The server hears of it while it still knows whom it hears.
func clear() -> void:
	clients.clear()
	udp_server.poll()
	served.clear()


func _add_one() -> bool:
	var udp := PacketPeerUDP.new()
	var client := PacketPeerDTLS.new()
	udp.connect_to_host(HOST, udp_server.get_local_port())
	client.connect_to_peer(udp, "localhost", client_options)
	var peer: PacketPeerDTLS = null
	var deadline := Time.get_ticks_msec() + PATIENCE_MSEC
	while Time.get_ticks_msec() < deadline:
		client.poll()
		udp_server.poll()
		while udp_server.is_connection_available():
			var taken: PacketPeerDTLS = dtls_server.take_connection(udp_server.take_connection())
			if taken.get_status() == PacketPeerDTLS.STATUS_HANDSHAKING:
				peer = taken
		if peer == null:
			continue
		peer.poll()
		if (
				peer.get_status() == PacketPeerDTLS.STATUS_CONNECTED
				and client.get_status() == PacketPeerDTLS.STATUS_CONNECTED):
			clients.append(client)
			served.append(peer)
			return true
	return false
