//! The class reference of the enum's values, which gdext's `register-docs` has no place for.

use godot::docs::__gather_xml_docs as reference_of_every_class;
use godot::sys;

use crate::status::Status;

const CLASS: &str = "<class name=\"OpenSSLPacketPeerDTLS\"";
const END: &str = "</class>";

/// Gives the editor the reference of `OpenSSLPacketPeerDTLS` again, with its constants. To be
/// called once the editor has what gdext gives it.
pub(crate) fn add_constants() {
    let Some(reference) = reference_of_every_class().find(|reference| reference.contains(CLASS))
    else {
        return;
    };
    let constants = format!("<constants>{}</constants>{END}", constants());
    let reference = reference.replace(END, &constants);
    // SAFETY: the interface is initialised at this stage and the call is on the main thread; the
    // buffer outlives the call, and its length is given.
    unsafe {
        sys::interface_fn!(editor_help_load_xml_from_utf8_chars_and_len)(
            reference.as_ptr().cast(),
            i64::try_from(reference.len()).unwrap_or(0),
        );
    }
}

fn constants() -> String {
    let constant = |(name, status, description): &(&str, Status, &str)| {
        let value = *status as i64;
        format!(
            "<constant name=\"{name}\" value=\"{value}\" enum=\"Status\">{description}</constant>"
        )
    };
    Status::ALL.iter().map(constant).collect()
}
