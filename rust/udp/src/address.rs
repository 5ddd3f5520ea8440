//! Which address to bind, and the two spellings of an IPv4 address on a dual-stack socket.
//!
//! A dual-stack socket reports IPv4 senders as `::ffff:a.b.c.d` (RFC 4291, 2.5.5.2) and wants destinations in the same
//! form. Outside this crate an IPv4 address is always `a.b.c.d`, so that it compares equal whichever socket saw it.

use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::scoped::ScopedIp;

/// What to bind: the engine's `"*"`, or one address.
///
/// `Ip(0.0.0.0)` is every IPv4 address and `Ip(::)` every IPv6 address, without the other family (class reference of
/// `PacketPeerUDP.bind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindAddress {
    /// Every address, IPv4 and IPv6 on one socket; IPv4 alone where the system has no IPv6.
    Any,
    /// One address. IPv4-mapped IPv6 addresses count as IPv4.
    Ip(IpAddr),
    /// One address; a link-local one with its interface.
    Scoped(ScopedIp),
}

impl BindAddress {
    /// Whether it is every address of a family or of both.
    pub(crate) fn is_every(self) -> bool {
        match self.one() {
            None => true,
            Some(one) => one.ip().to_canonical().is_unspecified(),
        }
    }

    /// The address, unless it is every one of both families.
    pub(crate) fn one(self) -> Option<ScopedIp> {
        match self {
            BindAddress::Any => None,
            BindAddress::Ip(ip) => Some(ip.into()),
            BindAddress::Scoped(ip) => Some(ip),
        }
    }
}

/// The form shown outside and used as a key: IPv4-mapped as IPv4, no flow label. An IPv6 scope stays, since a
/// link-local sender cannot be answered without it (the engine drops it, and cannot answer).
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::V4(SocketAddrV4::new(v4, v6.port())),
            None => SocketAddr::V6(SocketAddrV6::new(*v6.ip(), v6.port(), 0, v6.scope_id())),
        },
    }
}

/// The form that an IPv6 socket takes.
pub(crate) fn mapped(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) => {
            SocketAddr::V6(SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0))
        }
        SocketAddr::V6(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_shown_as_ipv4_and_mapped_back_to_send() {
        let seen: SocketAddr = "[::ffff:10.1.2.3]:4242".parse().unwrap();
        let shown: SocketAddr = "10.1.2.3:4242".parse().unwrap();
        assert_eq!(canonical(seen), shown);
        assert_eq!(mapped(shown), seen);
    }

    #[test]
    fn an_ipv6_address_keeps_its_scope_and_loses_its_flow_label() {
        let seen = SocketAddr::V6(SocketAddrV6::new("fe80::1".parse().unwrap(), 9, 77, 3));
        let shown = SocketAddr::V6(SocketAddrV6::new("fe80::1".parse().unwrap(), 9, 0, 3));
        assert_eq!(canonical(seen), shown);
        assert_eq!(mapped(shown), shown);
    }
}
