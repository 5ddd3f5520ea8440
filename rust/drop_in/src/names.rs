//! The names that are renamed, their replacements, and sets of them.

use std::fmt;

/// The names that are renamed, and their replacements. `TLSOptions` is not among them: HTTPRequest and WebSocketPeer
/// need the engine's class. `TlsOptions` is: the documentation's examples use it, and the engine has no such class.
pub const RENAMES: [(&str, &str); 8] = [
    ("DTLSServer", "OpenSSLDTLSServer"),
    ("PacketPeerDTLS", "OpenSSLPacketPeerDTLS"),
    ("UDPServer", "OpenSSLUDPServer"),
    ("PacketPeerUDP", "OpenSSLPacketPeerUDP"),
    ("TlsOptions", "OpenSSLTLSOptions"),
    ("ENetMultiplayerPeer", "OpenSSLENetMultiplayerPeer"),
    ("ENetConnection", "OpenSSLENetConnection"),
    ("ENetPacketPeer", "OpenSSLENetPacketPeer"),
];

/// The name that `OpenSSLTLSOptions` gets with [`Direction::ToEngine`]. `TlsOptions` would not parse in the engine.
const TLS_OPTIONS: (&str, &str) = ("TlsOptions", "TLSOptions");

/// Methods whose calls show that a project uses DTLS, and the names that are renamed then.
pub(crate) const REVEALING_CALLS: [(&str, Names); 2] = [
    ("dtls_server_setup", Names::ENET),
    ("dtls_client_setup", Names::ENET),
];

/// The direction of renaming.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the engine's names to the addon's.
    #[default]
    ToAddon,
    /// From the addon's names to the engine's, `OpenSSLTLSOptions` to `TLSOptions`.
    ToEngine,
}

impl Direction {
    /// The name with that index, before and after.
    pub(crate) fn rename(self, index: usize) -> (&'static str, &'static str) {
        let (engine, addon) = RENAMES[index];
        match self {
            Self::ToAddon => (engine, addon),
            Self::ToEngine if engine == TLS_OPTIONS.0 => (addon, TLS_OPTIONS.1),
            Self::ToEngine => (addon, engine),
        }
    }

    /// The index of the name that is `text` before renaming.
    pub(crate) fn index_of(self, text: &str) -> Option<usize> {
        (0..RENAMES.len()).find(|&index| text == self.rename(index).0)
    }

    /// The name that must not be renamed where `text` is declared. A declaration of a replacement counts, too: renaming
    /// to it would change the script's meaning.
    pub(crate) fn hidden_by(self, text: &str) -> Names {
        (0..RENAMES.len())
            .find(|&index| {
                let (from, to) = self.rename(index);
                text == from || text == to
            })
            .map_or(Names::NONE, Names::at)
    }
}

/// A set of the names in [`RENAMES`].
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Names(u8);

impl Names {
    /// No name.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(0b1111_1111);
    /// Those whose use shows that a project uses DTLS: DTLSServer, PacketPeerDTLS and TlsOptions.
    pub const DTLS: Self = Self(0b0001_0011);
    /// UDPServer and PacketPeerUDP.
    pub const UDP: Self = Self(0b0000_1100);
    /// ENetMultiplayerPeer, ENetConnection and ENetPacketPeer.
    pub const ENET: Self = Self(0b1110_0000);

    /// The set of that one name; empty if `text` is none of them.
    pub fn named(text: &str) -> Self {
        let index = RENAMES.iter().position(|(from, _)| text == *from);
        index.map_or(Self::NONE, Self::at)
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every name of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// The names of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
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

    /// The names that are renamed in a project whose scripts use the names in this set.
    pub(crate) fn revealed(self) -> Self {
        if self.intersection(Self::DTLS).is_empty() {
            Self::NONE
        } else {
            Self::DTLS.union(Self::UDP)
        }
    }

    /// The names that are renamed in a project that calls a method of that name.
    pub(crate) fn revealed_by_call(method: &str) -> Self {
        let call = REVEALING_CALLS.iter().find(|(name, _)| *name == method);
        call.map_or(Self::NONE, |(_, names)| *names)
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
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
