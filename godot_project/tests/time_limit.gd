## Time limits of tests: longer where Godot is emulated, which `cargo xtask test --platform` says in the environment.
extends RefCounted

static var _slowdown := maxi(1, OS.get_environment("OPENSSL_DTLS_SLOWDOWN").to_int())


## The moment at which so many milliseconds of this machine's own programs are over, on the clock of
## Time.get_ticks_msec().
static func deadline(milliseconds: int) -> int:
	return Time.get_ticks_msec() + scaled(milliseconds)


## How long a program may take for what this machine's own programs do in that time.
static func scaled(milliseconds: int) -> int:
	return milliseconds * _slowdown
