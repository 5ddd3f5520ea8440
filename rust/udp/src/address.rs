//! Address families, and the two forms of an IPv4 address on a dual-stack socket.
//!
//! A dual-stack socket reports IPv4 senders as `::ffff:a.b.c.d` (RFC 4291, 2.5.5.2) and takes destinations in the same
//! form. Outside this crate an IPv4 address is always `a.b.c.d`, so that it compares equal whichever socket received
//! from it.

use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Which addresses a socket can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
    /// IPv6 and, as IPv4-mapped addresses, IPv4.
    Dual,
}

impl Family {
    /// The family of an unbound socket that is opened to reach `ip`.
    pub(crate) fn of(ip: IpAddr) -> Family {
        match ip.to_canonical() {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        }
    }
}

/// The form that the API shows and that tables use as key: IPv4-mapped as IPv4, no flow label. An IPv6 scope stays: a
/// datagram cannot be sent to a link-local address without it (the engine drops it, and cannot send back).
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

/// An address as the engine writes it: IPv4 in dots, IPv6 in eight groups, with neither zeros left out nor groups padded.
#[must_use]
pub fn written_in_full(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => ip.segments().map(|group| format!("{group:x}")).join(":"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_with_all_its_groups() {
        for (short, full) in [
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8::7", "2001:db8:0:0:0:0:0:7"),
            ("::", "0:0:0:0:0:0:0:0"),
        ] {
            assert_eq!(written_in_full(short.parse().unwrap()), full);
        }
    }

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
