//! The UDP layer of `OpenSSLUDPServer` and `OpenSSLPacketPeerUDP`: sockets, a demultiplexer, bounded queues.
//!
//! It behaves as the engine's `UDPServer` and `PacketPeerUDP` do (Godot 4.6, `core/io/udp_server.cpp`,
//! `core/io/packet_peer_udp.cpp`, `drivers/unix/net_socket_unix.cpp`): the same order of checks, the same errors, the
//! same state after each call. Where the engine has a bug, the doc comment of the item describes the engine's behaviour
//! and the behaviour here. The crate knows no TLS, no host names and no Godot.
//!
//! There are two public types. A [`Listener`] has a port and accepts remote addresses. A [`DatagramSocket`] sends and
//! receives: one that a listener accepted stands for one remote address and uses the listener's port, any other has a
//! socket of its own.
//!
//! # The way of a datagram
//!
//! 1. The kernel queues it at a socket of the [`Listener`]'s port: the first, or the one that it has chosen for the
//!    sender (`reuseport_group`).
//! 2. [`Listener::poll`], or between two polls of a busy port the I/O thread (`io_thread`), reads it into the port's
//!    batch (`recv_queue`).
//! 3. The poll looks its sender up in the table (`table`) and queues it in the inbox of that route (`route`, `inbox`).
//!    A new sender gets a route, which is pending until [`Listener::accept`] returns a [`DatagramSocket`] for it.
//! 4. [`DatagramSocket::receive`] takes it from the inbox.
//! 5. The other way, [`DatagramSocket::send`] of an accepted socket calls the system at once. So does
//!    [`DatagramSocket::send_deferred`] for the first datagrams of a tick; the others wait in the `send_queue`, which
//!    the I/O thread sends.
//! 6. A socket that was not accepted reads and sends by itself (`own_socket`); only what [`DatagramSocket::available`]
//!    reads ahead is queued in its inbox.
//!
//! # Threads and locks
//!
//! All types are `Send + Sync` with `&self` methods. A listener starts one thread, `udp-io`, with the first tick of
//! many datagrams; [`Listener::stop`] ends it. Locks are taken in this order only, and no other is taken under the
//! last:
//!
//! 1. a listener's `polling`, by polls and by [`Listener::stop`],
//! 2. the port's batch (`RecvQueue`): its holder reads and delivers, so that each sender's datagrams stay in order. A
//!    poll holds it to its end, the I/O thread until the next datagram when a poll wants it,
//! 3. the listener's table, for a few dozen datagrams at a time and never during a system call,
//! 4. the state of a [`DatagramSocket`], never with any of the others: [`DatagramSocket::close`] takes it after it has
//!    left the table,
//! 5. an inbox, a route's local address, the send queue, or the handle of the I/O thread.
//!
//! An accepted socket sends without a lock, or with that of its local address if the listener has several; it receives
//! with that of its inbox, and knows without a lock that there is nothing to receive. Any other socket locks its state
//! for each datagram. [`DatagramSocket::wait`], and [`DatagramSocket::send`] in blocking mode on a full send buffer,
//! hold no lock while they wait.
//!
//! # Bounds
//!
//! | what | bound |
//! | --- | --- |
//! | bytes in the kernel's buffers, between two polls | [`Listener::set_kernel_buffer`] |
//! | datagrams read in one poll | [`MAX_DATAGRAMS_PER_POLL`] |
//! | datagrams read and not delivered | 32, in 128 KB for a listener; 1,024 of each socket, in 1 MB, once it reads ahead |
//! | bytes queued for a socket, each datagram counting [`DATAGRAM_OVERHEAD`] more than its payload | [`DEFAULT_INBOX_BYTES`], or as [`DatagramSocket::bind`] or [`Listener::set_inbox_bytes`] say |
//! | sockets that are ready, for [`Listener::take_ready`] | one entry a socket |
//! | sockets that were replaced | those that the caller keeps |
//! | bytes in a listener's send queue | 1 MB, twice; the sender waits for room, up to 0.1 s |
//! | threads | one for a listener, from the first tick of many datagrams on |
//! | pending sockets | [`Listener::set_max_pending`], 16 unless set |
//!
//! What does not fit is dropped, newest first, and counted ([`DatagramSocket::dropped`], [`Listener::refused`],
//! [`Listener::unsent`]).
//!
//! # Log
//!
//! Events of the crate `log` have the target `udp`: ports and sockets with what the system granted, and errors of the
//! system (debug); new remote addresses and dropped datagrams (trace). None holds payload, and none is emitted for a
//! datagram that is delivered or sent.

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

pub use address::written_in_full;
pub use bind_address::BindAddress;
pub use datagram_socket::DatagramSocket;
pub use error::Error;
pub use inbox::{DATAGRAM_OVERHEAD, DEFAULT_INBOX_BYTES};
pub use listener::Listener;
pub use queue_probe::QueueProbe;
pub use scoped::{ParseError, ScopedIp};

/// The most datagrams that one call of [`Listener::poll`] or [`DatagramSocket::available`] reads from the kernel. The
/// rest stays in the kernel's buffer for the next call.
///
/// Where a listener has several sockets on its port ([`Listener::set_kernel_buffer`]), it is 1,024 of each.
///
/// The engine reads until the socket is empty, which a fast enough sender prevents for ever.
pub const MAX_DATAGRAMS_PER_POLL: usize = 8192;
