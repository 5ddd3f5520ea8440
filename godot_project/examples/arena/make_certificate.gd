## Makes the server's key and certificate, once: `godot --headless -s make_certificate.gd`
##
## The key stays on the server. The certificate is public: clients get a copy, and accept no other server.
extends SceneTree


func _initialize() -> void:
	var crypto := Crypto.new()
	var key := crypto.generate_rsa(2048)
	var certificate := crypto.generate_self_signed_certificate(key, "CN=localhost")
	key.save("res://server.key")
	certificate.save("res://server.crt")
	quit()
