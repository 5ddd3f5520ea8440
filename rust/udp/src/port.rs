//! What a listener listens with: one socket, or several on the same port where one would lose datagrams.
//!
//! A server of 1,000 players gets their packets of a tick almost at once, and Linux, as it is installed, gives a socket
//! room for a few hundred (`net.core.rmem_max`, 212,992 bytes). It lets several sockets share a port, each with a
//! buffer of its own, and sorts senders by a keyed hash of their address (`SO_REUSEPORT`, socket(7)): each sender has
//! its socket, so its datagrams stay in order, and one that floods fills one buffer of many. Other systems give a
//! socket what it asks for.

use crate::address::BindAddress;
use crate::error::Error;
use crate::group::Group;
use crate::socket::Socket;

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

pub(crate) struct Port {
    /// The one that sends.
    socket: Socket,
    group: Option<Group>,
}

impl Port {
    /// # Errors
    /// As [`Socket::listen`].
    pub(crate) fn listen(
        address: BindAddress,
        port: u16,
        buffers: KernelBuffers,
    ) -> Result<Port, Error> {
        let alone = |port| {
            Ok(Port {
                socket: Socket::listen(address, port, buffers.each)?,
                group: None,
            })
        };
        let one = alone(port)?;
        let size = one.socket.receive_buffer().unwrap_or(usize::MAX).max(1);
        let wanted = buffers.in_all.div_ceil(size);
        if wanted < 2 || !Group::IS_KNOWN {
            return Ok(one);
        }
        // Who is to share must do so from the beginning.
        let chosen = one.socket.local_port();
        drop(one);
        match Group::open(address, chosen, buffers.each, wanted) {
            Some((socket, group)) => Ok(Port {
                socket,
                group: Some(group),
            }),
            None => alone(port),
        }
    }

    /// The socket to send from.
    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The sockets that may have datagrams, and how many those are.
    pub(crate) fn readable(&self) -> (impl Iterator<Item = &Socket>, usize) {
        // A lone socket is read without asking first.
        let set = self.group.as_ref().map_or(1, Group::readable);
        let sockets = (0..u32::BITS as usize)
            .filter(move |index| set >> index & 1 == 1)
            .filter_map(|index| self.at(index));
        (sockets, set.count_ones() as usize)
    }

    fn at(&self, index: usize) -> Option<&Socket> {
        match (index, &self.group) {
            (0, _) => Some(&self.socket),
            (_, Some(group)) => group.others().get(index - 1),
            (_, None) => None,
        }
    }

    /// What becomes readable when there is a datagram.
    pub(crate) fn wakes(&self) -> rustix::fd::BorrowedFd<'_> {
        use rustix::fd::AsFd;
        match &self.group {
            Some(group) => group.wakes(),
            None => self.socket.udp().as_fd(),
        }
    }
}
