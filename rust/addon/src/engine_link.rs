//! One of the engine's UDP peers beneath a DTLS peer, by way of two queues.
//!
//! The engine's methods print, and a script's logger may call the DTLS peer then. So they are called
//! while the DTLS peer is not locked: [`fetch`] before its step, [`Outbox::send`] after it.

use std::collections::VecDeque;

use godot::builtin::PackedByteArray;
use godot::classes::PacketPeerUdp;
use godot::obj::Gd;

use crate::link::{Arrival, Break};

/// How many bytes are fetched at once at the most, but for the last datagram; as many as the engine's
/// own queue holds.
const FETCHED_BYTES: usize = 65_536;

/// What an engine's UDP peer had.
pub(crate) struct Fetched {
    datagrams: VecDeque<Vec<u8>>,
    /// What came instead of the next datagram.
    end: Arrival,
}

/// Takes what has arrived.
pub(crate) fn fetch(peer: &mut Gd<PacketPeerUdp>) -> Fetched {
    let mut datagrams = VecDeque::new();
    let mut bytes = 0;
    let end = loop {
        if bytes >= FETCHED_BYTES {
            break Arrival::Nothing;
        }
        match peer.get_available_packet_count() {
            0 => break Arrival::Nothing,
            1.. => {
                let datagram = peer.get_packet().to_vec();
                bytes += datagram.len().max(1);
                datagrams.push_back(datagram);
            }
            _ if peer.is_bound() => break Arrival::Broken(Break::Refused),
            _ => break Arrival::Broken(Break::Closed),
        }
    };
    Fetched { datagrams, end }
}

/// An engine's UDP peer, with what was fetched from it.
pub(crate) struct EngineLink {
    peer: Gd<PacketPeerUdp>,
    arrived: VecDeque<Vec<u8>>,
    end: Arrival,
}

impl EngineLink {
    pub(crate) fn new(peer: Gd<PacketPeerUdp>) -> Self {
        Self {
            peer,
            arrived: VecDeque::new(),
            end: Arrival::Nothing,
        }
    }

    pub(crate) fn peer(&self) -> &Gd<PacketPeerUdp> {
        &self.peer
    }

    /// Whether everything that was fetched has been taken.
    pub(crate) fn is_drained(&self) -> bool {
        self.arrived.is_empty()
    }

    pub(crate) fn bring(&mut self, mut fetched: Fetched) {
        self.arrived.append(&mut fetched.datagrams);
        self.end = fetched.end;
    }

    /// Takes the oldest datagram that was fetched.
    pub(crate) fn receive(&mut self, into: &mut Vec<u8>) -> Arrival {
        match self.arrived.pop_front() {
            Some(datagram) => {
                *into = datagram;
                Arrival::Datagram
            }
            None => std::mem::replace(&mut self.end, Arrival::Nothing),
        }
    }
}

// SAFETY: the engine counts references to its peers atomically, and lets any thread use them, one at a
// time: a DTLS peer's lock sees to that.
unsafe impl Send for EngineLink {}

/// Datagrams that go out through engine's UDP peers.
#[derive(Default)]
#[must_use]
pub(crate) struct Outbox(Vec<(Gd<PacketPeerUdp>, PackedByteArray)>);

impl Outbox {
    pub(crate) fn push(&mut self, link: &EngineLink, datagram: &[u8]) {
        self.0
            .push((link.peer.clone(), PackedByteArray::from(datagram)));
    }

    /// Sends them. What the network does not take is lost, as datagrams may be.
    pub(crate) fn send(self) {
        for (mut peer, datagram) in self.0 {
            peer.put_packet(&datagram);
        }
    }
}

// SAFETY: as for `EngineLink`.
unsafe impl Send for Outbox {}
