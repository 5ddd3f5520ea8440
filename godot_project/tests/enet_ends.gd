## Which classes a multiplayer game's server and clients use, the engine's or ours, and what encrypts its datagrams.
extends "res://tests/implementation.gd"

const DatagramLink := preload("res://tests/datagram_link.gd")
const DtlsRelay := preload("res://tests/dtls_relay.gd")
const PKI := "res://tests/pki/"

## Nothing, the ends that are ours, or a relay of the engine's DTLS classes at the end that is the engine's.
enum Encryption { NONE, DTLS, RELAYED_DTLS }

## For messages of failures.
var title: String

var server_is_ours: bool
var client_is_ours: bool
var encryption: Encryption

var _links: Array[RefCounted] = []


func _init(of_ours_server: bool, of_ours_client: bool, with_encryption := Encryption.NONE) -> void:
	super(of_ours_server and of_ours_client)
	server_is_ours = of_ours_server
	client_is_ours = of_ours_client
	encryption = with_encryption
	title = "%s, %s, %s" % [
		"our server" if server_is_ours else "the engine's server",
		"our client" if client_is_ours else "the engine's client",
		["plain", "DTLS", "DTLS through the engine's classes"][encryption],
	]


## An ENetMultiplayerPeer for a server.
func server_peer() -> MultiplayerPeer:
	return _instantiate("ENetMultiplayerPeer", server_is_ours)


## An ENetMultiplayerPeer for a client.
func client_peer() -> MultiplayerPeer:
	return _instantiate("ENetMultiplayerPeer", client_is_ours)


## An ENetConnection for a server.
func server_host() -> RefCounted:
	return _instantiate("ENetConnection", server_is_ours)


## An ENetConnection for a client.
func client_host() -> RefCounted:
	return _instantiate("ENetConnection", client_is_ours)


## Encrypts what a server's ENetConnection sends, where the server is the end that does it; returns the code.
func encrypt_server(host: RefCounted) -> Error:
	if encryption == Encryption.NONE or not server_is_ours:
		return OK
	return host.dtls_server_setup(server_side_options())


## Encrypts what a client's ENetConnection sends, where the client is the end that does it; returns the code.
func encrypt_client(host: RefCounted) -> Error:
	if encryption == Encryption.NONE or not client_is_ours:
		return OK
	return host.dtls_client_setup("localhost", client_side_options())


## The port that leads a client to the server at this port.
func way_to(server_port: int) -> int:
	if encryption != Encryption.RELAYED_DTLS:
		return server_port
	var relay := DtlsRelay.new(server_port, client_side_options() if server_is_ours else server_side_options())
	_links.append(relay)
	return relay.port()


## The datagrams between a client and the server at this port are kept by what this returns.
func tap(server_port: int) -> DatagramLink:
	var link := DatagramLink.new(server_port, true)
	_links.append(link)
	return link


## Carries what has arrived at relays and taps.
func step() -> void:
	for link in _links:
		link.step()


## Ends relays and taps.
func close() -> void:
	_links.clear()


## The engine's options of a server.
static func server_side_options(certificate := "p256") -> TLSOptions:
	return TLSOptions.server(load(PKI + certificate + ".key"), load(PKI + certificate + ".crt"))


## The engine's options of a client that trusts the tests' root.
static func client_side_options() -> TLSOptions:
	return TLSOptions.client(load(PKI + "ca.crt") as X509Certificate)


static func _instantiate(engine_class: String, of_ours: bool) -> RefCounted:
	return ClassDB.instantiate(("OpenSSL" if of_ours else "") + engine_class)
