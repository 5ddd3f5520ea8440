## Hosts or joins a game over ENet, encrypted by DTLS.
##
## What makes it encrypted are the calls of `dtls_server_setup()` and `dtls_client_setup()`, before the peer is used.
class_name Network

const PORT := 4242
const MAX_CLIENTS := 32

## The name in the server's certificate: see make_certificate.gd.
const SERVER_NAME := "localhost"


## A server's peer; null and a printed reason if it cannot be made.
static func host(port: int) -> ENetMultiplayerPeer:
	var key: CryptoKey = load("res://server.key")
	var certificate: X509Certificate = load("res://server.crt")
	if key == null or certificate == null:
		print("There is no key or certificate: run `godot --headless -s make_certificate.gd` once.")
		return null
	var peer := ENetMultiplayerPeer.new()
	var error := peer.create_server(port, MAX_CLIENTS)
	if error == OK:
		error = peer.host.dtls_server_setup(TLSOptions.server(key, certificate))
	return _checked(peer, error)


## A client's peer, which accepts no server but the one with our certificate.
static func join(address: String, port: int) -> ENetMultiplayerPeer:
	var peer := ENetMultiplayerPeer.new()
	var error := peer.create_client(address, port)
	if error == OK:
		error = peer.host.dtls_client_setup(SERVER_NAME, TLSOptions.client(load("res://server.crt")))
	return _checked(peer, error)


static func _checked(peer: ENetMultiplayerPeer, error: Error) -> ENetMultiplayerPeer:
	if error == OK:
		return peer
	print("The network cannot be used: %s." % error_string(error))
	peer.close()
	return null
