//! ENet hosts, over UDP or over DTLS.
//!
//! The protocol is `rusty_enet`, a port of ENet 1.3.18. Here are what carries its datagrams, ids of peers that do not
//! change their meaning, and the checks and bounds that ENet lacks. The crate knows no Godot.
//!
//! ```text
//!   Host ─► rusty_enet ─► socket: checks, compression ─► link: UDP │ a server's DTLS sessions │ a client's
//! ```
//!
//! One ENet datagram is one DTLS record, as in the engine. A [`Host`] begins on a UDP socket;
//! [`Host::set_up_dtls_server`] and [`Host::set_up_dtls_client`] put DTLS below it.
//!
//! [`Host::service`] takes the time, so that tests choose it, and never waits.

#![forbid(unsafe_code)]

mod compressor;
mod debug_field;
mod deferred;
mod error;
mod event;
mod host;
mod kind;
mod link;
mod pieces;
mod queued;
mod screen;
mod socket;
mod wire;

pub use compressor::Compressor;
pub use error::{ConnectError, HostError, NoPeer, SendError, ServiceError, SetUpError};
pub use event::{Event, PeerId, PeerStatistic, SERVER_IS_FULL, State, Statistic};
pub use host::{Host, Settings};
pub use kind::Kind;
pub use link::Carrier;
pub use queued::MAX_QUEUED;
pub use screen::MAX_WAITING_PACKETS;
pub use wire::MAX_PACKET;
