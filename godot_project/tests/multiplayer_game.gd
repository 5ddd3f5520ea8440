## A server and its clients as branches of one tree, each with a SceneMultiplayer of its own.
extends Node

const EnetEnds := preload("res://tests/enet_ends.gd")
const Participant := preload("res://tests/multiplayer_participant.gd")
const TimeLimit := preload("res://tests/time_limit.gd")

## The classes of both ends.
var ends: EnetEnds

var server: Participant

## In the order in which they joined, those that left included.
var clients: Array[Participant] = []

## What did not come about; each fails the test.
var problems: PackedStringArray = []


func _init(with_ends: EnetEnds) -> void:
	ends = with_ends
	name = "Game"


## Notes one result; see implementation.gd.
func note(label: String, value: Variant) -> void:
	ends.note(label, value)


## That it does not hold is a problem.
func check(condition: bool, what: String) -> void:
	if not condition:
		problems.append(what)


## Starts the server. `prepare` is a function that takes its participant, before its multiplayer API has a peer.
func serve(max_clients := 32, max_channels := 0, prepare := Callable()) -> Participant:
	var peer := ends.server_peer()
	peer.set_bind_ip(EnetEnds.LOOPBACK)
	_expect(peer.create_server(0, max_clients, max_channels), "create_server()")
	_expect(ends.encrypt_server(peer.host), "dtls_server_setup()")
	server = _add("server", peer, prepare)
	return server


## Starts a client, which connects to the server, or else to a port. `prepare` is as in serve().
func begin_to_join(channels := 0, prepare := Callable(), port := server_port()) -> Participant:
	var peer := ends.client_peer()
	_expect(peer.create_client(EnetEnds.LOOPBACK, ends.way_to(port), channels), "create_client()")
	_expect(ends.encrypt_client(peer.host), "dtls_client_setup()")
	var client := _add("client %d" % (clients.size() + 1), peer, prepare)
	clients.append(client)
	return client


## Starts a client and waits until all others know it, and it them.
func join(channels := 0, prepare := Callable()) -> Participant:
	var client := begin_to_join(channels, prepare)
	await until("%s has joined" % client.title, func() -> bool: return _all_know(client))
	return client


## Adds a member of a mesh with this id, which is connected with nobody.
func mesh(id: int) -> Participant:
	var peer := ends.server_peer() if id == 1 else ends.client_peer()
	_expect(peer.create_mesh(id), "create_mesh()")
	var member := _add("member %d" % id, peer, Callable())
	clients.append(member)
	return member


## A server and so many clients, all of which are connected.
func start(client_count := 1) -> void:
	serve()
	for i in client_count:
		await join()


## The port of the server itself.
func server_port() -> int:
	return server.peer.host.get_local_port()


## Waits, frame by frame, until the condition returns true; that it does not is a problem. Returns whether it did.
func until(what: String, condition: Callable, seconds := 10.0) -> bool:
	var deadline := TimeLimit.deadline(int(seconds * 1000))
	while not condition.call():
		if Time.get_ticks_msec() > deadline:
			problems.append("not in %s s: %s" % [seconds, what])
			return false
		await get_tree().process_frame
	return true


## Waits until the participant has noted so many events; see Participant.events.
func until_events(participant: Participant, count: int, seconds := 10.0) -> bool:
	return await until(
			"%s has %d events" % [participant.title, count],
			func() -> bool: return participant.events.size() >= count, seconds)


## Waits for some frames, in which nothing more should happen.
func frames(count := 20) -> void:
	for i in count:
		await get_tree().process_frame


## Who has this id: the title of a participant, or the id in words.
func title_of(id: int) -> String:
	if id == 0:
		return "nobody"
	if id == 1 and server:
		return "server"
	for client in clients:
		if client.id == absi(id):
			return client.title if id > 0 else "all but " + client.title
	return "unknown"


## Ends all participants and frees this.
func end() -> void:
	for participant in clients:
		participant.end()
	if server:
		server.end()
	ends.close()
	queue_free()
	await tree_exited


func _process(_delta: float) -> void:
	ends.step()


func _add(title: String, peer: MultiplayerPeer, prepare: Callable) -> Participant:
	var participant := Participant.new(title, self)
	add_child(participant)
	if prepare:
		prepare.call(participant)
	participant.start(peer)
	return participant


func _all_know(client: Participant) -> bool:
	if client.peer.get_connection_status() != MultiplayerPeer.CONNECTION_CONNECTED:
		return false
	var is_there := func(other: Participant) -> bool:
		return other.is_connected_through() and client.id in other.api.get_peers()
	var others: Array = clients.filter(func(other: Participant) -> bool: return other != client and other.is_connected_through())
	return (
			client.id in server.api.get_peers()
			and client.api.get_peers().size() == others.size() + 1
			and others.all(is_there))


func _expect(code: Error, what: String) -> void:
	check(code == OK, "%s: %s" % [what, error_string(code)])
