//! An IP address, with the interface of a link-local one.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::str::FromStr;

use crate::address::canonical;
use crate::interfaces;

/// An IP address and, for a link-local IPv6 address, the interface: each link has its own `fe80::/10`, so the address
/// alone is ambiguous (RFC 4007).
///
/// Parses `fe80::1%eth0` and `fe80::1%2`, with the name or the index of the interface (RFC 4007, 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopedIp {
    ip: IpAddr,
    scope: u32,
}

/// Why a text is no [`ScopedIp`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The text, or the part before a `%`, is no IP address.
    #[error("it is no IP address")]
    NoAddress,
    /// There is no interface with this name. (An index is not checked before it is used.)
    #[error("there is no network interface \"{0}\"")]
    NoInterface(String),
    /// Only link-local IPv6 addresses have an interface.
    #[error("only link-local IPv6 addresses (fe80::...) are followed by an interface")]
    NoScope,
}

impl ScopedIp {
    /// The address.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    /// The interface's index, 0 for none.
    #[must_use]
    pub fn scope(&self) -> u32 {
        self.scope
    }

    /// Whether it is link-local and has no interface.
    #[must_use]
    pub fn lacks_interface(&self) -> bool {
        self.scope == 0 && has_scope(self.ip)
    }

    /// The same address with this interface, if it is link-local.
    pub(crate) fn on(self, scope: u32) -> ScopedIp {
        ScopedIp {
            scope: if has_scope(self.ip) { scope } else { 0 },
            ..self
        }
    }

    /// The address with a port, in the form of [`canonical`].
    pub(crate) fn with_port(self, port: u16) -> SocketAddr {
        canonical(match self.ip {
            IpAddr::V4(ip) => SocketAddr::new(ip.into(), port),
            IpAddr::V6(ip) => SocketAddr::V6(SocketAddrV6::new(ip, port, 0, self.scope)),
        })
    }
}

/// Whether the address is ambiguous without an interface.
fn has_scope(ip: IpAddr) -> bool {
    const LINK_LOCAL_GROUP: u16 = 0xff02;
    match ip {
        IpAddr::V6(ip) => {
            ip.is_unicast_link_local() || ip.segments()[0] & 0xff0f == LINK_LOCAL_GROUP
        }
        IpAddr::V4(_) => false,
    }
}

impl From<IpAddr> for ScopedIp {
    fn from(ip: IpAddr) -> ScopedIp {
        ScopedIp { ip, scope: 0 }
    }
}

impl FromStr for ScopedIp {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<ScopedIp, ParseError> {
        let Some((ip, interface)) = text.split_once('%') else {
            let ip: IpAddr = text.parse().map_err(|_| ParseError::NoAddress)?;
            return Ok(ip.into());
        };
        let ip: IpAddr = ip.parse().map_err(|_| ParseError::NoAddress)?;
        if !has_scope(ip) {
            return Err(ParseError::NoScope);
        }
        let scope = interfaces::index_of(interface)
            .or_else(|| {
                let index = interface.parse().ok()?;
                (index > 0).then_some(index)
            })
            .ok_or_else(|| ParseError::NoInterface(interface.to_owned()))?;
        Ok(ScopedIp { ip, scope })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ScopedIp, ParseError> {
        text.parse()
    }

    #[test]
    fn addresses_without_an_interface_are_read_as_ever() {
        for text in ["127.0.0.1", "::1", "2001:db8::1", "fe80::1"] {
            let read = read(text).unwrap();
            assert_eq!((read.ip(), read.scope()), (text.parse().unwrap(), 0));
        }
        assert!(read("fe80::1").unwrap().lacks_interface());
        assert!(!read("::1").unwrap().lacks_interface());
        for text in [
            "",
            "localhost",
            "1.2.3",
            "fe80::1::",
            "%",
            "%lo",
            "eth0%fe80::1",
        ] {
            assert_eq!(read(text), Err(ParseError::NoAddress), "{text}");
        }
    }

    #[test]
    fn an_interface_is_found_by_name_and_by_index() {
        let (name, index) = interfaces::loopback();
        for address in ["fe80::1", "ff02::1"] {
            for interface in [name.clone(), index.to_string()] {
                let read = read(&format!("{address}%{interface}")).unwrap();
                assert_eq!(read.scope(), index);
                assert!(!read.lacks_interface());
            }
        }
        for interface in ["", "no such interface", "0", "4294967296", "-1", "1%1"] {
            let expected = ParseError::NoInterface(interface.to_owned());
            assert_eq!(read(&format!("fe80::1%{interface}")), Err(expected));
        }
        for text in ["2001:db8::1%1", "::1%1", "127.0.0.1%1"] {
            assert_eq!(read(text), Err(ParseError::NoScope), "{text}");
        }
    }
}
