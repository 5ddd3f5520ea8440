## A server for thousands of players: a frame costs what arrives, not how many players are connected.
##
## It sends every message back. Press Play, or start it without a window:
## `godot --headless --path godot_project res://examples/many_players/server.tscn`
extends Node

const PORT := 4242

## How long a player may be silent, in seconds. Clients that crash do not close their connection.
const IDLE_TIMEOUT := 30.0

var udp_server := OpenSSLUDPServer.new()
var dtls_server := OpenSSLDTLSServer.new()

## The players. A peer that no variable holds is disconnected.
var players: Dictionary[OpenSSLPacketPeerDTLS, bool] = {}


func _ready() -> void:
	dtls_server.idle_timeout = IDLE_TIMEOUT
	if dtls_server.setup(TLSOptions.server(load("res://key.key"), load("res://cert.crt"))) != OK:
		return
	# Players who connect in the same frame wait in this queue.
	udp_server.max_pending_connections = 256
	if udp_server.listen(PORT) == OK:
		print("Listening on port %d." % udp_server.get_local_port())


func _process(_delta: float) -> void:
	while udp_server.is_connection_available():
		var peer := dtls_server.take_connection(udp_server.take_connection())
		if peer.get_status() == OpenSSLPacketPeerDTLS.STATUS_HANDSHAKING:
			players[peer] = true
	for peer in dtls_server.poll_peers():
		while peer.get_available_packet_count() > 0:
			peer.put_packet(peer.get_packet())
		if peer.get_status() not in [
				OpenSSLPacketPeerDTLS.STATUS_HANDSHAKING,
				OpenSSLPacketPeerDTLS.STATUS_CONNECTED]:
			players.erase(peer)
