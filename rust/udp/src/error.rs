//! Why an operation was refused.

/// Why an operation was refused; each variant is the engine's `Error` code of the same name.
///
/// The comments say which situation the engine reports with it (`core/io/packet_peer_udp.cpp`, `core/io/udp_server.cpp`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The socket is already open (`ERR_ALREADY_IN_USE`).
    AlreadyInUse,
    /// A port or address that cannot be meant: port 0 as a destination, an IPv6 group on an IPv4 socket, an interface
    /// that does not exist (`ERR_INVALID_PARAMETER`).
    InvalidParameter,
    /// Not open, or no destination set (`ERR_UNCONFIGURED`).
    Unconfigured,
    /// Nothing queued; or the address or port cannot be bound (`ERR_UNAVAILABLE`).
    Unavailable,
    /// The socket's send buffer is full; try again later (`ERR_BUSY`).
    Busy,
    /// The peer belongs to a listener, or is connected, and this would change that (`ERR_LOCKED`).
    Locked,
    /// The system gave no socket to bind (`ERR_CANT_CREATE`).
    CantCreate,
    /// The system gave no socket to connect (`ERR_CANT_OPEN`).
    CantOpen,
    /// For callers that resolve host names; never returned by this crate (`ERR_CANT_RESOLVE`).
    CantResolve,
    /// For callers that allocate; never returned by this crate (`ERR_OUT_OF_MEMORY`).
    OutOfMemory,
    /// Nobody listens at the destination: an earlier datagram on a connected socket came back (an ICMP answer; the engine
    /// has `FAILED` for it).
    Refused,
    /// The datagram is larger than the system sends (`FAILED`): over 65,507 bytes for IPv4, or larger than the send buffer
    /// where that could not be made as large.
    TooLarge,
    /// The system refused: out of reach, socket closed (`FAILED`).
    Failed,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Error::AlreadyInUse => "the socket is already open",
            Error::InvalidParameter => "invalid address, port or interface",
            Error::Unconfigured => "not open, or no destination set",
            Error::Unavailable => "nothing to receive, or the address cannot be bound",
            Error::Busy => "the send buffer is full",
            Error::Locked => "the peer belongs to a listener or is connected",
            Error::CantCreate => "the system gave no socket to bind",
            Error::CantOpen => "the system gave no socket to connect",
            Error::CantResolve => "the host name could not be resolved",
            Error::OutOfMemory => "out of memory",
            Error::Refused => "nobody listens at the destination",
            Error::TooLarge => "the datagram is larger than the system sends",
            Error::Failed => "the system refused the operation",
        })
    }
}

impl std::error::Error for Error {}
