## The RPCs between a server of the multiplayer API and its players; either side connects the signals of those that it
## receives.
extends Node

signal said(player: int, number: int)
signal answered(number: int)
signal announced(number: int)
signal moved(number: int)


@rpc("any_peer", "call_remote", "reliable")
func say(number: int, _filling: PackedByteArray) -> void:
	said.emit(multiplayer.get_remote_sender_id(), number)


@rpc("authority", "call_remote", "reliable")
func answer(number: int) -> void:
	answered.emit(number)


## To all players, in a channel of its own.
@rpc("authority", "call_remote", "reliable", 1)
func announce(number: int) -> void:
	announced.emit(number)


@rpc("authority", "call_remote", "unreliable_ordered", 2)
func move(number: int, _filling: PackedByteArray) -> void:
	moved.emit(number)
