## Packets that carry their sender, their number, and a digest that shows whether they were altered.
##
## Number of the sender, number of the packet (4 bytes each, little endian), filling, and the first 8 bytes of the
## SHA-256 of all that. rust/xtask/src/network/packet.rs makes and reads the same.
extends RefCounted

const HEADER := 8
const DIGEST := 8
const SMALLEST := HEADER + DIGEST


static func make(sender: int, number: int, size: int, random: RandomNumberGenerator) -> PackedByteArray:
	var packet := PackedByteArray()
	packet.resize(maxi(size, SMALLEST) - DIGEST)
	packet.fill(random.randi() & 0xff)
	packet.encode_u32(0, sender)
	packet.encode_u32(4, number)
	return packet + _digest(packet)


static func is_whole(packet: PackedByteArray) -> bool:
	if packet.size() < SMALLEST:
		return false
	var end := packet.size() - DIGEST
	return packet.slice(end) == _digest(packet.slice(0, end))


static func sender_of(packet: PackedByteArray) -> int:
	return packet.decode_u32(0)


static func number_of(packet: PackedByteArray) -> int:
	return packet.decode_u32(4)


static func _digest(bytes: PackedByteArray) -> PackedByteArray:
	var hashing := HashingContext.new()
	hashing.start(HashingContext.HASH_SHA256)
	hashing.update(bytes)
	return hashing.finish().slice(0, DIGEST)
