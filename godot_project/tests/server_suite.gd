## Base of suites with one server of the addon's classes, which keeps its peers as the documented server does.
extends "res://tests/suite.gd"

const Implementation := preload("res://tests/implementation.gd")

const DISCONNECTED := OpenSSLPacketPeerDTLS.STATUS_DISCONNECTED
const HANDSHAKING := OpenSSLPacketPeerDTLS.STATUS_HANDSHAKING
const CONNECTED := OpenSSLPacketPeerDTLS.STATUS_CONNECTED
const ERROR := OpenSSLPacketPeerDTLS.STATUS_ERROR

var _impl := Implementation.new(true)

## The addon's, or the engine's where a suite replaces it.
var _udp_server: RefCounted
var _dtls_server: OpenSSLDTLSServer

## The server's peers whose client has shown its cookie, in the order in which they were taken.
var _served: Array[OpenSSLPacketPeerDTLS] = []


func before_each() -> void:
	_start_server()


## Starts a new server without peers.
func _start_server() -> void:
	_udp_server = _impl.listening_server()
	_dtls_server = _impl.ready_server()
	_served.clear()


## Takes the clients that have shown their cookie.
func _take() -> void:
	while _udp_server.is_connection_available():
		var peer := _dtls_server.take_connection(_udp_server.take_connection())
		if peer.get_status() == HANDSHAKING:
			_served.append(peer)


## One frame of the server.
func _serve() -> void:
	_udp_server.poll()
	_take()
	for peer in _served:
		peer.poll()


## A client of the server, which does not verify it.
func _client() -> OpenSSLPacketPeerDTLS:
	var client := OpenSSLPacketPeerDTLS.new()
	client.connect_to_peer(_impl.connected_peer(_udp_server.get_local_port()), "localhost", TLSOptions.client_unsafe())
	return client


## Whether all peers have this status.
func _are(peers: Array[OpenSSLPacketPeerDTLS], status: OpenSSLPacketPeerDTLS.Status) -> bool:
	return peers.all(func(peer: OpenSSLPacketPeerDTLS) -> bool: return peer.get_status() == status)
