## Clients that connect, send numbered packets, check the echoes, and print their counts.
##
## Each prints `CLIENT {...}` when it is done; `DONE` comes last. Settings:
##
## - `classes=engine`: the engine's own classes instead of ours
## - `host`, `port`: the server
## - `clients`: how many; `first`: the number of the first
## - `packets`: how many each sends, one every `every` milliseconds, of `smallest` to `largest` bytes
## - `seed`: chooses the sizes
## - `attempts`: how often a client connects again after a handshake that failed; 0 unless set
## - `handshake_limit`: seconds after which it ends a handshake itself; unless set, only the class's timeout does
extends Node

const Settings := preload("res://links/settings.gd")
const Packet := preload("res://links/packet.gd")

const HANDSHAKING := 1
const CONNECTED := 2

## How long a client waits for answers after its last packet.
const LAST_ANSWERS_MSEC := 1500
const LOOKS := 64


## One client.
class Client:
	var number: int
	var udp: Object
	var dtls: Object
	var random := RandomNumberGenerator.new()
	var seen: Dictionary = {}
	var began_msec := 0
	var handshake_msec := -1
	var next_msec := 0
	var ends_msec := 0
	var attempts := 0
	var sent := 0
	var received := 0
	var twice := 0
	var altered := 0
	var status := 0


var _settings := Settings.new()
var _clients: Array[Client] = []
var _packets := _settings.number("packets", 10)
var _every := _settings.number("every", 50)
var _handshake_limit_msec := _settings.number("handshake_limit", 1000) * 1000
var _options: TLSOptions


func _ready() -> void:
	_options = TLSOptions.client(load("res://tests/pki/ca.crt") as X509Certificate)
	for i in _settings.number("clients", 1):
		var client := Client.new()
		client.number = _settings.number("first") + i
		client.random.seed = hash([_settings.number("seed"), client.number])
		_begin(client)
		_clients.append(client)


func _begin(client: Client) -> void:
	client.udp = _settings.instantiate("PacketPeerUDP")
	client.dtls = _settings.instantiate("PacketPeerDTLS")
	client.began_msec = Time.get_ticks_msec()
	client.attempts += 1
	client.udp.connect_to_host(_settings.text("host", "127.0.0.1"), _settings.number("port"))
	client.dtls.connect_to_peer(client.udp, "localhost", _options)


func _process(_delta: float) -> void:
	_clients = _clients.filter(_run)
	if _clients.is_empty():
		set_process(false)
		print("DONE")
		get_tree().quit()


## One step of a client; returns whether it goes on.
func _run(client: Client) -> bool:
	for look in LOOKS:
		client.dtls.poll()
		client.status = client.dtls.get_status()
		if client.status == HANDSHAKING:
			if Time.get_ticks_msec() - client.began_msec > _handshake_limit_msec:
				_begin(client)
			return true
		if client.status != CONNECTED:
			if client.handshake_msec < 0 and client.attempts <= _settings.number("attempts"):
				_begin(client)
				return true
			_print_counts(client)
			return false
		if client.handshake_msec < 0:
			client.handshake_msec = Time.get_ticks_msec() - client.began_msec
		if client.dtls.get_available_packet_count() == 0:
			break
		while client.dtls.get_status() == CONNECTED and client.dtls.get_available_packet_count() > 0:
			_check(client, client.dtls.get_packet())
	var now := Time.get_ticks_msec()
	if client.sent < _packets and now >= client.next_msec:
		client.next_msec = now + _every
		client.ends_msec = now + LAST_ANSWERS_MSEC
		var size := client.random.randi_range(_settings.number("smallest", 16), _settings.number("largest", 1200))
		client.dtls.put_packet(Packet.make(client.number, client.sent, size, client.random))
		client.sent += 1
	# All wait to the end: a duplicate may arrive late.
	if client.sent == _packets and now >= client.ends_msec:
		_print_counts(client)
		client.dtls.disconnect_from_peer()
		return false
	return true


func _check(client: Client, packet: PackedByteArray) -> void:
	client.received += 1
	if not Packet.is_whole(packet) or Packet.sender_of(packet) != client.number:
		client.altered += 1
		return
	var number := Packet.number_of(packet)
	if client.seen.has(number):
		client.twice += 1
	client.seen[number] = true


func _print_counts(client: Client) -> void:
	print("CLIENT ", JSON.stringify({
		number = client.number,
		status = client.status,
		attempts = client.attempts,
		handshake_msec = client.handshake_msec,
		sent = client.sent,
		received = client.received,
		twice = client.twice,
		altered = client.altered,
	}))
