//! Network interfaces by name.

use std::net::{IpAddr, Ipv4Addr};

use if_addrs::Interface;

/// An IPv4 address of the interface with this name.
pub(crate) fn ipv4_of(name: &str) -> Option<Ipv4Addr> {
    interfaces(name).find_map(|interface| match interface.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    })
}

/// The index of the interface with this name. (On Unix, `if-addrs` omits those that have link-local addresses only.)
pub(crate) fn index_of(name: &str) -> Option<u32> {
    #[cfg(unix)]
    return nix::net::if_::if_nametoindex(name).ok();
    #[cfg(not(unix))]
    interfaces(name).find_map(|interface| interface.index)
}

fn interfaces(name: &str) -> impl Iterator<Item = Interface> {
    if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter(move |interface| has_name(interface, name))
}

/// On Windows `IP.get_local_interfaces()` returns the adapter's GUID as `name` and its readable name as `friendly`;
/// both are accepted here.
fn has_name(interface: &Interface, name: &str) -> bool {
    #[cfg(windows)]
    if interface.adapter_name == name {
        return true;
    }
    interface.name == name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_found_by_its_name() {
        let loopback = if_addrs::get_if_addrs()
            .unwrap()
            .into_iter()
            .find(|interface| interface.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST))
            .expect("a machine with 127.0.0.1");
        assert_eq!(ipv4_of(&loopback.name), Some(Ipv4Addr::LOCALHOST));
        assert!(index_of(&loopback.name).is_some_and(|index| index > 0));
        assert_eq!(ipv4_of(""), None);
        assert_eq!(index_of("no such interface"), None);
    }
}
