//! Datagrams that were read from a socket and are yet to be sorted.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use crate::scratch::RECEIVE_BUFFER;
use crate::socket::Socket;

/// The most datagrams of a batch.
pub(crate) const MOST: usize = 32;

/// After this many errors in one poll the socket is taken to be broken rather than the senders to be gone.
const MAX_ERRORS_PER_POLL: usize = 64;

const NOBODY: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));

/// Datagrams one behind the other in a buffer.
pub(crate) struct Batch<'a> {
    buffer: &'a mut [u8],
    /// Who sent each, and where it ends in the buffer.
    heads: [(SocketAddr, usize); MOST],
    count: usize,
}

/// How reading went.
pub(crate) enum Read {
    /// As many were read as were asked for, or as there was room for.
    Full,
    /// There are no more.
    All,
    /// The socket keeps failing.
    Failed,
}

impl<'a> Batch<'a> {
    /// An empty one, in a buffer with room for at least two datagrams of any size.
    pub(crate) fn new(buffer: &'a mut [u8]) -> Batch<'a> {
        Batch {
            buffer,
            heads: [(NOBODY, 0); MOST],
            count: 0,
        }
    }

    /// Forgets what it holds, and reads up to so many datagrams. `errors` are those of this poll.
    pub(crate) fn read(&mut self, socket: &Socket, most: usize, errors: &mut usize) -> Read {
        self.count = 0;
        let mut used = 0;
        while self.count < most.min(MOST) && self.buffer.len() - used >= RECEIVE_BUFFER {
            match socket.receive(&mut self.buffer[used..]) {
                Ok(Some((length, from))) => {
                    used += length;
                    self.heads[self.count] = (from, used);
                    self.count += 1;
                }
                Ok(None) => return Read::All,
                Err(_) if *errors < MAX_ERRORS_PER_POLL => *errors += 1,
                Err(_) => return Read::Failed,
            }
        }
        Read::Full
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn senders(&self) -> impl Iterator<Item = SocketAddr> {
        self.heads[..self.count].iter().map(|&(from, _)| from)
    }

    /// Who sent each, and the datagram.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let mut start = 0;
        self.heads[..self.count].iter().map(move |&(from, end)| {
            let datagram = &self.buffer[start..end];
            start = end;
            (from, datagram)
        })
    }
}
