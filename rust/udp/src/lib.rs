//! The UDP layer beneath `OpenSSLUDPServer` and `OpenSSLPacketPeerUDP`: sockets, a demultiplexer, bounded queues.
//!
//! It behaves as the engine's `UDPServer` and `PacketPeerUDP` do (Godot 4.6, `core/io/udp_server.cpp`,
//! `core/io/packet_peer_udp.cpp`, `drivers/unix/net_socket_unix.cpp`): the same order of checks, the same refusals,
//! the same state after each call. Where the engine is wrong, the doc comment of the item says what it does and what
//! happens here instead. It is not a TLS library, resolves no host names and knows no Godot.
//!
//! # Flow
//!
//! ```text
//!   kernel ──► intake ──► Listener::poll ──► table: address ► route ──► inbox ──► DatagramSocket::receive
//!                ▲                                │                      ▲
//!                └─ the courier, between polls    └─ new address: pending ─ Listener::accept ─► Arc<DatagramSocket>
//!
//!   DatagramSocket::send of an accepted peer ──────────────────────► the listener's socket
//!   DatagramSocket::send_deferred, beyond the first of a tick ► outbox ► the courier ─┘
//!   DatagramSocket with a socket of its own: kernel ──► DatagramSocket::available / DatagramSocket::receive
//! ```
//!
//! # Locks
//!
//! Every type is `Send + Sync` with `&self` methods. There are five kinds of lock; a thread takes them in this order
//! only, and the last one is always a leaf:
//!
//! 1. a listener's turn to poll,
//! 2. the port's intake (who has it reads and sorts, so that each sender's order is kept; a poll has it to its end, the
//!    courier lets go of it at the next datagram when a poll wants it),
//! 3. the listener's table (held for a few dozen datagrams at a time, never during a system call),
//! 4. a peer's state, never together with the others: [`DatagramSocket::close`] takes it after it has left the table,
//! 5. an inbox, a route's local address, or what waits to be sent.
//!
//! An accepted peer sends without any lock (of a listener on every address: with a small one of its own, to read which
//! address to send from), takes a datagram with that of its inbox alone, and sees that there is none
//! without any. A peer with a socket of its own takes its state's lock for each. Waiting (in [`DatagramSocket::wait`], or in [`DatagramSocket::send`] on a full
//! socket in blocking mode) holds no lock.
//!
//! # Bounds
//!
//! | what | bound |
//! | --- | --- |
//! | bytes in the kernel's buffers, between two polls | [`Listener::set_kernel_buffer`] |
//! | datagrams read in one poll | [`MAX_DATAGRAMS_PER_POLL`] |
//! | datagrams read and not sorted yet | 32, in 128 KB for a listener; 1,024 of each socket, in 1 MB, once it has a courier |
//! | bytes queued for a peer, each datagram counting [`DATAGRAM_OVERHEAD`] more than its payload | [`DEFAULT_INBOX_BYTES`], or what [`DatagramSocket::bind`] was given |
//! | peers that are ready, for [`Listener::take_ready`] | one entry a peer |
//! | peers that were replaced | those that the caller keeps |
//! | bytes that wait to be sent by a listener's thread | 1 MB, twice; the sender waits for room, up to 0.1 s |
//! | threads | one for a listener, the courier, from the first tick of many datagrams on |
//! | peers not yet accepted | [`Listener::set_max_pending`], 16 unless told |
//!
//! What does not fit is dropped, newest first, and counted ([`DatagramSocket::dropped`], [`Listener::refused`], [`Listener::unsent`]).

mod address;
mod bind_address;
mod datagram_socket;
mod error;
mod inbox;
mod interfaces;
mod io_thread;
mod listener;
mod lock;
mod multicast;
mod own_socket;
mod path;
mod port;
mod queue_probe;
mod readiness;
mod recv_queue;
mod reuseport_group;
mod route;
mod scoped;
mod scratch;
mod send_queue;
mod socket;
mod table;
#[cfg(windows)]
mod windows;
mod worker;

pub use bind_address::BindAddress;
pub use datagram_socket::DatagramSocket;
pub use error::Error;
pub use inbox::{DATAGRAM_OVERHEAD, DEFAULT_INBOX_BYTES};
pub use listener::Listener;
pub use queue_probe::QueueProbe;
pub use scoped::{ParseError, ScopedIp};

/// The most datagrams that one call of [`Listener::poll`] or [`DatagramSocket::available`] takes from the kernel; the rest stays
/// in the kernel's buffer for the next call.
///
/// Where a listener has several sockets on its port ([`Listener::set_kernel_buffer`]), it is 1,024 of each.
///
/// The engine reads until the socket is empty, which a fast enough sender never lets happen.
pub const MAX_DATAGRAMS_PER_POLL: usize = 8192;
