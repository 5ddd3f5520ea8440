//! `OpenSSLPacketPeerDTLS.Status`: an enum that scripts can use as a type.

use std::borrow::Cow;

use godot::builtin::VariantType;
use godot::meta::conv::ByValue;
use godot::meta::error::ConvertError;
use godot::meta::shape::{EnumeratorShape, GodotShape};
use godot::meta::{FromGodot, GodotConvert, ToGodot};
use godot::obj::GodotClass;
use godot::register::private::constant::{ConstantKind, ExportConstant, IntegerConstant};

use crate::packet_peer_dtls::OpenSslPacketPeerDtls;

/// Where a peer stands; the engine's `PacketPeerDTLS.Status`, value by value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Disconnected = 0,
    Handshaking = 1,
    Connected = 2,
    Error = 3,
    ErrorHostnameMismatch = 4,
}

const ALL: [(&str, Status); 5] = [
    ("STATUS_DISCONNECTED", Status::Disconnected),
    ("STATUS_HANDSHAKING", Status::Handshaking),
    ("STATUS_CONNECTED", Status::Connected),
    ("STATUS_ERROR", Status::Error),
    (
        "STATUS_ERROR_HOSTNAME_MISMATCH",
        Status::ErrorHostnameMismatch,
    ),
];

/// Registers the enum and its constants with the class; gdext has no attribute for that yet.
pub(crate) fn register() {
    let enumerators = ALL
        .iter()
        .map(|&(name, status)| IntegerConstant::new(name, status as i64))
        .collect();
    let kind = ConstantKind::Enum {
        name: "Status".into(),
        enumerators,
    };
    ExportConstant::new(OpenSslPacketPeerDtls::class_id(), kind).register();
}

impl GodotConvert for Status {
    type Via = i64;

    fn godot_shape() -> GodotShape {
        GodotShape::Enum {
            variant_type: VariantType::INT,
            enumerators: Cow::Owned(
                ALL.iter()
                    .map(|&(name, status)| EnumeratorShape::new_int(name, status as i64))
                    .collect(),
            ),
            godot_name: Some("OpenSSLPacketPeerDTLS.Status".into()),
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
        ALL.iter()
            .map(|&(_, status)| status)
            .find(|&status| status as i64 == via)
            .ok_or_else(|| ConvertError::new(format!("{via} is no Status")))
    }
}
