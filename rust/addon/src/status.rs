//! `OpenSSLPacketPeerDTLS.Status`: an enum that scripts can use as a type.

use std::borrow::Cow;

use godot::builtin::VariantType;
use godot::meta::conv::ByValue;
use godot::meta::error::ConvertError;
use godot::meta::shape::{EnumeratorShape, GodotShape};
use godot::meta::{FromGodot, GodotConvert, ToGodot};

/// Where a peer stands; the engine's `PacketPeerDTLS.Status`, value by value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Disconnected = 0,
    Handshaking = 1,
    Connected = 2,
    Error = 3,
    ErrorHostnameMismatch = 4,
}

impl Status {
    /// The enum's name in scripts.
    pub(crate) const CLASS: &str = "OpenSSLPacketPeerDTLS.Status";

    /// Every value with its name and what the class reference says of it.
    pub(crate) const ALL: [(&str, Self, &str); 5] = [
        (
            "STATUS_DISCONNECTED",
            Self::Disconnected,
            "There is no connection: none was made, or either side has ended it.",
        ),
        (
            "STATUS_HANDSHAKING",
            Self::Handshaking,
            "The two sides are agreeing on keys; [method poll] goes on with it.",
        ),
        (
            "STATUS_CONNECTED",
            Self::Connected,
            "Packets can be sent and taken.",
        ),
        (
            "STATUS_ERROR",
            Self::Error,
            "The connection failed; a printed line says why. Of a server's peer: the client was just given its cookie, and comes back.",
        ),
        (
            "STATUS_ERROR_HOSTNAME_MISMATCH",
            Self::ErrorHostnameMismatch,
            "The server's certificate is for another host name than the one connected to.",
        ),
    ];
}

impl Status {
    fn with_number(number: i64) -> Option<Self> {
        Self::ALL
            .iter()
            .map(|&(_, status, _)| status)
            .find(|&status| status as i64 == number)
    }
}

impl From<endpoint::Status> for Status {
    fn from(status: endpoint::Status) -> Self {
        match status {
            endpoint::Status::Disconnected => Self::Disconnected,
            endpoint::Status::Handshaking => Self::Handshaking,
            endpoint::Status::Connected => Self::Connected,
            endpoint::Status::Failed => Self::Error,
            endpoint::Status::HostNameMismatch => Self::ErrorHostnameMismatch,
        }
    }
}

impl GodotConvert for Status {
    type Via = i64;

    fn godot_shape() -> GodotShape {
        GodotShape::Enum {
            variant_type: VariantType::INT,
            enumerators: Cow::Owned(
                Self::ALL
                    .iter()
                    .map(|&(name, status, _)| EnumeratorShape::new_int(name, status as i64))
                    .collect(),
            ),
            godot_name: Some(Self::CLASS.into()),
            is_bitfield: false,
        }
    }
}

impl ToGodot for Status {
    type Pass = ByValue;

    fn to_godot(&self) -> i64 {
        *self as i64
    }
}

impl FromGodot for Status {
    fn try_from_godot(via: i64) -> Result<Self, ConvertError> {
        Self::with_number(via).ok_or_else(|| ConvertError::new(format!("{via} is no Status")))
    }
}
