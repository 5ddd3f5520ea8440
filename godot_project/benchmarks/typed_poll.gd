## What a script does each frame with a peer for which nothing arrives, in typed code. Compiled by implementation.gd.
extends RefCounted


## Microseconds for one round of the three calls.
func idle(peer: PacketPeerDTLS, rounds: int) -> float:
	var seen := 0
	var begin := Time.get_ticks_usec()
	for i in rounds:
		peer.poll()
		if peer.get_status() == PacketPeerDTLS.STATUS_CONNECTED:
			seen += peer.get_available_packet_count()
	var spent := Time.get_ticks_usec() - begin
	return spent / float(rounds) if seen == 0 and peer.get_status() == PacketPeerDTLS.STATUS_CONNECTED else NAN


## Microseconds for three calls that only return a number: the cost of a script's calls themselves.
func three_calls(peer: PacketPeerDTLS, rounds: int) -> float:
	var seen := 0
	var begin := Time.get_ticks_usec()
	for i in rounds:
		peer.get_status()
		if peer.get_status() == PacketPeerDTLS.STATUS_CONNECTED:
			seen += peer.get_status()
	var spent := Time.get_ticks_usec() - begin
	return spent / float(rounds) if seen == rounds * PacketPeerDTLS.STATUS_CONNECTED else NAN
