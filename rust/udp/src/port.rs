//! The sockets of a listener: one, or several on the same port where one would lose datagrams.
//!
//! A server of 1,000 clients receives their packets of a tick almost at once, and Linux by default limits a receive
//! buffer to a few hundred datagrams (`net.core.rmem_max`, 212,992 bytes). It lets several sockets share a port, each
//! with a buffer of its own, and chooses between them by a keyed hash of the sender's address (`SO_REUSEPORT`,
//! socket(7)): each sender has one socket, so its datagrams stay in order, and a flood of one fills one buffer of many.
//! Other systems grant the buffer that is asked for.

use std::sync::{Arc, OnceLock, Weak};

use rustix::fd::{AsFd, BorrowedFd};

use crate::MAX_DATAGRAMS_PER_POLL;
use crate::bind_address::BindAddress;
use crate::error::Error;
use crate::recv_queue::RecvQueue;
use crate::reuseport_group::{MAX_SOCKETS, ReuseportGroup};
use crate::send_queue::SendQueue;
use crate::socket::{DEFAULT_RECEIVE_BUFFER, Socket};
use crate::worker::Worker;

/// Read of each of several sockets in one poll: more than a buffer holds that is too small, so that a client that fills
/// its socket's without end does not keep a poll from the others.
const MAX_DATAGRAMS_PER_SOCKET: usize = 1024;

/// How large the kernel's receive buffers are to be, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct KernelBuffers {
    /// What each socket asks for. `None`: [`DEFAULT_RECEIVE_BUFFER`], or what it has if that is more. Linux reports
    /// twice of what it grants, because it counts its own overhead too, and may grant less.
    pub(crate) each: Option<usize>,
    /// The total that is wanted, as the system reports it.
    pub(crate) in_all: usize,
}

impl Default for KernelBuffers {
    fn default() -> KernelBuffers {
        KernelBuffers {
            each: None,
            in_all: 2 * DEFAULT_RECEIVE_BUFFER,
        }
    }
}

/// With up to so many clients there is one socket, and datagrams of different clients are delivered in the order of
/// arrival. Linux's default buffer has room for this many datagrams of 1,200 bytes.
const CLIENTS_OF_ONE_SOCKET: usize = 64;

pub(crate) struct Port {
    /// Sends, and receives: alone at first.
    socket: Socket,
    growth: Option<Growth>,
    recv_queue: RecvQueue,
    send_queue: SendQueue,
    worker: Worker,
    /// Dropped last, when the sockets are closed. The count of the port's own references says less: it is 0 before a
    /// thread that drops the last of them has closed anything.
    open: Arc<()>,
}

/// What it takes to open more sockets, and those.
struct Growth {
    address: BindAddress,
    receive_buffer: Option<usize>,
    /// How many sockets there are to be in all.
    wanted: usize,
    /// Empty until they are opened; `None` if that failed.
    group: OnceLock<Option<ReuseportGroup>>,
}

impl Port {
    /// # Errors
    /// As [`Socket::listen`].
    pub(crate) fn listen(
        address: BindAddress,
        port: u16,
        buffers: KernelBuffers,
    ) -> Result<Port, Error> {
        let socket = Socket::listen(address, port, buffers.each)?;
        let size = socket.receive_buffer().unwrap_or(usize::MAX).max(1);
        let wanted = buffers.in_all.div_ceil(size);
        let growth = (wanted >= 2 && ReuseportGroup::IS_SUPPORTED).then(|| Growth {
            address,
            receive_buffer: buffers.each,
            wanted,
            group: OnceLock::new(),
        });
        log::debug!(
            target: "udp",
            "listening on port {} ({address:?}): receive buffer {size} of {} bytes, up to {} sockets",
            socket.local_port(),
            buffers.in_all,
            growth.as_ref().map_or(1, |growth| growth.wanted.min(MAX_SOCKETS)),
        );
        Ok(Port {
            socket,
            growth,
            recv_queue: RecvQueue::new(),
            send_queue: SendQueue::new(),
            worker: Worker::new(),
            open: Arc::default(),
        })
    }

    /// Has references as long as a socket is open.
    pub(crate) fn open(&self) -> Weak<()> {
        Arc::downgrade(&self.open)
    }

    /// The socket to send from.
    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(crate) fn recv_queue(&self) -> &RecvQueue {
        &self.recv_queue
    }

    pub(crate) fn send_queue(&self) -> &SendQueue {
        &self.send_queue
    }

    /// The thread of [`crate::io_thread`].
    pub(crate) fn worker(&self) -> &Worker {
        &self.worker
    }

    /// Opens further sockets if there are too many clients for one. From then on most clients' datagrams arrive at
    /// another socket; what arrived before has to be read first. Returns whether this call opened them.
    pub(crate) fn grow_for(&self, clients: usize) -> bool {
        let mut has_opened = false;
        if clients > CLIENTS_OF_ONE_SOCKET
            && let Some(growth) = &self.growth
        {
            growth.group.get_or_init(|| {
                let group = ReuseportGroup::open(
                    &self.socket,
                    growth.address,
                    growth.receive_buffer,
                    growth.wanted,
                );
                has_opened = group.is_some();
                let port = self.socket.local_port();
                match &group {
                    Some(group) => log::debug!(
                        target: "udp",
                        "port {port} has {} sockets for {clients} clients",
                        1 + group.others().len(),
                    ),
                    None => log::debug!(target: "udp", "port {port} got no further sockets"),
                }
                group
            });
        }
        has_opened
    }

    fn group(&self) -> Option<&ReuseportGroup> {
        self.growth.as_ref()?.group.get()?.as_ref()
    }

    /// The sockets that may have datagrams, each with its index, in the order of the index, and how many datagrams a
    /// poll reads of each.
    pub(crate) fn readable(&self) -> (impl Iterator<Item = (usize, &Socket)>, usize) {
        let (set, limit) = match self.group() {
            // One read costs no more than asking whether there is something to read.
            None => (1, MAX_DATAGRAMS_PER_POLL),
            Some(group) => (group.readable(), MAX_DATAGRAMS_PER_SOCKET),
        };
        let sockets = (0..MAX_SOCKETS)
            .filter(move |index| set >> index & 1 == 1)
            .filter_map(|index| Some((index, self.at(index)?)));
        (sockets, limit)
    }

    fn at(&self, index: usize) -> Option<&Socket> {
        match index {
            0 => Some(&self.socket),
            _ => self.group()?.others().get(index - 1),
        }
    }

    /// Becomes readable when any socket has a datagram.
    pub(crate) fn poll_fd(&self) -> BorrowedFd<'_> {
        match self.group() {
            Some(group) => group.poll_fd(),
            None => self.socket.udp().as_fd(),
        }
    }
}
