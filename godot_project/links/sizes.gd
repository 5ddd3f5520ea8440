## A client that sends packets of many sizes to a server that sends them back, and prints the counters of the system's IP
## layer.
##
## Prints `CONNECTED {...}` and, after the last packet, `SIZES {...}`, each with the counters of /proc/net/snmp; `DONE`
## comes last. Settings: `classes`, `host`, `port`, and `most` for packets of no more bytes than that.
extends Node

const Settings := preload("res://links/settings.gd")

const CONNECTED := 2
const HANDSHAKING := 1
## From one byte to the largest record; around the sizes at which a link of 1,500 bytes begins to need fragments.
const ALL_SIZES: PackedInt32Array = [
	1, 2, 64, 512, 1200, 1400, 1430, 1431, 1432, 1433, 1434, 1435, 1436, 1472, 1473, 1500, 2000, 2953, 4000, 8192,
	12_345, 16_000, 16_383, 16_384,
]
const TIMEOUT_MSEC := 10_000

var _settings := Settings.new()
var _sizes := Array(ALL_SIZES).filter(func(size: int) -> bool: return size <= _settings.number("most", 16_384))
var _udp := _settings.instantiate("PacketPeerUDP")
var _dtls := _settings.instantiate("PacketPeerDTLS")
var _place := -1
var _began_msec := Time.get_ticks_msec()
var _connected_msec := 0
var _sent_msec := 0
var _packet: PackedByteArray


func _ready() -> void:
	var root := load("res://tests/pki/ca.crt") as X509Certificate
	_udp.connect_to_host(_settings.text("host"), _settings.number("port"))
	_dtls.connect_to_peer(_udp, "localhost", TLSOptions.client(root))


func _process(_delta: float) -> void:
	_dtls.poll()
	match _dtls.get_status():
		HANDSHAKING:
			pass
		CONNECTED:
			_exchange()
		var status:
			_end("FAILED in status %d" % status)


func _exchange() -> void:
	if _place < 0:
		_connected_msec = Time.get_ticks_msec() - _began_msec
		print("CONNECTED ", JSON.stringify(_counters()))
		_send_next()
	elif _dtls.get_available_packet_count() > 0:
		if _dtls.get_packet() != _packet:
			_end("FAILED: a packet of %d bytes came back altered" % _packet.size())
		elif _place + 1 < _sizes.size():
			_send_next()
		else:
			var result := _counters()
			result.packets = _sizes.size()
			result.msec = _connected_msec
			print("SIZES ", JSON.stringify(result))
			_dtls.disconnect_from_peer()
			_end("DONE")
	elif Time.get_ticks_msec() - _sent_msec > TIMEOUT_MSEC:
		_end("FAILED: a packet of %d bytes did not come back" % _packet.size())


func _send_next() -> void:
	_place += 1
	_sent_msec = Time.get_ticks_msec()
	_packet = Crypto.new().generate_random_bytes(_sizes[_place])
	var code: int = _dtls.put_packet(_packet)
	if code != OK:
		_end("FAILED to send %d bytes: %s" % [_packet.size(), error_string(code)])


func _end(last_line: String) -> void:
	set_process(false)
	print(last_line)
	get_tree().quit()


## What the IP layer of this network namespace has counted: datagrams fragmented and reassembled.
func _counters() -> Dictionary:
	var file := FileAccess.open("/proc/net/snmp", FileAccess.READ)
	var names := file.get_line().split(" ")
	var values := file.get_line().split(" ")
	return {
		fragmented = int(values[names.find("FragOKs")]),
		reassembled = int(values[names.find("ReasmOKs")]),
	}
