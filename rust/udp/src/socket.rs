//! One non-blocking UDP socket of the system: opening, binding, sending, receiving.
//!
//! The options are those of the engine's `NetSocketUnix` and `NetSocketWinSock`. "Don't fragment" is left as the
//! system has it: a datagram larger than the link is fragmented, as the engine's are.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Type};

use crate::address::{Family, canonical, mapped};
use crate::bind_address::BindAddress;
use crate::error::Error;
use crate::path::{self, Path};
use crate::scratch::RECEIVE_BUFFER;

/// The receive buffer that a listener's socket asks for, in bytes, unless it is set: room for what about a thousand
/// clients send in a long tick.
pub(crate) const DEFAULT_RECEIVE_BUFFER: usize = 4 << 20;

#[derive(Debug)]
pub(crate) struct Socket {
    udp: UdpSocket,
    family: Family,
    /// Whether the system reports the local address of each datagram: see [`crate::path`].
    reports_local: bool,
}

impl Socket {
    /// An unbound socket; the system binds it when it first sends.
    pub(crate) fn open(family: Family) -> io::Result<Socket> {
        match family {
            Family::Dual => open_dual().or_else(|_| Socket::open(Family::V4)),
            Family::V4 => finish(
                socket2::Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?,
                Family::V4,
            ),
            Family::V6 => {
                let socket = socket2::Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
                socket.set_only_v6(true)?;
                finish(socket, Family::V6)
            }
        }
    }

    /// A bound socket for a [`crate::DatagramSocket`].
    ///
    /// # Errors
    /// [`Error::CantCreate`]: no socket. [`Error::Unavailable`]: port taken, address not of this machine, not allowed.
    pub(crate) fn bind(address: BindAddress, port: u16) -> Result<Socket, Error> {
        Socket::bind_with(address, port, |_| Ok(()))
    }

    /// A bound socket for a listener.
    ///
    /// Without `SO_REUSEADDR`, which the engine sets: on Linux it lets a process of any user bind the same UDP port and
    /// receive all datagrams from then on. UDP does not need it, because a port is free as soon as its socket is
    /// closed.
    ///
    /// `receive_buffer` is the size to ask for, in bytes ([`DEFAULT_RECEIVE_BUFFER`] if `None`); the system may grant
    /// less.
    pub(crate) fn listen(
        address: BindAddress,
        port: u16,
        receive_buffer: Option<usize>,
    ) -> Result<Socket, Error> {
        Socket::bind_with(address, port, |socket| {
            socket.prepare_to_listen(address, receive_buffer);
            Ok(())
        })
    }

    pub(crate) fn prepare_to_listen(
        &mut self,
        address: BindAddress,
        receive_buffer: Option<usize>,
    ) {
        if address.is_wildcard() {
            self.reports_local = path::enable(&self.udp, self.family);
        }
        let options = SockRef::from(&self.udp);
        match receive_buffer {
            Some(size) => {
                let _ = options.set_recv_buffer_size(size);
            }
            None => grow(
                DEFAULT_RECEIVE_BUFFER,
                || options.recv_buffer_size(),
                |size| options.set_recv_buffer_size(size),
            ),
        }
    }

    /// Raises the sizes of both of the kernel's buffers.
    pub(crate) fn grow_buffers(&self, bytes: usize) {
        let options = SockRef::from(&self.udp);
        let (receive, send) = (|| options.recv_buffer_size(), || options.send_buffer_size());
        grow(bytes, receive, |size| options.set_recv_buffer_size(size));
        grow(bytes, send, |size| options.set_send_buffer_size(size));
    }

    /// The size of the kernel's buffer as the system reports it, in bytes.
    pub(crate) fn receive_buffer(&self) -> io::Result<usize> {
        SockRef::from(&self.udp).recv_buffer_size()
    }

