## Carries datagrams between one server and several clients, all of which the server sees at one address: a NAT with one
## port, behind which a client restarts or another one uses its address.
extends RefCounted

## Whether datagrams are carried at all.
var is_up := true

## How many datagrams that begin with a ServerHello in plain text were carried to the clients.
var server_hellos := 0

var _server_port: int
var _upstream: PacketPeerUDP
var _downstreams: Array[PacketPeerUDP] = []
var _is_known: Array[bool] = []


func _init(server_port: int) -> void:
	_server_port = server_port
	change_port()


## Continues from another port, as a NAT does that dropped its mapping.
func change_port() -> void:
	if _upstream:
		_upstream.close()
	_upstream = PacketPeerUDP.new()
	_upstream.connect_to_host("127.0.0.1", _server_port)


## The port at which the server sees the clients.
func port() -> int:
	return _upstream.get_local_port()


## Makes room for one more client; returns the port for it to connect to.
func open() -> int:
	var downstream := PacketPeerUDP.new()
	downstream.bind(0, "127.0.0.1")
	_downstreams.append(downstream)
	_is_known.append(false)
	return downstream.get_local_port()


## Carries what has arrived. What the server sends goes to all of the clients.
func step() -> void:
	for i in _downstreams.size():
		while _downstreams[i].get_available_packet_count() > 0:
			var datagram := _downstreams[i].get_packet()
			if not _is_known[i]:
				_is_known[i] = true
				_downstreams[i].set_dest_address(_downstreams[i].get_packet_ip(), _downstreams[i].get_packet_port())
			if is_up:
				_upstream.put_packet(datagram)
	while _upstream.get_available_packet_count() > 0:
		var datagram := _upstream.get_packet()
		if not is_up:
			continue
		if datagram.size() > 13 and datagram[0] == 22 and datagram[4] == 0 and datagram[13] == 2:
			server_hellos += 1
		for i in _downstreams.size():
			if _is_known[i]:
				_downstreams[i].put_packet(datagram)
