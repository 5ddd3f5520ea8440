//! The socket of a `DatagramSocket` that is not accepted, and its queue.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::MAX_DATAGRAMS_PER_POLL;
use crate::error::Error;
use crate::inbox::Inbox;
use crate::scratch;
use crate::socket::Socket;

pub(crate) struct OwnSocket {
    pub(crate) socket: Arc<Socket>,
    pub(crate) inbox: Inbox,
    /// The connected remote, as the kernel reports it.
    connected_to: Option<SocketAddr>,
    /// It was connected before it was bound, so the kernel's buffer has datagrams of the remote only, and reading need
    /// not ask for the sender.
    receives_from_remote_only: bool,
}

impl OwnSocket {
    pub(crate) fn new(socket: Socket, inbox: Inbox) -> OwnSocket {
        OwnSocket {
            socket: Arc::new(socket),
            inbox,
            connected_to: None,
            receives_from_remote_only: false,
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected_to.is_some()
    }

    /// Connects, and discards what was queued: it was not from this remote.
    pub(crate) fn connect(&mut self, remote: SocketAddr) -> Result<(), Error> {
        let was_unbound = self.socket.local_port() == 0;
        self.connected_to = Some(self.socket.connect(remote)?);
        self.receives_from_remote_only = was_unbound;
        self.inbox.clear();
        Ok(())
    }

    pub(crate) fn send(&self, datagram: &[u8], remote: SocketAddr) -> Result<(), Error> {
        match self.connected_to {
            Some(_) => self.socket.send(datagram),
            None => self.socket.send_to(datagram, remote),
        }
    }

    /// Reads into the inbox, at most [`MAX_DATAGRAMS_PER_POLL`] datagrams.
    ///
    /// # Errors
    /// [`Error::Refused`] for an ICMP error for an earlier send, once. What is queued stays, and the next call reads
    /// on.
    pub(crate) fn poll(&mut self) -> Result<(), Error> {
        self.fetch(MAX_DATAGRAMS_PER_POLL)
    }

    /// Whether something is queued, after one read if nothing is. Errors are as with [`OwnSocket::poll`].
    pub(crate) fn has_datagrams(&mut self) -> Result<bool, Error> {
        if self.inbox.is_empty() {
            self.fetch(1)?;
        }
        Ok(!self.inbox.is_empty())
    }

    fn fetch(&mut self, most: usize) -> Result<(), Error> {
        scratch::with(|buffer| {
            for _ in 0..most {
                match self.read(buffer)? {
                    Read::Datagram(length, from) => {
                        if !self.inbox.push(from, &buffer[..length]) {
                            log::trace!(target: "udp", "dropped a datagram of {from}: the queue is full");
                        }
                    }
                    Read::Nothing => break,
                    Read::Skipped => (),
                }
            }
            Ok(())
        })
    }

    /// The oldest queued datagram; if none is queued, one from the kernel.
    pub(crate) fn receive(&mut self, into: &mut Vec<u8>) -> Result<SocketAddr, Error> {
        if let Some(from) = self.inbox.pop(into) {
            return Ok(from);
        }
        into.clear();
        scratch::with(|buffer| {
            for _ in 0..MAX_DATAGRAMS_PER_POLL {
                match self.read(buffer)? {
                    Read::Datagram(length, from) => {
                        into.extend_from_slice(&buffer[..length]);
                        return Ok(from);
                    }
                    Read::Nothing => break,
                    Read::Skipped => (),
                }
            }
            Err(Error::Unavailable)
        })
    }

    fn read(&self, buffer: &mut [u8]) -> Result<Read, Error> {
        let received = match self.connected_to {
            Some(remote) if self.receives_from_remote_only => self
                .socket
                .receive_connected(buffer)
                .map(|datagram| datagram.map(|length| (length, remote))),
            _ => self.socket.receive(buffer),
        };
        match received {
            Ok(None) => Ok(Read::Nothing),
            // From another sender, and received before the socket was connected.
            Ok(Some((_, from))) if self.connected_to.is_some_and(|remote| remote != from) => {
                Ok(Read::Skipped)
            }
            Ok(Some((length, from))) => Ok(Read::Datagram(length, from)),
            // Windows reports an ICMP error so. The engine switches it off there, and scripts never get one.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(Read::Skipped),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Err(Error::Refused),
            Err(_) => Err(Error::Failed),
        }
    }
}

enum Read {
    Datagram(usize, SocketAddr),
    Nothing,
    Skipped,
}