    /// Opens a socket, calls `configure` on it, and binds it.
    pub(crate) fn bind_with(
        address: BindAddress,
        port: u16,
        configure: impl Fn(&mut Socket) -> io::Result<()>,
    ) -> Result<Socket, Error> {
        let family = match address.one() {
            None => Family::Dual,
            Some(one) => Family::of(one.ip()),
        };
        let cannot_create = |error| {
            log::debug!(target: "udp", "no socket for port {port} ({address:?}): {error}");
            Error::CantCreate
        };
        let mut socket = Socket::open(family).map_err(cannot_create)?;
        configure(&mut socket).map_err(cannot_create)?;
        let local = match (address.one(), socket.family) {
            (Some(one), _) => one.with_port(port),
            (None, Family::V4) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port),
            (None, Family::V6 | Family::Dual) => {
                SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)
            }
        };
        match SockRef::from(&socket.udp).bind(&local.into()) {
            Ok(()) => Ok(socket),
            // A system with IPv6 sockets and no IPv6 address.
            Err(error)
                if socket.family == Family::Dual && error.kind() == ErrorKind::AddrNotAvailable =>
            {
                Socket::bind_with(
                    BindAddress::Ip(Ipv4Addr::UNSPECIFIED.into()),
                    port,
                    configure,
                )
            }
            Err(error) => {
                log::debug!(target: "udp", "cannot bind port {port} ({address:?}): {error}");
                Err(Error::Unavailable)
            }
        }
    }

    pub(crate) fn family(&self) -> Family {
        self.family
    }

    pub(crate) fn udp(&self) -> &UdpSocket {
        &self.udp
    }

    /// The bound port, 0 if there is none.
    pub(crate) fn local_port(&self) -> u16 {
        self.udp.local_addr().map_or(0, |address| address.port())
    }

    /// Sets the only remote to send to and receive from. Returns its address as the kernel reports it.
    ///
    /// # Errors
    /// [`Error::Failed`]: wrong family, no route, broadcast not enabled.
    pub(crate) fn connect(&self, remote: SocketAddr) -> Result<SocketAddr, Error> {
        let address = self.destination(remote)?;
        self.udp.connect(address).map_err(|_| Error::Failed)?;
        Ok(self.udp.peer_addr().map_or(remote, canonical))
    }

    /// Enables or disables sending to broadcast addresses. Does nothing for IPv6, which has none, as in the engine.
    pub(crate) fn set_broadcast(&self, enabled: bool) -> Result<(), Error> {
        if self.family == Family::V6 {
            return Ok(());
        }
        self.udp.set_broadcast(enabled).map_err(|_| Error::Failed)
    }

    /// Sends one datagram to the connected remote.
    pub(crate) fn send(&self, datagram: &[u8]) -> Result<(), Error> {
        sent(|| self.udp.send(datagram))
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// [`Error::Busy`]: send buffer full. [`Error::Refused`]: an ICMP error for an earlier datagram; this one was not
    /// sent. [`Error::TooLarge`]: larger than the system sends. [`Error::Failed`]: anything else.
    pub(crate) fn send_to(&self, datagram: &[u8], remote: SocketAddr) -> Result<(), Error> {
        let address = self.destination(remote)?;
        sent(|| self.udp.send_to(datagram, address))
    }

    /// Sends one datagram from the local address of its path, if the machine still has it. Errors are as with
    /// [`Socket::send_to`].
    pub(crate) fn send_along(&self, datagram: &[u8], path: &Path) -> Result<(), Error> {
        let Some(local) = path.local else {
            return self.send_to(datagram, path.remote);
        };
        let address = self.destination(path.remote)?;
        match sent(|| path::send(&self.udp, datagram, address, local)) {
            // The machine may no longer have the address: the system chooses another.
            Err(Error::Failed) => self.send_to(datagram, path.remote),
            result => result,
        }
    }

    /// Reads one datagram of a connected socket: its length, or `None` if there is none. Errors are as with
    /// [`Socket::receive`].
    pub(crate) fn receive_connected(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        received(|| self.udp.recv(buffer))
    }

    /// Reads one datagram: its length and sender, or `None` if there is none.
    ///
    /// An error is about an earlier datagram (an ICMP error, a truncation), and reading it removes it: the caller may
    /// go on reading.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        let datagram = received(|| self.udp.recv_from(buffer))?;
        Ok(datagram.map(|(length, from)| (length, canonical(from))))
    }

    /// As [`Socket::receive`], with the local address where the system reports it.
    pub(crate) fn receive_path(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, Path)>> {
        if self.reports_local {
            return received(|| path::receive(&self.udp, buffer));
        }
        let datagram = self.receive(buffer)?;
        Ok(datagram.map(|(length, from)| (length, Path::of(from))))
    }

    /// Whether the system reports the local address of each datagram.
    pub(crate) fn reports_local(&self) -> bool {
        self.reports_local
    }

    /// A destination in the form that this socket takes.
    ///
    /// # Errors
    /// [`Error::Failed`]: another family.
    fn destination(&self, remote: SocketAddr) -> Result<SocketAddr, Error> {
        match (self.family, canonical(remote)) {
            (Family::Dual, address) => Ok(mapped(address)),
            (Family::V4, address @ SocketAddr::V4(_))
            | (Family::V6, address @ SocketAddr::V6(_)) => Ok(address),
            _ => Err(Error::Failed),
        }
    }
}

fn open_dual() -> io::Result<Socket> {
    let socket = socket2::Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_only_v6(false)?;
    finish(socket, Family::Dual)
}

fn finish(socket: socket2::Socket, family: Family) -> io::Result<Socket> {
    socket.set_nonblocking(true)?;
    // macOS sends no datagram that is larger than the send buffer, 9 KB unless set.
    grow(
        RECEIVE_BUFFER,
        || socket.send_buffer_size(),
        |size| socket.set_send_buffer_size(size),
    );
    let udp: UdpSocket = socket.into();
    #[cfg(windows)]
    crate::windows::prepare(&udp);
    Ok(Socket {
        udp,
        family,
        reports_local: false,
    })
}

