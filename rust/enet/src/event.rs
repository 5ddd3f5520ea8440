//! What happens at a host.

use crate::kind::Kind;

/// The number with which a full host refuses a connection: [`Event::Disconnect`] at the host that asked for it has it.
pub const SERVER_IS_FULL: u32 = u32::from_be_bytes(*b"FULL");

/// A peer of a host. It stays this one peer's: once the peer is gone, the id means none, even if its place among the
/// host's peers serves another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId {
    pub(crate) slot: u16,
    pub(crate) generation: u32,
}

/// What [`Host::service`](crate::Host::service) returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A peer is connected: one that this host connected to, or one that connected to it.
    Connect {
        /// The peer.
        peer: PeerId,
        /// Of a peer that connected: the number that it sent.
        data: u32,
    },
    /// A peer is gone. Its id means none from here on.
    Disconnect {
        /// The peer.
        peer: PeerId,
        /// The number that the other side sent; 0 if it was lost.
        data: u32,
    },
    /// A packet has arrived.
    Receive {
        /// The peer that sent it.
        peer: PeerId,
        /// The channel that it was sent on.
        channel: u8,
        /// The packet.
        packet: Box<[u8]>,
        /// How it was sent.
        kind: Kind,
    },
}

/// Where a peer stands, with the numbers of the engine's `ENetPacketPeer.PeerState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are ENet's")]
pub enum State {
    Disconnected = 0,
    Connecting = 1,
    AcknowledgingConnect = 2,
    ConnectionPending = 3,
    ConnectionSucceeded = 4,
    Connected = 5,
    DisconnectLater = 6,
    Disconnecting = 7,
    AcknowledgingDisconnect = 8,
    Zombie = 9,
}

impl From<rusty_enet::PeerState> for State {
    fn from(state: rusty_enet::PeerState) -> Self {
        use rusty_enet::PeerState;
        match state {
            PeerState::Disconnected => Self::Disconnected,
            PeerState::Connecting => Self::Connecting,
            PeerState::AcknowledgingConnect => Self::AcknowledgingConnect,
            PeerState::ConnectionPending => Self::ConnectionPending,
            PeerState::ConnectionSucceeded => Self::ConnectionSucceeded,
            PeerState::Connected => Self::Connected,
            PeerState::DisconnectLater => Self::DisconnectLater,
            PeerState::Disconnecting => Self::Disconnecting,
            PeerState::AcknowledgingDisconnect => Self::AcknowledgingDisconnect,
            PeerState::Zombie => Self::Zombie,
        }
    }
}

/// A total of a host since it was last asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// Bytes of ENet's datagrams that were sent.
    SentData,
    /// Datagrams that were sent.
    SentPackets,
    /// Bytes of ENet's datagrams that were received.
    ReceivedData,
    /// Datagrams that were received.
    ReceivedPackets,
}

/// A statistic of a peer, with the numbers and units of the engine's `ENetPacketPeer.PeerStatistic`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the engine's")]
pub enum PeerStatistic {
    PacketLoss = 0,
    PacketLossVariance = 1,
    PacketLossEpoch = 2,
    RoundTripTime = 3,
    RoundTripTimeVariance = 4,
    LastRoundTripTime = 5,
    LastRoundTripTimeVariance = 6,
    PacketThrottle = 7,
    PacketThrottleLimit = 8,
    PacketThrottleCounter = 9,
    PacketThrottleEpoch = 10,
    PacketThrottleAcceleration = 11,
    PacketThrottleDeceleration = 12,
    PacketThrottleInterval = 13,
}

impl PeerStatistic {
    /// The name of the field in the `Debug` output of `rusty_enet::Peer`.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Self::PacketLoss => "packetLoss",
            Self::PacketLossVariance => "packetLossVariance",
            Self::PacketLossEpoch => "packetLossEpoch",
            Self::RoundTripTime => "roundTripTime",
            Self::RoundTripTimeVariance => "roundTripTimeVariance",
            Self::LastRoundTripTime => "lastRoundTripTime",
            Self::LastRoundTripTimeVariance => "lastRoundTripTimeVariance",
            Self::PacketThrottle => "packetThrottle",
            Self::PacketThrottleLimit => "packetThrottleLimit",
            Self::PacketThrottleCounter => "packetThrottleCounter",
            Self::PacketThrottleEpoch => "packetThrottleEpoch",
            Self::PacketThrottleAcceleration => "packetThrottleAcceleration",
            Self::PacketThrottleDeceleration => "packetThrottleDeceleration",
            Self::PacketThrottleInterval => "packetThrottleInterval",
        }
    }
}
