//! `OpenSSLPacketPeerDTLS.Status`: an enum that scripts can use as a type. Its values are the engine's.

use std::borrow::Cow;

pub(crate) use endpoint::Status;
use godot::builtin::VariantType;
use godot::docs::__gather_xml_docs as reference_of_every_class;
use godot::meta::conv::ByValue;
use godot::meta::shape::{EnumeratorShape, GodotShape};
use godot::meta::{GodotConvert, ToGodot};
use godot::sys;

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

/// Adds the enum to its class in the editor's reference, which gdext's `register-docs` does not do. To be called after gdext
/// has loaded its own.
pub(crate) fn add_to_class_reference() {
    let constants = ALL.map(|(name, status, description)| {
        let value = status as i64;
        format!(
            "<constant name=\"{name}\" value=\"{value}\" enum=\"Status\">{description}</constant>"
        )
    });
    let end = format!("<constants>{}</constants></class>", constants.concat());
    for reference in reference_of_every_class() {
        if reference.contains("<class name=\"OpenSSLPacketPeerDTLS\"") {
            load(&reference.replacen("</class>", &end, 1));
        }
    }
}

fn load(reference: &str) {
    // SAFETY: gdext initializes the interface before it calls `on_stage_init`, from which `add_to_class_reference` is
    // called on the main thread. The pointer and the length are those of `reference`, which outlives the call.
    unsafe {
        sys::interface_fn!(editor_help_load_xml_from_utf8_chars_and_len)(
            reference.as_ptr().cast(),
            i64::try_from(reference.len()).unwrap_or(0),
        );
    }
}
