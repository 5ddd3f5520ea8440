## A server that checks numbered packets, sends each back, and prints its counts once a second.
##
## Prints `LISTENING port`, then `STATS {...}`, and ends when its folder has a file named `quit`. Settings:
##
## - `folder`: where it looks for that file
## - `classes=engine`: the engine's own classes instead of ours
## - `identity`: the key and certificate in res://tests/pki
## - `bind`, `port`: where it listens
## - `idle_limit`: seconds after which a connected peer that sends nothing is dropped; 0 for never
## - `idle`: idle_timeout of our classes, in seconds; none unless set
## - `check=no`: sends packets of any kind back, unread
extends Node

const Settings := preload("res://links/settings.gd")
const Packet := preload("res://links/packet.gd")

## The statuses of a PacketPeerDTLS, ours and the engine's.
const DISCONNECTED := 0
const HANDSHAKING := 1
const CONNECTED := 2

const FOLDER_LOOK_MSEC := 100
const STATS_MSEC := 1000
## How often one frame polls a peer: the engine's peers read one datagram at each poll.
const LOOKS := 64


## The server's state of one client.
class Served:
	var peer: Object
	var seen: Dictionary = {}
	var last_packet_msec := 0
	var was_connected := false


var counts := {
	taken = 0, connected = 0, closed = 0, failed = 0, forgotten = 0,
	received = 0, sent = 0, unsent = 0, twice = 0, altered = 0,
}

var _settings := Settings.new()
var _udp_server := _settings.instantiate("UDPServer")
var _dtls_server := _settings.instantiate("DTLSServer")
var _served: Array[Served] = []
var _idle_limit_msec := _settings.number("idle_limit") * 1000
var _checks := _settings.text("check") != "no"
var _next_look := 0
var _next_stats := 0


func _ready() -> void:
	var identity := "res://tests/pki/" + _settings.text("identity", "rsa")
	var options := TLSOptions.server(load(identity + ".key"), load(identity + ".crt"))
	var code: int = _dtls_server.setup(options)
	if _settings.number("idle") > 0:
		_dtls_server.idle_timeout = _settings.number("idle")
	if code == OK:
		code = _udp_server.listen(_settings.number("port"), _settings.text("bind", "127.0.0.1"))
	if code != OK:
		print("FAILED to listen: ", error_string(code))
		get_tree().quit(1)
		return
	print("LISTENING ", _udp_server.get_local_port())


func _process(_delta: float) -> void:
	_udp_server.poll()
	while _udp_server.is_connection_available():
		var peer: Object = _dtls_server.take_connection(_udp_server.take_connection())
		if peer.get_status() == HANDSHAKING:
			var served := Served.new()
			served.peer = peer
			_served.append(served)
			counts.taken += 1
	_served = _served.filter(_serve)
	var now := Time.get_ticks_msec()
	if now >= _next_look:
		_next_look = now + FOLDER_LOOK_MSEC
		if FileAccess.file_exists(_settings.text("folder").path_join("quit")):
			_end()
			return
	if now >= _next_stats:
		_next_stats = now + STATS_MSEC
		_print_stats()


## Serves one client; returns whether it stays.
func _serve(served: Served) -> bool:
	for look in LOOKS:
		served.peer.poll()
		var status: int = served.peer.get_status()
		if status == CONNECTED and not served.was_connected:
			served.was_connected = true
			served.last_packet_msec = Time.get_ticks_msec()
			counts.connected += 1
		if status == HANDSHAKING:
			# The class ends it by itself at handshake_timeout.
			return true
		if status != CONNECTED:
			counts["closed" if status == DISCONNECTED else "failed"] += 1
			return false
		if served.peer.get_available_packet_count() == 0:
			break
		while served.peer.get_status() == CONNECTED and served.peer.get_available_packet_count() > 0:
			served.last_packet_msec = Time.get_ticks_msec()
			_answer(served, served.peer.get_packet())
	if _idle_limit_msec > 0 and Time.get_ticks_msec() - served.last_packet_msec > _idle_limit_msec:
		counts.forgotten += 1
		return false
	return true


func _answer(served: Served, packet: PackedByteArray) -> void:
	counts.received += 1
	if _checks:
		if not Packet.is_whole(packet):
			counts.altered += 1
			return
		var number := Packet.number_of(packet)
		if served.seen.has(number):
			counts.twice += 1
		served.seen[number] = true
	if served.peer.put_packet(packet) == OK:
		counts.sent += 1
	else:
		counts.unsent += 1


func _print_stats() -> void:
	counts.peers = _served.size()
	counts.frames = Engine.get_process_frames()
	print("STATS ", JSON.stringify(counts))


func _end() -> void:
	set_process(false)
	_print_stats()
	_served.clear()
	_udp_server.stop()
	_udp_server = null
	_dtls_server = null
	print("END")
	get_tree().quit()
