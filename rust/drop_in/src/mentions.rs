//! Fast tests on whole files, and renaming in bytes.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::names::{Direction, Names, RENAMES, REVEALING_CALLS};
use crate::script::Script;

static FINDERS: LazyLock<[Finder<'static>; RENAMES.len()]> =
    LazyLock::new(|| RENAMES.map(|(from, _)| Finder::new(from)));

static CALL_FINDERS: LazyLock<[Finder<'static>; REVEALING_CALLS.len()]> =
    LazyLock::new(|| REVEALING_CALLS.map(|(method, _)| Finder::new(method)));

/// Whether one of the names in [`Names::DTLS`], or of the methods that turn on DTLS in ENet, occurs anywhere in the
/// bytes, as an identifier or not.
///
/// A project in which this is false for every script need not be scanned.
pub fn mentions_dtls(text: &[u8]) -> bool {
    mentions(text, Names::DTLS) || mentions_call(text)
}

/// Whether one of the names in [`RENAMES`] occurs anywhere in the bytes, as an identifier or not.
///
/// Only such a script can change.
pub fn mentions_any(text: &[u8]) -> bool {
    mentions(text, Names::ALL)
}

/// Whether anything that [`Script::scan_toward`] looks for may occur in the bytes.
pub fn mentions_toward(text: &[u8], direction: Direction) -> bool {
    static PREFIX: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("OpenSSL"));
    match direction {
        Direction::ToAddon => mentions_any(text) || mentions_call(text),
        Direction::ToEngine => PREFIX.find(text).is_some(),
    }
}

/// Whether one of these names occurs anywhere in the bytes, as an identifier or not.
pub(crate) fn mentions(text: &[u8], names: Names) -> bool {
    (0..RENAMES.len()).any(|index| names.has(index) && FINDERS[index].find(text).is_some())
}

fn mentions_call(text: &[u8]) -> bool {
    CALL_FINDERS
        .iter()
        .any(|method| method.find(text).is_some())
}

/// [`Script::renamed`] for bytes. Text that is not UTF-8 stays as it is: the engine does not load such a script.
pub fn renamed_bytes(text: &[u8], kept: Names) -> Cow<'_, [u8]> {
    let Ok(valid) = std::str::from_utf8(text) else {
        return Cow::Borrowed(text);
    };
    match Script::scan(valid).renamed(kept) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(renamed) => Cow::Owned(renamed.into_bytes()),
    }
}
