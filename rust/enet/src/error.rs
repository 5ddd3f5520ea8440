//! Why something was not done.

use dtls::ConfigError;

/// Why there is no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The number of peers is not from 1 to 4,095.
    #[error("a host has from 1 to 4095 peers")]
    PeerLimit,
    /// The number of channels is more than 255.
    #[error("a host has up to 255 channels")]
    ChannelLimit,
    /// There is no socket.
    #[error(transparent)]
    Socket(#[from] udp::Error),
}

/// Why a host does not use DTLS.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetUpError {
    /// It does already.
    #[error("DTLS is set up already")]
    AlreadySetUp,
    /// It has peers: a server's must have none, and a client's must have sent nothing yet.
    #[error("DTLS is to be set up before peers connect")]
    InUse,
    /// The session's options cannot be used.
    #[error("{0}")]
    Config(ConfigError),
    /// The port could not be opened again.
    #[error("the port cannot be opened again: {0}")]
    Port(udp::Error),
    /// The host has failed: see [`ServiceError::Failed`].
    #[error("the host has failed")]
    Failed,
}

/// Why a host does not connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The host has as many peers as it may have.
    #[error("the host has as many peers as it may have")]
    NoRoom,
    /// A client with DTLS has one peer.
    #[error("a client with DTLS connects to one server")]
    Connected,
    /// A server with DTLS does not connect.
    #[error("a server with DTLS does not connect to others")]
    IsServer,
    /// The host has failed: see [`ServiceError::Failed`].
    #[error("the host has failed")]
    Failed,
}

/// Why a host cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// ENet has panicked, and cannot be used any more: a mistake in it. The host has no peers from then on.
    #[error("ENet has failed")]
    Failed,
}

/// Why a packet is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// There is no such peer.
    #[error("the peer is gone")]
    NoPeer,
    /// The peer is not connected, or is being disconnected.
    #[error("the peer is not connected")]
    NotConnected,
    /// The peer has fewer channels.
    #[error("the peer has no such channel")]
    NoChannel,
    /// The packet is larger than [`MAX_PACKET`](crate::MAX_PACKET), or than 26 MB with DTLS, whose datagrams are smaller.
    #[error("the packet is larger than 32 MB, or 26 MB with DTLS")]
    TooLarge,
    /// The peer has not acknowledged 64 MB of packets, [`MAX_QUEUED`](crate::MAX_QUEUED).
    #[error("too much is queued that the peer has not acknowledged")]
    QueueFull,
}

/// There is no such peer, or not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the peer is gone")]
pub struct NoPeer;
