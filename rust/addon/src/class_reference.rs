//! The class reference of what gdext's `register-docs` does not cover: the enum's values.

use godot::docs::__gather_xml_docs as reference_of_every_class;
use godot::sys;

use crate::status::{self, Status};

/// Loads the completed reference of the enum's class into the editor. To be called after gdext has loaded its own.
pub(crate) fn complete() {
    const CLASS: &str = "<class name=\"OpenSSLPacketPeerDTLS\"";
    for reference in reference_of_every_class() {
        if reference.contains(CLASS) {
            load(&with(&reference, "constants", &constants()));
        }
    }
}

/// Adds entries to a list in a class's reference. Adds the list if there is none.
fn with(reference: &str, list: &str, entries: &str) -> String {
    let end = format!("</{list}>");
    if reference.contains(&end) {
        return reference.replacen(&end, &format!("{entries}{end}"), 1);
    }
    const END_OF_CLASS: &str = "</class>";
    let whole = format!("<{list}>{entries}{end}{END_OF_CLASS}");
    reference.replacen(END_OF_CLASS, &whole, 1)
}

fn load(reference: &str) {
    // SAFETY: gdext initializes the interface before it calls `on_stage_init`, from which `complete` is called on the
    // main thread. The pointer and the length are those of `reference`, which outlives the call.
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
    status::ALL.iter().map(constant).collect()
}

#[cfg(test)]
mod tests {
    use super::with;

    #[test]
    fn entries_are_added_to_a_list_or_with_a_new_one() {
        let added = with("<class><methods><a/></methods></class>", "methods", "<b/>");
        assert_eq!(added, "<class><methods><a/><b/></methods></class>");
        let made = with("<class></class>", "constants", "<c/>");
        assert_eq!(made, "<class><constants><c/></constants></class>");
    }
}
