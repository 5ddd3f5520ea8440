//! What Windows has and the crates used here do not: options of sockets, and interfaces by name.

use std::io;
use std::net::UdpSocket;
use std::os::windows::io::AsRawSocket;

use windows_sys::Win32::Networking::WinSock::{
    SIO_UDP_CONNRESET, SIO_UDP_NETRESET, SO_EXCLUSIVEADDRUSE, SOCKET, SOCKET_ERROR, SOL_SOCKET,
    WSAIoctl, setsockopt,
};

pub(crate) mod interfaces;

/// Sets the options of a socket that is not bound yet. Errors are ignored.
///
/// A read on Windows returns ICMP errors for earlier datagrams to any remote (`WSAECONNRESET`, `WSAENETRESET`), unless
/// that is switched off, as the engine does (`NetSocketWinSock`). And without `SO_EXCLUSIVEADDRUSE` another socket can
/// take the port with `SO_REUSEADDR`.
pub(crate) fn prepare(udp: &UdpSocket) {
    let _ = control(udp, SIO_UDP_CONNRESET, false);
    let _ = control(udp, SIO_UDP_NETRESET, false);
    let _ = set_exclusive(udp);
}

/// Sets a boolean with `WSAIoctl`.
fn control(udp: &UdpSocket, code: u32, is_on: bool) -> io::Result<()> {
    let value = u32::from(is_on);
    let mut returned = 0;
    // SAFETY: `udp` is borrowed, so the socket is open during the call. The pointers are to locals that outlive the
    // call, the first with its size. There is no output buffer. Without an OVERLAPPED the call is synchronous.
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
    to_result(result)
}

fn set_exclusive(udp: &UdpSocket) -> io::Result<()> {
    let value = 1_i32;
    // SAFETY: `udp` is borrowed, so the socket is open during the call. The pointer is to a local of the given size.
    let result = unsafe {
        setsockopt(
            udp.as_raw_socket() as SOCKET,
            SOL_SOCKET,
            SO_EXCLUSIVEADDRUSE,
            (&raw const value).cast(),
            size_of::<i32>() as i32,
        )
    };
    to_result(result)
}

fn to_result(result: i32) -> io::Result<()> {
    match result {
        SOCKET_ERROR => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
