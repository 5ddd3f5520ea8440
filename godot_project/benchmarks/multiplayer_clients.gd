## The clients of `cargo xtask bench --multiplayer`, each with an ENetMultiplayerPeer of its own: they join, 100 at once,
## and each sends 20 packets a second and counts the server's.
##
## Prints `CLIENTS {...}` when the server has measured, and ends. Settings:
##
## - `classes=engine`: the engine's own classes instead of ours
## - `encrypted`: 1 for DTLS
## - `port`: the server's
## - `clients`: how many
extends Node

const Settings := preload("res://links/settings.gd")
const Server := preload("res://benchmarks/multiplayer_server.gd")

const PACKET_SIZE := 100
const PACKET_USEC := 50_000
const AT_ONCE := 100
## Clients are served in so many groups, one after the other, so that their packets are spread over time.
const GROUPS := 5
const CONNECT_USEC := 20_000_000
## How long they stay after the first packet that is not counted.
const LAST_PACKETS_USEC := 500_000

var _settings := Settings.new()
var _clients := _settings.number("clients")
var _options := TLSOptions.client(load("res://tests/pki/ca.crt") as X509Certificate)
var _packet := PackedByteArray()
var _peers: Array[MultiplayerPeer] = []
var _received := PackedInt32Array()
## While the server measures.
var _sent := 0
var _is_measured := false
## Whether a state packet has come: the server has them all.
var _is_complete := false
var _is_joined := false
var _begin_usec := 0
## How long the first took that joined at once.
var _first_joined_msec := 0.0
## By group: when it is served.
var _next_usec := PackedInt64Array()
var _end_usec := 0


func _ready() -> void:
	_packet.resize(PACKET_SIZE)
	_received.resize(_clients)
	_join()


func _process(_delta: float) -> void:
	var now := Time.get_ticks_usec()
	if not _is_joined:
		_wait_for_joining(now)
		return
	for group in GROUPS:
		if now >= _next_usec[group]:
			_next_usec[group] = maxi(_next_usec[group] + PACKET_USEC, now - PACKET_USEC)
			for number in range(group, _clients, GROUPS):
				_serve(number)
	if _end_usec > 0 and now >= _end_usec:
		set_process(false)
		_print_results()
		for peer in _peers:
			peer.close()
		get_tree().quit()


## Begins to connect the next clients.
func _join() -> void:
	_begin_usec = Time.get_ticks_usec()
	for i in mini(AT_ONCE, _clients - _peers.size()):
		# Untyped: MultiplayerPeer does not have what both classes have.
		var peer = _settings.instantiate("ENetMultiplayerPeer")
		var code: int = peer.create_client("127.0.0.1", _settings.number("port"))
		if code == OK and _settings.number("encrypted") > 0:
			code = peer.host.dtls_client_setup("localhost", _options)
		if code != OK:
			_fail(error_string(code))
			return
		peer.get_peer(1).set_timeout(0, Server.TIMEOUT_MSEC, Server.TIMEOUT_MSEC)
		_peers.append(peer)


func _wait_for_joining(now: int) -> void:
	var connected := 0
	for peer in _peers:
		peer.poll()
		connected += int(peer.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED)
	if connected < _peers.size():
		if now > _begin_usec + CONNECT_USEC:
			_fail("%d of %d are connected" % [connected, _peers.size()])
		return
	if _first_joined_msec == 0:
		_first_joined_msec = (Time.get_ticks_usec() - _begin_usec) / 1000.0
	if _peers.size() < _clients:
		_join()
		return
	_is_joined = true
	for group in GROUPS:
		_next_usec.append(now + group * PACKET_USEC / GROUPS)
	for peer in _peers:
		peer.transfer_mode = MultiplayerPeer.TRANSFER_MODE_UNRELIABLE
		peer.set_target_peer(MultiplayerPeer.TARGET_PEER_SERVER)


func _serve(number: int) -> void:
	var peer := _peers[number]
	peer.poll()
	while peer.get_available_packet_count() > 0:
		_is_complete = true
		match peer.get_packet()[0]:
			Server.Phase.MEASURING:
				_received[number] += 1
				_is_measured = true
			Server.Phase.OVER:
				_is_measured = false
				if _end_usec == 0:
					_end_usec = Time.get_ticks_usec() + LAST_PACKETS_USEC
	# A server that is busy with those that have joined would let others wait.
	if _is_complete and peer.put_packet(_packet) != OK:
		_fail("client %d cannot send" % number)
	_sent += int(_is_measured)


func _print_results() -> void:
	var counts := Array(_received)
	print("CLIENTS ", JSON.stringify({
		joined_msec = _first_joined_msec,
		sent = _sent,
		received = counts.reduce(func(sum: int, count: int) -> int: return sum + count, 0),
		fewest = counts.min(),
	}))


func _fail(reason: String) -> void:
	set_process(false)
	_clients = 0
	print("FAILED: ", reason)
	get_tree().quit(1)
