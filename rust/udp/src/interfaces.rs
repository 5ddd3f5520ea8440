//! Network interfaces by name.

#[cfg(unix)]
pub(crate) use unix::{index_of, ipv4_of};

#[cfg(windows)]
pub(crate) use windows::{index_of, ipv4_of};

#[cfg(unix)]
mod unix {
    use std::net::Ipv4Addr;

    use nix::ifaddrs::getifaddrs;
    use nix::net::if_::if_nametoindex;

    /// The index of the interface with this name.
    pub(crate) fn index_of(name: &str) -> Option<u32> {
        if_nametoindex(name).ok()
    }

    /// An IPv4 address of the interface with this name.
    pub(crate) fn ipv4_of(name: &str) -> Option<Ipv4Addr> {
        getifaddrs()
            .ok()?
            .filter(|interface| interface.interface_name == name)
            .find_map(|interface| Some(interface.address?.as_sockaddr_in()?.ip()))
    }
}

#[cfg(windows)]
mod windows {
    use std::net::Ipv4Addr;

    use crate::windows::interfaces;
    pub(crate) use crate::windows::interfaces::index_of;

    /// An IPv4 address of the interface with this name.
    pub(crate) fn ipv4_of(name: &str) -> Option<Ipv4Addr> {
        interfaces::ipv4_of(index_of(name)?)
    }
}

/// A name and the index of the interface that has the address 127.0.0.1.
#[cfg(test)]
pub(crate) fn loopback() -> (String, u32) {
    use std::net::{IpAddr, Ipv4Addr};
    let interface = getifaddrs::getifaddrs()
        .unwrap()
        .find(|interface| interface.address.ip_addr() == Some(IpAddr::V4(Ipv4Addr::LOCALHOST)))
        .expect("a machine with 127.0.0.1");
    #[cfg(unix)]
    let name = interface.name;
    // There `getifaddrs` calls the name that users see a description.
    #[cfg(windows)]
    let name = interface.description;
    (name, interface.index.unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn the_loopback_interface_is_found_by_its_name() {
        let (name, index) = loopback();
        assert_eq!(ipv4_of(&name), Some(Ipv4Addr::LOCALHOST));
        assert_eq!(index_of(&name), Some(index));
        assert_eq!(ipv4_of(""), None);
        assert_eq!(index_of("no such interface"), None);
    }
}
