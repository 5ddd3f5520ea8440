## One client that sends a packet every 50 ms until it is killed, and prints `STATUS n` whenever its status changes, and `ECHO n` for each tenth packet that comes back. When its connection ends, it connects again half a
## second later, with the same objects. Settings:
##
## - `host`, `port`: the server
## - `idle`: idle_timeout, `handshake`: handshake_timeout, both in seconds; as the class has them unless set
extends Node

const Settings := preload("res://links/settings.gd")
const Packet := preload("res://links/packet.gd")

const HANDSHAKING := 1
const CONNECTED := 2
const EVERY_MSEC := 50
const PAUSE_MSEC := 500

var _settings := Settings.new()
var _udp: Object = _settings.instantiate("PacketPeerUDP")
var _dtls: Object = _settings.instantiate("PacketPeerDTLS")
var _options := TLSOptions.client(load("res://tests/pki/ca.crt") as X509Certificate)
var _status := -1
var _sent := 0
var _received := 0
var _next_msec := 0
var _random := RandomNumberGenerator.new()


func _ready() -> void:
	if _settings.number("idle") > 0:
		_dtls.idle_timeout = _settings.number("idle")
	if _settings.number("handshake") > 0:
		_dtls.handshake_timeout = _settings.number("handshake")
	_udp.connect_to_host(_settings.text("host", "127.0.0.1"), _settings.number("port"))
	_connect()


func _connect() -> void:
	var code: int = _dtls.connect_to_peer(_udp, "localhost", _options)
	if code != OK:
		print("REFUSED ", error_string(code))


func _process(_delta: float) -> void:
	_dtls.poll()
	var now := Time.get_ticks_msec()
	var status: int = _dtls.get_status()
	if status != _status:
		_status = status
		_next_msec = now + (PAUSE_MSEC if status != CONNECTED else 0)
		print("STATUS ", status)
	if status == CONNECTED:
		_exchange(now)
	elif status != HANDSHAKING and now >= _next_msec:
		_connect()


func _exchange(now: int) -> void:
	while _dtls.get_status() == CONNECTED and _dtls.get_available_packet_count() > 0:
		if not Packet.is_whole(_dtls.get_packet()):
			print("ALTERED")
		_received += 1
		if _received % 10 == 0:
			print("ECHO ", _received)
	if now >= _next_msec:
		_next_msec = now + EVERY_MSEC
		_dtls.put_packet(Packet.make(0, _sent, 200, _random))
		_sent += 1
