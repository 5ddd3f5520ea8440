//! The states of a session, and why a packet is not sent.

/// The state of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The handshake is not finished.
    Handshaking,
    /// Packets can be sent, or wait to be taken.
    Connected,
    /// Closed by either side, and every packet was taken.
    Closed,
    /// Ended by an error: see [`Session::failure`](crate::Session::failure).
    Failed,
}

/// Why a packet was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The session is not connected: still handshaking, closed, or failed.
    #[error("the session is not connected")]
    NotConnected,
    /// The packet is larger than [`MAX_PACKET`](crate::MAX_PACKET), or than the client asked for in its hello (RFC 6066
    /// section 4).
    #[error(
        "a packet of {packet} bytes does not fit into one DTLS record: send at most {limit} bytes at once"
    )]
    TooLarge {
        /// Bytes of the packet.
        packet: usize,
        /// The most bytes that a packet of this session may have.
        limit: usize,
    },
    /// The session failed while sending: see [`Session::failure`](crate::Session::failure).
    #[error("the session failed")]
    Failed,
}
