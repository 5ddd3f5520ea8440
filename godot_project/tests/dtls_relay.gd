## Carries datagrams between one client and one server, encrypted by the engine's DTLS classes on one of the two ways.
##
## Before an end that encrypts by itself, the relay is the other end of its DTLS: one datagram is one record.
extends RefCounted

const DatagramLink := preload("res://tests/datagram_link.gd")

const LOOPBACK := DatagramLink.LOOPBACK
const BUFFER := DatagramLink.BUFFER
const HANDSHAKING := 1
const CONNECTED := 2

# The plain way, towards the end without DTLS.
var _plain: PacketPeer

# The encrypted way: a client's, or what the server took.
var _dtls: PacketPeer
var _dtls_udp: PacketPeer

# Leads the encrypted way to the server.
var _link: DatagramLink

# Of a relay before a client that encrypts.
var _udp_server: RefCounted
var _dtls_server: RefCounted

var _server_port: int
var _options: TLSOptions
var _has_client := false
# What arrived before the handshake was done.
var _waiting: Array[PackedByteArray] = []


## Leads to the server at the port. With a client's options it encrypts towards the server, with a server's towards the
## client.
func _init(server_port: int, options: TLSOptions) -> void:
	_server_port = server_port
	_options = options
	_plain = ClassDB.instantiate("PacketPeerUDP")
	_plain.bind(0, LOOPBACK, BUFFER)
	if options.is_server():
		_plain.set_dest_address(LOOPBACK, server_port)
		_udp_server = ClassDB.instantiate("UDPServer")
		_udp_server.listen(0, LOOPBACK)
		_dtls_server = ClassDB.instantiate("DTLSServer")
		_dtls_server.setup(options)


## The port for the client to connect to.
func port() -> int:
	return _udp_server.get_local_port() if _udp_server else _plain.get_local_port()


## Carries what has arrived.
func step() -> void:
	if _udp_server:
		_accept()
	if _link:
		_link.step()
	while _plain.get_available_packet_count() > 0:
		var datagram := _plain.get_packet()
		if not _udp_server and not _has_client:
			_has_client = true
			_plain.set_dest_address(_plain.get_packet_ip(), _plain.get_packet_port())
			_connect()
		_waiting.append(datagram)
	if _dtls == null:
		return
	_dtls.poll()
	if _dtls.get_status() != CONNECTED:
		return
	for datagram in _waiting:
		_dtls.put_packet(datagram)
	_waiting.clear()
	while _dtls.get_status() == CONNECTED and _dtls.get_available_packet_count() > 0:
		_plain.put_packet(_dtls.get_packet())
		_dtls.poll()


func _connect() -> void:
	# The engine's class prints an error when its datagram is refused, as by a server that has gone.
	_link = DatagramLink.new(_server_port)
	_dtls_udp = ClassDB.instantiate("PacketPeerUDP")
	_dtls_udp.bind(0, LOOPBACK, BUFFER)
	_dtls_udp.connect_to_host(LOOPBACK, _link.port())
	_dtls = ClassDB.instantiate("PacketPeerDTLS")
	_dtls.connect_to_peer(_dtls_udp, "localhost", _options)


func _accept() -> void:
	_udp_server.poll()
	while _udp_server.is_connection_available():
		var udp_peer: PacketPeer = _udp_server.take_connection()
		var peer: PacketPeer = _dtls_server.take_connection(udp_peer)
		# The first hello has no cookie, and its peer an error.
		if peer.get_status() == HANDSHAKING:
			_dtls_udp = udp_peer
			_dtls = peer
