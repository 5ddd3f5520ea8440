//! UDP sockets under libssl, as a plain program would use them: none of them waits.

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::rc::Rc;

/// Room for every datagram.
const LARGEST: usize = 1 << 16;

/// One end of a connection with a socket of its own.
pub struct Socket(UdpSocket);

impl Socket {
    /// Both ends of a connection.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = (unconnected()?, unconnected()?);
        one.connect(other.local_addr()?)?;
        other.connect(one.local_addr()?)?;
        Ok((Self(one), Self(other)))
    }

    /// Where it is.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

fn unconnected() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.recv(into)
    }
}

impl Write for Socket {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.0.send(datagram)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server's socket, for any number of clients.
pub struct ServerSocket(Rc<Shared>);

struct Shared {
    socket: UdpSocket,
    datagram: RefCell<Vec<u8>>,
    /// The length of the next unread datagram.
    unread: Cell<Option<usize>>,
}

impl ServerSocket {
    /// A socket without clients.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Rc::new(Shared {
            socket: unconnected()?,
            datagram: RefCell::new(vec![0; LARGEST]),
            unread: Cell::new(None),
        })))
    }

    /// A new client's end, and the server's for the next sender.
    pub fn pair(&self) -> io::Result<(Socket, Served)> {
        let client = unconnected()?;
        client.connect(self.0.socket.local_addr()?)?;
        let served = Served {
            shared: Rc::clone(&self.0),
            client: None,
        };
        Ok((Socket(client), served))
    }

    /// Takes the next datagram, which the end of its sender then reads.
    pub fn take(&self) -> Option<SocketAddr> {
        let (length, from) = self
            .0
            .socket
            .recv_from(&mut self.0.datagram.borrow_mut())
            .ok()?;
        self.0.unread.set(Some(length));
        Some(from)
    }
}

/// A server's end for one client.
pub struct Served {
    shared: Rc<Shared>,
    client: Option<SocketAddr>,
}

impl Read for Served {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(length) = self.shared.unread.take() {
            into[..length].copy_from_slice(&self.shared.datagram.borrow()[..length]);
            return Ok(length);
        }
        let (length, from) = self.shared.socket.recv_from(into)?;
        self.client = Some(from);
        Ok(length)
    }
}

impl Write for Served {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        let client = self.client.ok_or(io::ErrorKind::NotConnected)?;
        self.shared.socket.send_to(datagram, client)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
