//! What the owner does with a peer.

use std::net::SocketAddr;
use std::sync::Arc;

use rusty_enet::error::PeerSendError;
use rusty_enet::{Packet, PeerID, PeerState};

use super::{Enet, Host};
use crate::debug_field;
use crate::error::{NoPeer, SendError};
use crate::event::{PeerId, PeerStatistic, State};
use crate::kind::Kind;
use crate::screen::FRAGMENT_OVERHEAD;
use crate::socket::Socket;
use crate::wire::MAX_PACKET;

type Peer = rusty_enet::Peer<Socket>;

/// How many fragments a packet may have: as many as the largest one has in the largest datagrams. Each takes a sequence
/// number, and ENet's receiver drops those that are too far ahead of the last packet that is complete: by 28,672, or by as
/// few as 24,577, since it counts them in steps of 4,096.
const MAX_FRAGMENTS: usize = 24_601;

impl Host {
    /// The peers that are connecting, connected or disconnecting.
    pub fn peers(&self) -> impl Iterator<Item = PeerId> {
        let all = (0_u16..).zip(&self.slots);
        all.filter(|(_, it)| it.is_visible)
            .map(|(slot, it)| PeerId {
                slot,
                generation: it.generation,
            })
    }

    /// Queues a packet for a peer.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send(
        &mut self,
        peer: PeerId,
        channel: u8,
        packet: &[u8],
        kind: Kind,
    ) -> Result<(), SendError> {
        if packet.len() > MAX_PACKET {
            return Err(SendError::TooLarge);
        }
        self.send_shared(peer, channel, &Arc::from(packet), kind)
    }

    /// Queues a packet for all peers that are connected and have this channel. A peer for which too much is queued does not
    /// get it.
    pub fn broadcast(&mut self, channel: u8, packet: &[u8], kind: Kind) {
        if packet.len() > MAX_PACKET {
            return;
        }
        let packet = Arc::from(packet);
        let peers: Vec<_> = self.peers().collect();
        for peer in peers {
            // ENet's host skips those that it cannot send to as well.
            let _ = self.send_shared(peer, channel, &packet, kind);
        }
    }

    fn send_shared(
        &mut self,
        id: PeerId,
        channel: u8,
        packet: &Arc<[u8]>,
        kind: Kind,
    ) -> Result<(), SendError> {
        let peer = self.peer(id).ok_or(SendError::NoPeer)?;
        if peer.state() != PeerState::Connected {
            return Err(SendError::NotConnected);
        }
        if usize::from(channel) >= self.channels(id) {
            return Err(SendError::NoChannel);
        }
        let fragment = usize::from(peer.mtu()).saturating_sub(FRAGMENT_OVERHEAD);
        if packet.len().div_ceil(fragment.max(1)) > MAX_FRAGMENTS {
            return Err(SendError::TooLarge);
        }
        let queued = &self.slots[usize::from(id.slot)].queued;
        let packet = queued
            .add(Arc::clone(packet), fragment)
            .ok_or(SendError::QueueFull)?;
        let sent = self.guarded(|enet| {
            let packet = Packet::new(packet, kind.to_enet());
            enet.peer_mut(PeerID(id.slot.into())).send(channel, &packet)
        });
        sent.ok_or(SendError::NoPeer)?.map_err(|error| match error {
            PeerSendError::NotConnected | PeerSendError::FailedToQueue => SendError::NotConnected,
            PeerSendError::InvalidChannel => SendError::NoChannel,
            PeerSendError::PacketTooLarge | PeerSendError::FragmentsExceeded => SendError::TooLarge,
        })
    }

    /// Begins to disconnect a peer, which gets `data`; an event says when it is done. What is queued is not sent. A peer
    /// that is not connected yet is gone at once, without an event.
    ///
    /// # Errors
    /// [`NoPeer`].
    pub fn disconnect(&mut self, peer: PeerId, data: u32) -> Result<(), NoPeer> {
        self.with_peer(peer, |peer| peer.disconnect(data))
    }

    /// As [`disconnect`](Self::disconnect), once what is queued was sent and acknowledged.
    ///
    /// # Errors
    /// [`NoPeer`].
    pub fn disconnect_later(&mut self, peer: PeerId, data: u32) -> Result<(), NoPeer> {
        self.with_peer(peer, |peer| peer.disconnect_later(data))
    }

    /// Tells a peer that it is disconnected, once, and forgets it, without an event.
    ///
    /// # Errors
    /// [`NoPeer`].
    pub fn disconnect_now(&mut self, peer: PeerId, data: u32) -> Result<(), NoPeer> {
        self.with_peer(peer, |peer| peer.disconnect_now(data))
    }

    /// Forgets a peer, without an event. ENet does not tell it; a DTLS session is closed, which does.
    ///
    /// # Errors
    /// [`NoPeer`].
    pub fn reset(&mut self, peer: PeerId) -> Result<(), NoPeer> {
        self.with_peer(peer, Peer::reset)
    }

    /// Sends a ping.
    ///
    /// # Errors
    /// [`NoPeer`].
    pub fn ping(&mut self, peer: PeerId) -> Result<(), NoPeer> {
        self.with_peer(peer, Peer::ping)
    }

    /// Sets how often a peer is pinged that nothing else is sent to, in milliseconds.
    ///
    /// # Errors
    /// [`NoPeer`].
    pub fn set_ping_interval(&mut self, peer: PeerId, millis: u32) -> Result<(), NoPeer> {
        self.with_peer(peer, |peer| peer.set_ping_interval(millis))
    }

    /// Sets when a peer is given up that acknowledges nothing: `limit` is the factor of the round-trip time, the others are
    /// in milliseconds; 0 for ENet's values, 32, 5,000 and 30,000.
    ///
    /// # Errors
    /// [`NoPeer`].
    pub fn set_timeout(
        &mut self,
        peer: PeerId,
        limit: u32,
        minimum: u32,
        maximum: u32,
    ) -> Result<(), NoPeer> {
        self.with_peer(peer, |peer| peer.set_timeout(limit, minimum, maximum))
    }

    /// Sets how ENet drops unreliable packets on a slow path: the interval in milliseconds, and steps of 32nds.
    ///
    /// # Errors
    /// [`NoPeer`].
    pub fn configure_throttle(
        &mut self,
        peer: PeerId,
        interval: u32,
        acceleration: u32,
        deceleration: u32,
    ) -> Result<(), NoPeer> {
        let set = |peer: &mut Peer| peer.set_throttle(interval, acceleration, deceleration);
        self.with_peer(peer, set)
    }

    /// Where a peer stands.
    #[must_use]
    pub fn state(&self, peer: PeerId) -> State {
        let peer = self.peer(peer);
        peer.map_or(State::Disconnected, |peer| peer.state().into())
    }

    /// How many channels both sides have; 0 for a peer that is gone.
    #[must_use]
    pub fn channels(&self, peer: PeerId) -> usize {
        match (self.peer(peer), self.socket()) {
            (Some(_), Some(socket)) => socket.screen.channels(peer.slot),
            _ => 0,
        }
    }

    /// The address of a peer.
    #[must_use]
    pub fn remote_address(&self, peer: PeerId) -> Option<SocketAddr> {
        self.peer(peer)?.address()
    }

    /// A statistic of a peer; 0 for one that is gone.
    #[must_use]
    pub fn statistic(&self, peer: PeerId, statistic: PeerStatistic) -> f64 {
        let peer = self.peer(peer);
        let number = peer.and_then(|peer| debug_field::number(peer, statistic.field()));
        number.map_or(0.0, |number| number as f64)
    }

    fn is_known(&self, id: PeerId) -> bool {
        let slot = self.slots.get(usize::from(id.slot));
        slot.is_some_and(|it| it.is_visible && it.generation == id.generation)
    }

    fn peer(&self, id: PeerId) -> Option<&Peer> {
        let enet = self.enet.as_ref().filter(|_| self.is_known(id))?;
        enet.get_peer(PeerID(id.slot.into()))
    }

    /// Calls ENet for a peer, and forgets the peer if that has ended it.
    fn with_peer(&mut self, id: PeerId, call: impl FnOnce(&mut Peer)) -> Result<(), NoPeer> {
        if !self.is_known(id) {
            return Err(NoPeer);
        }
        self.flush_what_waits();
        let called = self.guarded(|enet: &mut Enet| {
            let peer = enet.peer_mut(PeerID(id.slot.into()));
            call(peer);
            peer.state()
        });
        if called.ok_or(NoPeer)? == PeerState::Disconnected {
            self.end(id.slot, true);
        }
        Ok(())
    }
}
