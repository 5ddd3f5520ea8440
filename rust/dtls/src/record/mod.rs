//! The record layer after the handshake (RFC 6347 section 4.1): see docs/decisions/record-layer.md.

pub(crate) mod aead;
pub(crate) mod buffer_pool;
pub(crate) mod key_block;
pub(crate) mod last_flight;
pub(crate) mod protection;
pub(crate) mod queue;
pub(crate) mod record_layer;
pub(crate) mod replay_window;
pub(crate) mod secret;
pub(crate) mod suite;
pub(crate) mod usage_limits;
