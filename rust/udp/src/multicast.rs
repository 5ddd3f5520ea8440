//! Joining and leaving multicast groups by interface name, as `NetSocketUnix::_change_multicast_group` does.

use std::net::{IpAddr, Ipv4Addr};

use if_addrs::Interface;

use crate::error::Error;
use crate::socket::{Family, Socket};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Membership {
    Join,
    Leave,
}

/// Changes one membership of `socket`.
///
/// IPv4 needs an interface with an IPv4 address. IPv6 goes by index; a name that no interface has, the empty one
/// included, means the system's default, as in the engine.
///
/// # Errors
/// [`Error::InvalidParameter`]: the group is of a family that the socket does not have, or (IPv4) there is no such
/// interface. [`Error::Failed`]: the system refused, as it does for a second join and for an address that is no group.
pub(crate) fn change(
    socket: &Socket,
    group: IpAddr,
    interface_name: &str,
    membership: Membership,
) -> Result<(), Error> {
    let udp = socket.udp();
    let changed = match (group.to_canonical(), socket.family()) {
        (IpAddr::V4(group), Family::V4 | Family::Dual) => {
            let address = ipv4_of(interface_name).ok_or(Error::InvalidParameter)?;
            match membership {
                Membership::Join => udp.join_multicast_v4(&group, &address),
                Membership::Leave => udp.leave_multicast_v4(&group, &address),
            }
        }
        (IpAddr::V6(group), Family::V6 | Family::Dual) => {
            let index = index_of(interface_name).unwrap_or(0);
            match membership {
                Membership::Join => udp.join_multicast_v6(&group, index),
                Membership::Leave => udp.leave_multicast_v6(&group, index),
            }
        }
        _ => return Err(Error::InvalidParameter),
    };
    changed.map_err(|_| Error::Failed)
}

fn ipv4_of(name: &str) -> Option<Ipv4Addr> {
    interfaces(name).find_map(|interface| match interface.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    })
}

/// The index of an interface with this name. (On Unix `if-addrs` leaves out those that have link-local addresses alone.)
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

/// On Windows `IP.get_local_interfaces()` gives the adapter's GUID as name and its readable one as "friendly"; both
/// are taken here.
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
