//! UDP ports of this machine: which are open, and what the system dropped at them.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process;

/// How long a program may take to open its port.
const START_LIMIT: Duration = Duration::from_secs(30);

/// An error that names the port and a command, if the UDP port is in use.
pub(crate) fn require_free(port: u16) -> Result<()> {
    UdpSocket::bind(("0.0.0.0", port)).map(drop).with_context(|| {
        format!(
            "UDP port {port}, which the server listens on, is in use; end the program that has it (ss -lunp 'sport = :{port}' names it)"
        )
    })
}

/// Waits until a program has opened its UDP port. Binding the port to test it could make the program's bind fail.
///
/// `check` is called repeatedly; its error ends the wait.
pub(crate) fn wait_until_open(port: u16, mut check: impl FnMut() -> Result<()>) -> Result<()> {
    let limit = process::scaled(START_LIMIT);
    let deadline = Instant::now() + limit;
    while !is_open(port) {
        check()?;
        if Instant::now() > deadline {
            bail!(
                "the server did not open UDP port {port} within {} s",
                limit.as_secs()
            );
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Whether any program on this machine has the UDP port.
#[cfg(target_os = "linux")]
fn is_open(port: u16) -> bool {
    let port = format!(":{port:04X}");
    ["/proc/net/udp", "/proc/net/udp6"].iter().any(|table| {
        std::fs::read_to_string(table).is_ok_and(|table| {
            let mut local = table
                .lines()
                .filter_map(|line| line.split_whitespace().nth(1));
            local.any(|address| address.ends_with(&port))
        })
    })
}

/// Gives the server time to open its port; a first datagram that arrives too early is sent again.
#[cfg(not(target_os = "linux"))]
fn is_open(_: u16) -> bool {
    std::thread::sleep(Duration::from_secs(1));
    true
}

/// How many datagrams the system has dropped because a UDP port's buffer was full, since it was opened; `None` where
/// the system does not report it.
#[cfg(target_os = "linux")]
pub(crate) fn dropped_by_the_system(port: u16) -> Option<u64> {
    let local = format!(":{port:04X}");
    let mut found = None;
    for table in ["/proc/net/udp", "/proc/net/udp6"] {
        let Ok(table) = std::fs::read_to_string(table) else {
            continue;
        };
        for line in table.lines().skip(1) {
            let mut columns = line.split_whitespace();
            if columns
                .nth(1)
                .is_some_and(|address| address.ends_with(&local))
            {
                let dropped: u64 = columns.next_back()?.parse().ok()?;
                found = Some(found.unwrap_or(0) + dropped);
            }
        }
    }
    found
}

/// How many datagrams the system has dropped because a UDP port's buffer was full; `None` where it does not report it.
#[cfg(not(target_os = "linux"))]
pub(crate) fn dropped_by_the_system(_: u16) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named() {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let error = require_free(port).unwrap_err().to_string();
        assert!(error.contains(&format!("UDP port {port}")), "{error}");
        assert!(is_open(port));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn datagrams_that_a_full_buffer_drops_are_counted() {
        let full = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = full.local_addr().unwrap().port();
        assert_eq!(dropped_by_the_system(port), Some(0));
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..1_000 {
            let _ = sender.send_to(&[0; 60_000], ("127.0.0.1", port));
        }
        assert!(dropped_by_the_system(port).unwrap() > 0);
    }
}