/// Whether a read failed because of an ICMP error for a datagram that was sent earlier, and not because of the socket.
/// The system does not report which remote that was for, so no send returns it.
///
/// Windows reports these unless it is switched off (see [`crate::windows`]): `WSAECONNRESET`, `WSAENETRESET`.
pub(crate) fn is_about_an_earlier_send(error: &io::Error) -> bool {
    const WSAENETRESET: i32 = 10052;
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused => true,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => true,
        _ => cfg!(windows) && error.raw_os_error() == Some(WSAENETRESET),
    }
}

/// Raises a buffer size to `wanted` bytes, or as far as the system allows. Never lowers it.
fn grow(
    wanted: usize,
    current: impl Fn() -> io::Result<usize>,
    set: impl Fn(usize) -> io::Result<()>,
) {
    let mut size = wanted;
    while current().is_ok_and(|current| current < size) && set(size).is_err() {
        size /= 2;
    }
}

fn received<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<Option<T>> {
    loop {
        match attempt() {
            Ok(datagram) => return Ok(Some(datagram)),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => return Ok(None),
                ErrorKind::Interrupted => (),
                _ => return Err(error),
            },
        }
    }
}

fn sent(mut attempt: impl FnMut() -> io::Result<usize>) -> Result<(), Error> {
    loop {
        match attempt() {
            Ok(_) => return Ok(()),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => return Err(Error::Busy),
                ErrorKind::Interrupted => (),
                ErrorKind::ConnectionRefused => return Err(Error::Refused),
                _ if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) => {
                    return Err(Error::TooLarge);
                }
                _ => {
                    log::trace!(target: "udp", "sending failed: {error}");
                    return Err(Error::Failed);
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_send_buffer_is_busy_and_an_interrupted_send_is_retried() {
        assert_eq!(sent(|| Err(ErrorKind::WouldBlock.into())), Err(Error::Busy));
        let mut interruptions = 3;
        let result = sent(|| {
            if interruptions == 0 {
                return Ok(1);
            }
            interruptions -= 1;
            Err(ErrorKind::Interrupted.into())
        });
        assert_eq!(result, Ok(()));
        assert_eq!(
            sent(|| Err(ErrorKind::ConnectionRefused.into())),
            Err(Error::Refused)
        );
    }

    #[test]
    fn a_socket_reaches_its_family_and_a_dual_one_reaches_both() {
        let v4: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let v6: SocketAddr = "[::1]:9".parse().unwrap();
        let on_v4 = Socket::open(Family::V4).unwrap();
        assert_eq!(on_v4.destination(v4), Ok(v4));
        assert_eq!(on_v4.destination(v6), Err(Error::Failed));
        assert_eq!(on_v4.destination(mapped(v4)), Ok(v4));
        let dual = Socket::open(Family::Dual).unwrap();
        if dual.family() == Family::Dual {
            assert_eq!(dual.destination(v4), Ok(mapped(v4)));
            assert_eq!(dual.destination(v6), Ok(v6));
        }
    }

    #[test]
    fn too_large_a_datagram_is_an_error_of_its_own() {
        let fail = |errno: Errno| sent(|| Err(errno.into()));
        assert_eq!(fail(Errno::MSGSIZE), Err(Error::TooLarge));
        assert_eq!(fail(Errno::INVAL), Err(Error::Failed));
    }

    #[test]
    fn a_socket_can_send_the_largest_datagram() {
        // On macOS what is larger than the send buffer, 9,216 bytes unless set, cannot be sent.
        for family in [Family::V4, Family::V6, Family::Dual] {
            let Ok(socket) = Socket::open(family) else {
                continue;
            };
            let size = SockRef::from(socket.udp()).send_buffer_size().unwrap();
            assert!(size >= 65_507, "{size} for {family:?}");
        }
    }

    #[test]
    fn an_icmp_error_is_distinguished_from_an_error_of_the_socket() {
        for errno in [Errno::CONNRESET, Errno::CONNREFUSED, Errno::HOSTUNREACH] {
            assert!(is_about_an_earlier_send(&errno.into()), "{errno:?}");
        }
        for errno in [Errno::BADF, Errno::NOBUFS, Errno::INVAL] {
            assert!(!is_about_an_earlier_send(&errno.into()), "{errno:?}");
        }
        if cfg!(windows) {
            for number in [10052, 10054] {
                let error = io::Error::from_raw_os_error(number);
                assert!(is_about_an_earlier_send(&error), "{number}");
            }
        }
    }

    #[test]
    fn a_buffer_grows_as_far_as_the_system_allows_and_never_shrinks() {
        let size = std::cell::Cell::new(1000);
        let set = |wanted: usize| {
            if wanted > 3000 {
                return Err(ErrorKind::OutOfMemory.into());
            }
            size.set(wanted);
            Ok(())
        };
        grow(8000, || Ok(size.get()), set);
        assert_eq!(size.get(), 2000);
        grow(500, || Ok(size.get()), set);
        assert_eq!(size.get(), 2000);
    }
}
