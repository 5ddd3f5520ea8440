//! Which address to bind.

use std::net::IpAddr;
use std::str::FromStr;

use crate::scoped::{ParseError, ScopedIp};

/// Which address to bind: the engine's `"*"`, or one address.
///
/// `Ip(0.0.0.0)` is every IPv4 address and `Ip(::)` every IPv6 address, without the other family (class reference of
/// `PacketPeerUDP.bind`). Parses `*`, and what [`ScopedIp`] parses.
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
    /// Whether it is a wildcard: all addresses of a family or of both.
    pub(crate) fn is_wildcard(self) -> bool {
        match self.one() {
            None => true,
            Some(one) => one.ip().to_canonical().is_unspecified(),
        }
    }

    /// The address; `None` for all of both families.
    pub(crate) fn one(self) -> Option<ScopedIp> {
        match self {
            BindAddress::Any => None,
            BindAddress::Ip(ip) => Some(ip.into()),
            BindAddress::Scoped(ip) => Some(ip),
        }
    }
}

impl FromStr for BindAddress {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<BindAddress, ParseError> {
        match text {
            "*" => Ok(BindAddress::Any),
            one => one.parse().map(BindAddress::Scoped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_every_address_and_anything_else_one() {
        let read = |text: &str| text.parse::<BindAddress>();
        assert_eq!(read("*"), Ok(BindAddress::Any));
        let one = BindAddress::Scoped(IpAddr::from([127, 0, 0, 1]).into());
        assert_eq!(read("127.0.0.1"), Ok(one));
        assert!(read("0.0.0.0").unwrap().is_wildcard());
        for text in ["", "**", "localhost"] {
            assert_eq!(read(text), Err(ParseError::NoAddress), "{text}");
        }
        assert_eq!(read("::1%1"), Err(ParseError::NoScope));
    }
}
