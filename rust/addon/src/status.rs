//! `OpenSSLPacketPeerDTLS.Status`: an enum that scripts can use as a type. Its values are the engine's.

pub(crate) use endpoint::Status;

/// The enum's name in scripts.
pub(crate) const CLASS: &str = "OpenSSLPacketPeerDTLS.Status";

/// Every value with its name and what the class reference says of it.
pub(crate) const ALL: [(&str, Status, &str); 5] = [
    (
        "STATUS_DISCONNECTED",
        Status::Disconnected,
        "There is no connection: none was made, or either side has ended it.",
    ),
    (
        "STATUS_HANDSHAKING",
        Status::Handshaking,
        "The two sides are agreeing on keys; [method poll] goes on with it.",
    ),
    (
        "STATUS_CONNECTED",
        Status::Connected,
        "Packets can be sent and taken.",
    ),
    (
        "STATUS_ERROR",
        Status::Failed,
        "The connection failed; a printed line says why. Of a server's peer: the client was just given its cookie, and comes back.",
    ),
    (
        "STATUS_ERROR_HOSTNAME_MISMATCH",
        Status::HostNameMismatch,
        "The server's certificate is for another host name than the one connected to.",
    ),
];
