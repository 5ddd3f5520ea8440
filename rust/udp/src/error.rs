//! Why an operation failed.

/// Why an operation failed. Each variant is the engine's `Error` code of the same name.
///
/// The comments say when the engine returns it (`core/io/packet_peer_udp.cpp`, `core/io/udp_server.cpp`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The socket is already open (`ERR_ALREADY_IN_USE`).
    #[error("the socket is already open")]
    AlreadyInUse,
    /// An invalid argument: port 0 as a destination, an IPv6 group on an IPv4 socket, an interface that does not exist
    /// (`ERR_INVALID_PARAMETER`).
    #[error("invalid address, port or interface")]
    InvalidParameter,
    /// Not open, or no destination set (`ERR_UNCONFIGURED`).
    #[error("not open, or no destination set")]
    Unconfigured,
    /// Nothing queued; or the address or port cannot be bound (`ERR_UNAVAILABLE`).
    #[error("nothing to receive, or the address cannot be bound")]
    Unavailable,
    /// The socket's send buffer is full; try again later (`ERR_BUSY`).
    #[error("the send buffer is full")]
    Busy,
    /// The socket was accepted, or is connected, and this would change that (`ERR_LOCKED`).
    #[error("the peer belongs to a listener or is connected")]
    Locked,
    /// The system gave no socket to bind (`ERR_CANT_CREATE`).
    #[error("the system gave no socket to bind")]
    CantCreate,
    /// The system gave no socket to connect (`ERR_CANT_OPEN`).
    #[error("the system gave no socket to connect")]
    CantOpen,
    /// For callers that resolve host names; never returned by this crate (`ERR_CANT_RESOLVE`).
    #[error("the host name could not be resolved")]
    CantResolve,
    /// For callers that allocate; never returned by this crate (`ERR_OUT_OF_MEMORY`).
    #[error("out of memory")]
    OutOfMemory,
    /// No socket has the destination port: an earlier datagram of a connected socket was answered with an ICMP error
    /// (the engine returns `FAILED`).
    #[error("nobody listens at the destination")]
    Refused,
    /// The datagram is larger than the system sends (`FAILED`): over 65,507 bytes for IPv4, or larger than the send
    /// buffer where the system limits that to less.
    #[error("the datagram is larger than the system sends")]
    TooLarge,
    /// The system refused: destination out of reach, socket closed (`FAILED`).
    #[error("the system refused the operation")]
    Failed,
}
