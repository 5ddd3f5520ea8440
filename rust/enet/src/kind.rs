//! How a packet is delivered.

use rusty_enet::PacketKind;

const RELIABLE: u32 = 1;
const UNSEQUENCED: u32 = 2;
const UNRELIABLE_FRAGMENT: u32 = 8;

/// How a packet is delivered: the engine's `FLAG_RELIABLE`, `FLAG_UNSEQUENCED` and `FLAG_UNRELIABLE_FRAGMENT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Each packet arrives, in order.
    Reliable,
    /// Packets may be lost; those that newer ones have overtaken are dropped. What is larger than a datagram is sent
    /// reliably.
    Unreliable,
    /// Packets may be lost or arrive in another order. What is larger than a datagram is sent reliably.
    Unsequenced,
    /// As [`Unreliable`](Self::Unreliable), and what is larger than a datagram is sent in unreliable fragments.
    UnreliableFragment,
    /// As [`Unsequenced`](Self::Unsequenced), and what is larger than a datagram is sent in unreliable fragments, which
    /// are sequenced.
    UnsequencedFragment,
}

impl Kind {
    /// The kind that ENet's flags mean. Other bits are ignored.
    #[must_use]
    pub fn from_flags(flags: u32) -> Self {
        let is_unsequenced = flags & UNSEQUENCED != 0;
        let is_fragment = flags & UNRELIABLE_FRAGMENT != 0;
        match (is_unsequenced, is_fragment) {
            _ if flags & RELIABLE != 0 => Self::Reliable,
            (false, false) => Self::Unreliable,
            (true, false) => Self::Unsequenced,
            (false, true) => Self::UnreliableFragment,
            (true, true) => Self::UnsequencedFragment,
        }
    }

    /// ENet's flags.
    #[must_use]
    pub fn flags(self) -> u32 {
        match self {
            Self::Reliable => RELIABLE,
            Self::Unreliable => 0,
            Self::Unsequenced => UNSEQUENCED,
            Self::UnreliableFragment => UNRELIABLE_FRAGMENT,
            Self::UnsequencedFragment => UNSEQUENCED | UNRELIABLE_FRAGMENT,
        }
    }

    pub(crate) fn to_enet(self) -> PacketKind {
        match self {
            Self::Reliable => PacketKind::Reliable,
            Self::Unreliable => PacketKind::Unreliable { sequenced: true },
            Self::Unsequenced => PacketKind::Unreliable { sequenced: false },
            Self::UnreliableFragment => PacketKind::AlwaysUnreliable { sequenced: true },
            Self::UnsequencedFragment => PacketKind::AlwaysUnreliable { sequenced: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_kinds_are_the_same_thing() {
        for flags in [0, 1, 2, 8, 10] {
            assert_eq!(Kind::from_flags(flags).flags(), flags);
        }
        for reliable in [3, 9, 11] {
            assert_eq!(Kind::from_flags(reliable), Kind::Reliable);
        }
    }
}
