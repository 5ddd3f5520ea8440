//! The five names, their replacements, and sets of them.

use std::fmt;

/// What is renamed, and to what. `TLSOptions` is not here: HTTPRequest and WebSocketPeer need the engine's own.
/// `TlsOptions` is: the documentation's examples say it, and the engine has no class of that name.
pub const RENAMES: [(&str, &str); 5] = [
    ("DTLSServer", "OpenSSLDTLSServer"),
    ("PacketPeerDTLS", "OpenSSLPacketPeerDTLS"),
    ("UDPServer", "OpenSSLUDPServer"),
    ("PacketPeerUDP", "OpenSSLPacketPeerUDP"),
    ("TlsOptions", "OpenSSLTLSOptions"),
];

/// A set of the names in [`RENAMES`].
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Names(u8);

impl Names {
    /// No name.
    pub const NONE: Self = Self(0);
    /// All five.
    pub const ALL: Self = Self(0b1_1111);
    /// Those whose use shows that a project uses DTLS: DTLSServer, PacketPeerDTLS and TlsOptions.
    pub const DTLS: Self = Self(0b1_0011);

    /// The set that holds the given name alone; empty if `text` is none of the five.
    pub fn named(text: &str) -> Self {
        index_of(text).map_or(Self::NONE, Self::at)
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every name of `other` is in this set.
    pub fn contains(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// The names of either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The names that are in this set and not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The names that are in both sets.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The names themselves, in the order of [`RENAMES`].
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        (0..RENAMES.len())
            .filter(move |&index| self.has(index))
            .map(|index| RENAMES[index].0)
    }

    pub(crate) fn at(index: usize) -> Self {
        Self(1 << index)
    }

    pub(crate) fn has(self, index: usize) -> bool {
        self.contains(Self::at(index))
    }

    /// What a declaration of `text` takes away. One of the replacements counts as well: renaming into a name that the
    /// script uses for something else would change its meaning.
    pub(crate) fn taken_by(text: &str) -> Self {
        RENAMES
            .iter()
            .position(|(from, to)| text == *from || text == *to)
            .map_or(Self::NONE, Self::at)
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The place of `text` in [`RENAMES`].
pub(crate) fn index_of(text: &str) -> Option<usize> {
    RENAMES.iter().position(|(from, _)| text == *from)
}
