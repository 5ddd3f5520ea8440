//! What Windows' sockets need to be told, by options that no crate here has.

use std::io;
use std::net::UdpSocket;
use std::os::windows::io::AsRawSocket;

use windows_sys::Win32::Networking::WinSock::{
    SIO_UDP_CONNRESET, SIO_UDP_NETRESET, SO_EXCLUSIVEADDRUSE, SOCKET, SOCKET_ERROR, SOL_SOCKET,
    WSAIoctl, setsockopt,
};

/// Prepares a socket that is not bound yet, as far as the system does it.
///
/// Windows reports with a read that an earlier datagram came back (`WSAECONNRESET`, `WSAENETRESET`), whoever that one was
/// for; the engine switches that off as well (`NetSocketWinSock`). And unless a socket says that it does not share its
/// port, another one can take it with `SO_REUSEADDR`.
pub(crate) fn prepare(udp: &UdpSocket) {
    let _ = control(udp, SIO_UDP_CONNRESET, false);
    let _ = control(udp, SIO_UDP_NETRESET, false);
    let _ = be_exclusive(udp);
}

/// Sets a switch of a socket.
fn control(udp: &UdpSocket, code: u32, is_on: bool) -> io::Result<()> {
    let value = u32::from(is_on);
    let mut returned = 0;
    // SAFETY: the socket is open as long as `udp` is borrowed. The pointers are to locals that outlive the call, the first
    // with its size; there is no output buffer, and without an OVERLAPPED the call ends before it returns.
    let result = unsafe {
        WSAIoctl(
            udp.as_raw_socket() as SOCKET,
            code,
            (&raw const value).cast(),
            size_of::<u32>() as u32,
            std::ptr::null_mut(),
            0,
            &raw mut returned,
            std::ptr::null_mut(),
            None,
        )
    };
    in_words(result)
}

fn be_exclusive(udp: &UdpSocket) -> io::Result<()> {
    let value = 1_i32;
    // SAFETY: the socket is open as long as `udp` is borrowed; the pointer is to a local of the size that is given.
    let result = unsafe {
        setsockopt(
            udp.as_raw_socket() as SOCKET,
            SOL_SOCKET,
            SO_EXCLUSIVEADDRUSE,
            (&raw const value).cast(),
            size_of::<i32>() as i32,
        )
    };
    in_words(result)
}

fn in_words(result: i32) -> io::Result<()> {
    match result {
        SOCKET_ERROR => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
