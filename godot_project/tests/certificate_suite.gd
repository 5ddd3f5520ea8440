## Base of suites in which a client connects to servers with different certificates.
extends "res://tests/suite.gd"

const PKI := "res://tests/pki/"
const LINE := "PacketPeerDTLS: the other side's certificate"

var _udp_server: UDPServer
var _dtls_server: DTLSServer
var _peers: Array[PacketPeerDTLS]
var _client: PacketPeerDTLS


func after_each() -> void:
	_client = null
	_peers.clear()
	_dtls_server = null
	_udp_server = null


func _ca(name_of_file := "ca") -> X509Certificate:
	return load(PKI + name_of_file + ".crt")


## Connects a client to a server with this certificate; returns the status in which the client ends.
func _connect_to(certificate: String, options: Variant, host: Variant = "localhost", server_options: Variant = null) -> int:
	after_each()
	_udp_server = UDPServer.new()
	equal(_udp_server.listen(0, "127.0.0.1"), OK, "listen")
	_dtls_server = DTLSServer.new()
	if server_options == null:
		server_options = TLSOptions.server(load(PKI + certificate + ".key"), load(PKI + certificate + ".crt"))
	equal(_dtls_server.setup(server_options), OK, "setup with %s" % certificate)
	var udp := PacketPeerUDP.new()
	equal(udp.connect_to_host("127.0.0.1", _udp_server.get_local_port()), OK, "connect UDP")
	_client = PacketPeerDTLS.new()
	equal(_client.connect_to_peer(udp, host, options), OK, "connect DTLS")
	await until(func() -> bool:
		_serve()
		_client.poll()
		return _client.get_status() != PacketPeerDTLS.STATUS_HANDSHAKING)
	return _client.get_status()


func _serve() -> void:
	while _udp_server.is_connection_available():
		var peer: PacketPeerDTLS = _dtls_server.take_connection(_udp_server.take_connection())
		if peer.get_status() == PacketPeerDTLS.STATUS_HANDSHAKING:
			_peers.append(peer)
	for peer in _peers:
		peer.poll()


func _accepts(certificate: String, options: Variant, host: Variant = "localhost", server_options: Variant = null) -> void:
	var status := await _connect_to(certificate, options, host, server_options)
	equal(status, PacketPeerDTLS.STATUS_CONNECTED as int, "the state with %s" % certificate)


## The client ends in an error and prints one line with these words, and the server's peer ends too.
func _refuses(certificate: String, options: Variant, words: String, host: Variant = "localhost",
		want := PacketPeerDTLS.STATUS_ERROR as int) -> void:
	expect_error(words)
	equal(await _connect_to(certificate, options, host), want, "the state with %s" % certificate)
	check(await until(func() -> bool:
		_serve()
		return _peers[0].get_status() == PacketPeerDTLS.STATUS_ERROR), "the server's peer ends")
