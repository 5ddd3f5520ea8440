//! Joining and leaving multicast groups by interface name, as `NetSocketUnix::_change_multicast_group` does.

use std::net::IpAddr;

use crate::address::Family;
use crate::error::Error;
use crate::interfaces::{index_of, ipv4_of};
use crate::socket::Socket;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Membership {
    Join,
    Leave,
}

/// Joins or leaves one group.
///
/// IPv4 needs an interface with an IPv4 address. For IPv6, a name that no interface has, the empty one included, means
/// the system's default, as in the engine.
///
/// # Errors
/// [`Error::InvalidParameter`]: the group is not of the socket's family, or (IPv4) there is no such interface.
/// [`Error::Failed`]: the system refused, as it does for a second join and for an address that is no group.
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
