## Carries datagrams between one client and one server, whose end it does not report to the other.
extends RefCounted

const LOOPBACK := "127.0.0.1"
## ENet sends up to 64 KiB that were not acknowledged; a PacketPeerUDP drops what its buffer does not hold.
const BUFFER := 1 << 20

## All datagrams of both ways, where they are kept.
var datagrams: Array[PackedByteArray] = []

var _keeps: bool
var _downstream: PacketPeer = ClassDB.instantiate("PacketPeerUDP")
var _upstream: PacketPeer = ClassDB.instantiate("PacketPeerUDP")
var _has_client := false


func _init(server_port: int, keeps_datagrams := false) -> void:
	_keeps = keeps_datagrams
	_downstream.bind(0, LOOPBACK, BUFFER)
	_upstream.bind(0, LOOPBACK, BUFFER)
	_upstream.set_dest_address(LOOPBACK, server_port)


## The port for the client to connect to.
func port() -> int:
	return _downstream.get_local_port()


## Carries what has arrived.
func step() -> void:
	while _downstream.get_available_packet_count() > 0:
		var datagram := _downstream.get_packet()
		if not _has_client:
			_has_client = true
			_downstream.set_dest_address(_downstream.get_packet_ip(), _downstream.get_packet_port())
		_carry(datagram, _upstream)
	while _upstream.get_available_packet_count() > 0:
		_carry(_upstream.get_packet(), _downstream)


func _carry(datagram: PackedByteArray, way: PacketPeer) -> void:
	if _keeps:
		datagrams.append(datagram)
	way.put_packet(datagram)
