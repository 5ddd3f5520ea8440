//! How packets are sent, as the engine's flags.

use enet::Kind;

use super::constants::{FLAG_RELIABLE, FLAG_UNRELIABLE_FRAGMENT, FLAG_UNSEQUENCED};

const ALLOWED: i64 = FLAG_RELIABLE | FLAG_UNSEQUENCED | FLAG_UNRELIABLE_FRAGMENT;

/// Why a packet with other flags is not sent.
pub(crate) const NONE_SUCH: &str =
    "the flags must be FLAG_RELIABLE, FLAG_UNSEQUENCED and FLAG_UNRELIABLE_FRAGMENT, or 0";

/// The kind of a packet with these flags; `None` if one of them does not exist.
pub(crate) fn kind(flags: i64) -> Option<Kind> {
    (flags & !ALLOWED == 0).then(|| Kind::from_flags(flags as u32))
}
