//! What a listener listens with: one socket, or several on the same port where one would lose datagrams.
//!
//! A server of 1,000 players gets their packets of a tick almost at once, and Linux, as it is installed, gives a socket
//! room for a few hundred (`net.core.rmem_max`, 212,992 bytes). It lets several sockets share a port, each with a
//! buffer of its own, and sorts senders by a keyed hash of their address (`SO_REUSEPORT`, socket(7)): each sender has
//! its socket, so its datagrams stay in order, and one that floods fills one buffer of many. Other systems give a
//! socket what it asks for.

use std::sync::OnceLock;

use rustix::fd::{AsFd, BorrowedFd};

use crate::MAX_DATAGRAMS_PER_POLL;
use crate::address::BindAddress;
use crate::error::Error;
use crate::io_thread::IoThread;
use crate::recv_queue::RecvQueue;
use crate::reuseport_group::ReuseportGroup;
use crate::send_queue::SendQueue;
use crate::socket::Socket;

/// As many as have a bit in a set.
pub(crate) const MOST_SOCKETS: usize = u32::BITS as usize;

/// Of each of many sockets, in one poll: more than a buffer that is too small holds, so that one sender who fills his
/// without end keeps nobody else from being heard.
const MAX_DATAGRAMS_PER_SOCKET: usize = 1024;

/// Room for what some thousand clients send in a long tick.
pub(crate) const WANTED: usize = 4 << 20;

/// How large the kernel's receive buffers are to be, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct KernelBuffers {
    /// What each socket asks for; [`WANTED`] or what it has, if that is more, unless told. Linux reports twice of it, for
    /// it counts its own overhead too; and where it has less, it gives less.
    pub(crate) each: Option<usize>,
    /// What there is to be in all, as the system reports it.
    pub(crate) in_all: usize,
}

impl Default for KernelBuffers {
    fn default() -> KernelBuffers {
        KernelBuffers {
            each: None,
            in_all: 2 * WANTED,
        }
    }
}

/// Up to so many clients one socket is enough, and what different clients send is then sorted in the order in which it
/// arrived. Linux's default buffer has room for this many datagrams of 1,200 bytes.
const CLIENTS_OF_ONE_SOCKET: usize = 64;

pub(crate) struct Port {
    /// The one that sends, and the only one at first.
    socket: Socket,
    growth: Option<Growth>,
    recv_queue: RecvQueue,
    send_queue: SendQueue,
    io_thread: IoThread,
}

/// How a port gets more sockets, and those.
struct Growth {
    address: BindAddress,
    receive_buffer: Option<usize>,
    wanted: usize,
    /// Empty until it was tried, `None` if it could not be done.
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
        let growth = (wanted >= 2 && ReuseportGroup::IS_KNOWN).then(|| Growth {
            address,
            receive_buffer: buffers.each,
            wanted,
            group: OnceLock::new(),
        });
        Ok(Port::new(socket, growth))
    }

    fn new(socket: Socket, growth: Option<Growth>) -> Port {
        Port {
            socket,
            growth,
            recv_queue: RecvQueue::new(),
            send_queue: SendQueue::new(),
            io_thread: IoThread::new(),
        }
    }

    /// The socket to send from.
    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Where datagrams wait that are not sorted yet.
    pub(crate) fn recv_queue(&self) -> &RecvQueue {
        &self.recv_queue
    }

    /// Where datagrams wait that are not sent at once.
    pub(crate) fn send_queue(&self) -> &SendQueue {
        &self.send_queue
    }

    /// Who sends those, and reads ahead.
    pub(crate) fn io_thread(&self) -> &IoThread {
        &self.io_thread
    }

    /// Opens further sockets if there are too many clients for one. From then on most clients' datagrams come to another
    /// socket; what came before has to be read first. Returns whether it did so now.
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
                group
            });
        }
        has_opened
    }

    fn group(&self) -> Option<&ReuseportGroup> {
        self.growth.as_ref()?.group.get()?.as_ref()
    }

    /// The sockets that may have datagrams, each with its index, the first one first; and how many datagrams to take of
    /// each in a poll.
    pub(crate) fn readable(&self) -> (impl Iterator<Item = (usize, &Socket)>, usize) {
        let (set, most) = match self.group() {
            // Read without asking first.
            None => (1, MAX_DATAGRAMS_PER_POLL),
            Some(group) => (group.readable(), MAX_DATAGRAMS_PER_SOCKET),
        };
        let sockets = (0..MOST_SOCKETS)
            .filter(move |index| set >> index & 1 == 1)
            .filter_map(|index| Some((index, self.at(index)?)));
        (sockets, most)
    }

    fn at(&self, index: usize) -> Option<&Socket> {
        match index {
            0 => Some(&self.socket),
            _ => self.group()?.others().get(index - 1),
        }
    }

    /// What becomes readable when there is a datagram.
    pub(crate) fn poll_fd(&self) -> BorrowedFd<'_> {
        match self.group() {
            Some(group) => group.poll_fd(),
            None => self.socket.udp().as_fd(),
        }
    }
}
