//! `OpenSSLPacketPeerDTLS.Status`: an enum that scripts can use as a type. Its values are the engine's.

pub(crate) use endpoint::Status;

use crate::constants::{Constant, EnumValue, Group, ScriptEnum};

/// The enum `Status`.
#[derive(Debug)]
pub(crate) struct Enum;

impl ScriptEnum for Enum {
    const NAME: &'static str = "OpenSSLPacketPeerDTLS.Status";

    const CONSTANTS: &'static [Constant] = &[
        (
            "STATUS_DISCONNECTED",
            Status::Disconnected as i64,
            "There is no connection: none was made, or either side has ended it.",
        ),
        (
            "STATUS_HANDSHAKING",
            Status::Handshaking as i64,
            "The two sides are agreeing on keys; [method poll] goes on with it.",
        ),
        (
            "STATUS_CONNECTED",
            Status::Connected as i64,
            "Packets can be sent and taken.",
        ),
        (
            "STATUS_ERROR",
            Status::Failed as i64,
            "The connection failed; a printed line says why. Of a server's peer: the client was just given its cookie, and comes back.",
        ),
        (
            "STATUS_ERROR_HOSTNAME_MISMATCH",
            Status::HostNameMismatch as i64,
            "The server's certificate is for another host name than the one connected to.",
        ),
    ];
}

/// The constants of `OpenSSLPacketPeerDTLS`.
pub(crate) const CONSTANTS: &[Group] = &[Group {
    name: Some("Status"),
    constants: Enum::CONSTANTS,
}];

/// A status that a method returns to scripts.
pub(crate) type StatusCode = EnumValue<Enum>;

impl From<Status> for StatusCode {
    fn from(status: Status) -> Self {
        Self::new(status as i64)
    }
}
