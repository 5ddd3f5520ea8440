//! The ENet classes, which encrypt with DTLS where they are set up for it.
//!
//! `host` is what a connection and its peers share, `connection` and `packet_peer` are the classes around it, and
//! `multiplayer_peer` is the engine's `MultiplayerPeer` on top. A host is locked for one call of the `enet` crate at a
//! time; nothing is emitted or printed, no script runs and no object is dropped meanwhile.

pub(crate) mod connection;
pub(crate) mod constants;
pub(crate) mod multiplayer_peer;
pub(crate) mod packet_peer;

mod compression;
mod flags;
mod host;
