//! DTLS connections and servers: a [`dtls::Session`] with the [`Transport`] that carries its datagrams.
//!
//! Accept with cookies (RFC 6347 section 4.2.1), restarted clients (section 4.2.8), closing, limits and time-outs are
//! implemented here, once. The crate knows neither Godot nor sockets other than those of [`udp`]. It prints nothing:
//! methods return [`Event`]s, and `log` events of the target `endpoint` describe handshakes. Every method that depends
//! on time takes `now`, so that tests choose it.
//!
//! ```text
//!   datagram ─► Transport ─► Connection ─► dtls::Session ─► queue of packets ─► receive()
//!                              │  ▲
//!          unverified client   │  │ cookie verified: UnfinishedHandshake
//!                              ▼  │
//!                           Acceptor (cookies, limits by address, sessions of restarted clients)
//! ```
//!
//! - [`Connection`]: one connection, for one thread at a time. What reads, handles, times out and drains is here.
//! - [`SharedConnection`]: a connection behind a lock, with its status and packet count published.
//! - [`Server`]: accepts connections. Its [`PeerRegistry`] polls those that have something to do, and its
//!   [`HandshakePool`] runs handshakes on threads when many run at once.
//!
//! # Locks
//! A thread takes them in this order only: a registry's entries, a connection, an acceptor's cookies or restarted
//! sessions, the limits. Events are returned and deferred transports called ([`Transport::fetch`]) with none held.

#![forbid(unsafe_code)]

mod acceptor;
pub mod after_call;
mod connection;
mod event;
mod fail_point;
mod foreign_socket;
mod handshake_pool;
mod line_limiter;
mod lock;
mod log_lines;
pub mod packet_memory;
pub mod panics;
mod peer_registry;
mod registration;
mod server;
mod shared_connection;
mod timeouts;
mod transport;
mod udp_peer;
mod udp_transport;

pub use acceptor::Acceptor;
pub use acceptor::address_limits::{
    AddressLimits, HANDSHAKES_PER_SECOND, Limit, Network, UNFINISHED_HANDSHAKES,
};
pub use connection::{Connection, Receive, SendError, Status};
pub use event::{DropCause, Event, Side};
pub use fail_point::fail_point;
pub use foreign_socket::{ForeignSocket, ForeignSockets, ForeignTransport, Place};
pub use handshake_pool::{HandshakePool, Work};
pub use line_limiter::LineLimiter;
pub use log_lines::LogLines;
pub use peer_registry::{MAX_HANDSHAKES, PeerRegistry, Polled};
pub use server::{Server, SetUpError};
pub use shared_connection::{ConnectError, SharedConnection};
pub use timeouts::{TimeoutError, Timeouts};
pub use transport::{Break, ClientAddress, Received, Transport};
pub use udp_peer::UdpPeer;
