//! Forms of addresses.

use std::net::{IpAddr, SocketAddr};

use udp::ScopedIp;

/// An address with its interface, if it has one.
pub(crate) fn scoped(address: SocketAddr) -> ScopedIp {
    if let SocketAddr::V6(v6) = address
        && v6.scope_id() != 0
        && let Ok(scoped) = format!("{}%{}", v6.ip(), v6.scope_id()).parse()
    {
        return scoped;
    }
    address.ip().into()
}

/// The form in which received datagrams have their sender's address.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        IpAddr::V6(_) => address,
    }
}
