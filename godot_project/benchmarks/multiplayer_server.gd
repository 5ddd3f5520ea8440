## The server that is measured by `cargo xtask bench --multiplayer`: an ENetMultiplayerPeer that reads its clients'
## packets in each frame, and sends each client a state packet 20 times a second.
##
## Prints `LISTENING port`, `SERVER {...}` when it has measured, and ends when its clients are gone. Settings:
##
## - `classes=engine`: the engine's own classes instead of ours
## - `encrypted`: 1 for DTLS
## - `clients`: how many it waits for before it measures
## - `seconds`: for how long it measures
extends Node

const Settings := preload("res://links/settings.gd")

const STATE_SIZE := 400
const STATE_USEC := 50_000
## After the last client has joined.
const SETTLE_USEC := 1_000_000
## How long clients may take to go.
const LEAVE_USEC := 5_000_000
## Longer than all else: a client of an overloaded server is starved, and not disconnected.
const TIMEOUT_MSEC := 120_000
## The first byte of a state packet: whether it is counted.
enum Phase { JOINING, MEASURING, OVER }

var _settings := Settings.new()
var _clients := _settings.number("clients")
var _window_usec := _settings.number("seconds") * 1_000_000
var _peer := _settings.instantiate("ENetMultiplayerPeer") as MultiplayerPeer
var _state := PackedByteArray()
## By client: how many packets were counted.
var _received: Dictionary[int, int] = {}
var _sent := 0
var _frames := PackedFloat32Array()
var _phase := Phase.JOINING
## When the phase ends.
var _end_usec := 0
var _next_state_usec := 0
var _processor_usec := 0.0
var _resident_before := 0


func _ready() -> void:
	_state.resize(STATE_SIZE)
	_resident_before = _resident_kilobytes()
	# Untyped: MultiplayerPeer does not have what both classes have.
	var peer = _peer
	# The system chooses the port.
	var code: int = peer.create_server(0, _clients)
	if code == OK and _settings.number("encrypted") > 0:
		var identity := "res://tests/pki/p256"
		code = peer.host.dtls_server_setup(TLSOptions.server(load(identity + ".key"), load(identity + ".crt")))
	if code != OK:
		print("FAILED to listen: ", error_string(code))
		get_tree().quit(1)
		return
	_peer.peer_connected.connect(func(id: int) -> void:
		# No throttle: it would drop unreliable packets by their round trips, and each kind of server other ones.
		peer.get_peer(id).throttle_configure(5_000, 32, 0)
		peer.get_peer(id).set_timeout(0, TIMEOUT_MSEC, TIMEOUT_MSEC)
		_received[id] = 0)
	_peer.peer_disconnected.connect(func(id: int) -> void:
		_received.erase(id)
		if _phase != Phase.OVER:
			print("FAILED: client %d is gone" % id)
			get_tree().quit(1))
	print("LISTENING ", peer.host.get_local_port())


func _process(_delta: float) -> void:
	var begin := Time.get_ticks_usec()
	_change_phase(begin)
	begin = Time.get_ticks_usec()
	_peer.poll()
	while _peer.get_available_packet_count() > 0:
		var client := _peer.get_packet_peer()
		_peer.get_packet()
		if _received.has(client):
			_received[client] += 1
	# Clients send once they have a state packet.
	if (_received.size() == _clients or _phase != Phase.JOINING) and begin >= _next_state_usec:
		_next_state_usec = maxi(_next_state_usec + STATE_USEC, begin - STATE_USEC)
		_send_states()
	if _phase == Phase.MEASURING:
		_frames.append(Time.get_ticks_usec() - begin)
	elif _phase == Phase.OVER and (_received.is_empty() or begin >= _end_usec):
		set_process(false)
		_peer.close()
		get_tree().quit()


func _send_states() -> void:
	_state[0] = _phase
	_peer.transfer_mode = MultiplayerPeer.TRANSFER_MODE_UNRELIABLE
	for client in _received:
		_peer.set_target_peer(client)
		if _peer.put_packet(_state) == OK:
			_sent += 1


func _change_phase(now: int) -> void:
	match _phase:
		Phase.JOINING:
			if _received.size() < _clients:
				return
			if _end_usec == 0:
				_end_usec = now + SETTLE_USEC
			if now >= _end_usec:
				_phase = Phase.MEASURING
				_end_usec = now + _window_usec
				_sent = 0
				for client in _received:
					_received[client] = 0
				_processor_usec = _processor()
		Phase.MEASURING:
			if now >= _end_usec:
				var spent := _processor() - _processor_usec
				_phase = Phase.OVER
				_end_usec = now + LEAVE_USEC
				_print_results(spent)


func _print_results(processor_usec: float) -> void:
	_frames.sort()
	var counts := _received.values()
	print("SERVER ", JSON.stringify({
		processor_usec = processor_usec,
		received = counts.reduce(func(sum: int, count: int) -> int: return sum + count, 0),
		fewest = counts.min(),
		sent = _sent,
		frames = _frames.size(),
		frame_median_usec = _frames[_frames.size() / 2],
		frame_99_usec = _frames[ceili(_frames.size() * 0.99) - 1],
		kilobytes = _resident_kilobytes() - _resident_before,
	}))


## Microseconds that all threads of this process have run, from Linux' /proc.
func _processor() -> float:
	var sum := 0.0
	for thread in DirAccess.get_directories_at("/proc/self/task"):
		var file := FileAccess.open("/proc/self/task/%s/schedstat" % thread, FileAccess.READ)
		if file != null:
			sum += file.get_line().get_slice(" ", 0).to_float() / 1000
	return sum


func _resident_kilobytes() -> int:
	var file := FileAccess.open("/proc/self/status", FileAccess.READ)
	while file != null and not file.eof_reached():
		var line := file.get_line()
		if line.begins_with("VmRSS:"):
			return line.to_int()
	return 0
