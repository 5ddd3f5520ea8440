//! The virtual methods that the multiplayer API calls for each packet.

use godot::classes::multiplayer_peer::TransferMode;
use godot::global::Error;
use godot::meta::conv::RawPtr;
use godot::obj::EngineEnum;

use super::players::{Incoming, Mode, SERVER};
use super::{INACTIVE, NO_PACKET, OpenSslEnetMultiplayerPeer};
use crate::ffi::hot::{Call, Hot, Shortcut};
use crate::ffi::packet_ptr;
use crate::refusal::answer;
use crate::report::mistake;

type Peer<'a> = Call<'a, OpenSslEnetMultiplayerPeer>;

const GET: &str = "ENetMultiplayerPeer.get_packet()";
const PUT: &str = "ENetMultiplayerPeer.put_packet()";
const CHANNEL_OF: &str = "ENetMultiplayerPeer.get_packet_channel()";
const MODE_OF: &str = "ENetMultiplayerPeer.get_packet_mode()";
const SENDER_OF: &str = "ENetMultiplayerPeer.get_packet_peer()";

pub(crate) static SHORTCUTS: [&dyn Shortcut; 9] = [
    &Hot::new(
        "ENetMultiplayerPeer.get_available_packet_count()",
        |peer: Peer<'_>, ()| {
            let count = peer.peek().with(|it| it.incoming.len());
            i32::try_from(count).unwrap_or(i32::MAX)
        },
    ),
    &Hot::new(GET, get),
    &Hot::new(PUT, put),
    &Hot::new(CHANNEL_OF, |peer: Peer<'_>, ()| {
        of_packet(&peer, CHANNEL_OF, 1, Incoming::transfer_channel)
    }),
    &Hot::new(MODE_OF, |peer: Peer<'_>, ()| {
        of_packet(&peer, MODE_OF, TransferMode::RELIABLE, Incoming::mode)
    }),
    &Hot::new(SENDER_OF, |peer: Peer<'_>, ()| {
        of_packet(&peer, SENDER_OF, SERVER, |packet| packet.from)
    }),
    &Hot::new(
        "ENetMultiplayerPeer.set_transfer_channel()",
        |peer: Peer<'_>, (channel,): (i64,)| {
            peer.peek().with(|it| it.transfer_channel = channel as i32);
        },
    ),
    &Hot::new(
        "ENetMultiplayerPeer.set_transfer_mode()",
        |peer: Peer<'_>, (mode,): (i64,)| {
            if let Some(mode) = TransferMode::try_from_ord(mode as i32) {
                peer.peek().with(|it| it.transfer_mode = mode);
            }
        },
    ),
    &Hot::new(
        "ENetMultiplayerPeer.set_target_peer()",
        |peer: Peer<'_>, (target,): (i64,)| {
            peer.peek().with(|it| it.target = target as i32);
        },
    ),
];

fn get(
    peer: Peer<'_>,
    (buffer, size): (RawPtr<*mut RawPtr<*const u8>>, RawPtr<*mut i32>),
) -> Error {
    let taken = peer.peek().with(|it| it.incoming.pop_front());
    let taken = taken.map(|incoming| incoming.packet.bytes).ok_or_else(|| {
        mistake(GET, NO_PACKET);
        Error::ERR_UNAVAILABLE
    });
    // SAFETY: the engine passes two valid out pointers to this virtual method.
    unsafe { packet_ptr::give(taken, buffer, size) }
}

fn put(peer: Peer<'_>, (buffer, size): (RawPtr<*const u8>, i64)) -> Error {
    let state = peer.state();
    answer(PUT, || {
        // SAFETY: the engine passes `size` readable bytes to this virtual method. They can be a script's, whose logger can
        // change them when something is printed: `put` does not use them after that.
        state.put(unsafe { packet_ptr::borrow(buffer, size as i32) })
    })
}

/// What a getter returns, by the packet that waits longest.
fn of_packet<R>(peer: &Peer<'_>, what: &str, default: R, read: impl FnOnce(&Incoming) -> R) -> R {
    let (is_active, value) = peer.peek().with(|it| {
        let value = it.incoming.front().map(read);
        (it.mode != Mode::None, value)
    });
    value.unwrap_or_else(|| {
        mistake(what, if is_active { NO_PACKET } else { INACTIVE });
        default
    })
}
