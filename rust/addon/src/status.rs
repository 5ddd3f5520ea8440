//! `OpenSSLPacketPeerDTLS.Status`: an enum that scripts can use as a type. Its values are the engine's.

use std::borrow::Cow;

pub(crate) use endpoint::Status;
use godot::builtin::VariantType;
use godot::meta::conv::ByValue;
use godot::meta::shape::{EnumeratorShape, GodotShape};
use godot::meta::{GodotConvert, ToGodot};

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

/// A status that a method returns to scripts.
#[derive(Clone, Copy)]
pub(crate) struct StatusCode(pub(crate) Status);

impl GodotConvert for StatusCode {
    type Via = i64;

    fn godot_shape() -> GodotShape {
        let enumerator =
            |&(name, status, _): &(_, Status, _)| EnumeratorShape::new_int(name, status as i64);
        GodotShape::Enum {
            variant_type: VariantType::INT,
            enumerators: Cow::Owned(ALL.iter().map(enumerator).collect()),
            godot_name: Some(CLASS.into()),
            is_bitfield: false,
        }
    }
}

impl ToGodot for StatusCode {
    type Pass = ByValue;

    fn to_godot(&self) -> i64 {
        self.0 as i64
    }
}
