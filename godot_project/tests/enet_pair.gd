## Two ENetConnections, a server and a client, used without a multiplayer API.
extends RefCounted

const Game := preload("res://tests/multiplayer_game.gd")

const CONNECT := 1
const DISCONNECT := 2
const RECEIVE := 3

var game: Game
var server: RefCounted
var client: RefCounted

## The client's peer of the server, and the server's of the client.
var client_peer: PacketPeer
var server_peer: PacketPeer

## What service() returned and was not nothing, in order, of each end: the kind, whether it names the peer above, the data
## and the channel.
var server_events: Array = []
var client_events: Array = []


func _init(with_game: Game, channels := 0, max_peers := 32) -> void:
	game = with_game
	server = game.ends.server_host()
	game.check(server.create_host_bound("127.0.0.1", 0, max_peers, channels) == OK, "create_host_bound()")
	game.check(game.ends.encrypt_server(server) == OK, "dtls_server_setup()")
	client = game.ends.client_host()
	game.check(client.create_host(1) == OK, "create_host()")
	game.check(game.ends.encrypt_client(client) == OK, "dtls_client_setup()")


## Begins to connect; returns the peer.
func begin(channels := 0, data := 0) -> PacketPeer:
	client_peer = client.connect_to_host("127.0.0.1", game.ends.way_to(server.get_local_port()), channels, data)
	return client_peer


## Connects.
func establish(channels := 0, data := 0) -> void:
	begin(channels, data)
	await until("both ends are connected", func() -> bool: return not server_events.is_empty() and not client_events.is_empty())


## Connects once more, after the events of the first time.
func establish_again(channels := 0, data := 0) -> void:
	server_events.clear()
	client_events.clear()
	await establish(channels, data)


## Services both ends in each frame until the condition returns true.
func until(what: String, condition: Callable, seconds := 10.0) -> void:
	await game.until(what, func() -> bool:
		step()
		return condition.call(), seconds)


## Services both ends for some frames, in which nothing more should happen.
func steps(count := 20) -> void:
	for i in count:
		step()
		await game.frames(1)


## Services both ends once.
func step() -> void:
	var event: Array = server.service()
	if event[0] != 0:
		if event[0] == CONNECT:
			server_peer = event[1]
		server_events.append([event[0], event[1] == server_peer, event[2], event[3]])
	event = client.service()
	if event[0] != 0:
		client_events.append([event[0], event[1] == client_peer, event[2], event[3]])


## Ends what is active of both.
func end() -> void:
	for host in [client, server]:
		host.destroy()
