//! The two addresses of a datagram: the remote one and, for a socket bound to all addresses of the machine, the local
//! one.
//!
//! A machine with several addresses has to reply from the one that a client sent to: a connected socket of the client
//! accepts no other source address, and neither does a NAT or a firewall before it. A socket bound to all addresses
//! reads the local address from control data of each datagram, and sets it for each reply (`IP_PKTINFO`, ip(7);
//! `IPV6_PKTINFO`, RFC 3542, 6). On systems where this crate has no such option, Windows among them, the system
//! chooses.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::address::canonical;

/// The two addresses of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) remote: SocketAddr,
    /// `None` if the system chooses.
    pub(crate) local: Option<LocalAddress>,
}

/// An address of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LocalAddress {
    pub(crate) ip: IpAddr,
    /// The interface's index, for a link-local IPv6 address; else 0.
    pub(crate) interface: u32,
}

impl Path {
    /// A path whose local address the system chooses.
    pub(crate) fn of(remote: SocketAddr) -> Path {
        Path {
            remote,
            local: None,
        }
    }
}

impl LocalAddress {
    /// The destination of a datagram, if it can be a source address: a multicast address cannot.
    #[cfg_attr(
        not(any(target_os = "linux", target_os = "android", target_vendor = "apple")),
        allow(dead_code)
    )]
    fn new(ip: IpAddr, interface: u32) -> Option<LocalAddress> {
        let ip = ip.to_canonical();
        if ip.is_unspecified() || ip.is_multicast() {
            return None;
        }
        let interface = match ip {
            IpAddr::V6(ip) if ip.is_unicast_link_local() => interface,
            _ => 0,
        };
        Some(LocalAddress { ip, interface })
    }

    /// The form in which an inbox stores it.
    pub(crate) fn to_socket_addr(local: Option<LocalAddress>) -> SocketAddr {
        match local {
            Some(local) => match local.ip {
                IpAddr::V4(ip) => SocketAddr::new(ip.into(), 0),
                IpAddr::V6(ip) => SocketAddr::V6(SocketAddrV6::new(ip, 0, 0, local.interface)),
            },
            None => SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0),
        }
    }

    /// The reverse of [`LocalAddress::to_socket_addr`].
    pub(crate) fn from_socket_addr(address: SocketAddr) -> Option<LocalAddress> {
        let interface = match canonical(address) {
            SocketAddr::V6(v6) => v6.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        let ip = address.ip().to_canonical();
        (!ip.is_unspecified()).then_some(LocalAddress { ip, interface })
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
mod packet_info {
    use std::io::{self, IoSlice, IoSliceMut};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
    use std::os::fd::AsRawFd;

    use nix::libc;
    use nix::sys::socket::{
        ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg,
        setsockopt, sockopt,
    };

    use super::{LocalAddress, Path};
    use crate::address::{Family, canonical};

    /// Room for the control data of one datagram, aligned as its headers are.
    #[repr(align(8))]
    struct Control([u8; 128]);

    /// Has the system report the local address of each datagram. Returns whether it will.
    pub(crate) fn enable(udp: &UdpSocket, family: Family) -> bool {
        let v4 = family != Family::V6 && setsockopt(udp, sockopt::Ipv4PacketInfo, &true).is_ok();
        let v6 =
            family != Family::V4 && setsockopt(udp, sockopt::Ipv6RecvPacketInfo, &true).is_ok();
        v4 || v6
    }

    /// Receives one datagram: its length and its path.
    pub(crate) fn receive(udp: &UdpSocket, buffer: &mut [u8]) -> io::Result<(usize, Path)> {
        let mut control = Control([0; 128]);
        let mut parts = [IoSliceMut::new(buffer)];
        let received = recvmsg::<SockaddrStorage>(
            udp.as_raw_fd(),
            &mut parts,
            Some(&mut control.0),
            MsgFlags::empty(),
        )?;
        let remote = received
            .address
            .as_ref()
            .and_then(to_std)
            .ok_or(io::ErrorKind::InvalidData)?;
        let (mut v4, mut v6) = (None, None);
        for message in received.cmsgs().into_iter().flatten() {
            match message {
                ControlMessageOwned::Ipv4PacketInfo(info) => {
                    // The address to reply from, also for a broadcast.
                    let ip = Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes());
                    v4 = LocalAddress::new(ip.into(), 0);
                }
                ControlMessageOwned::Ipv6PacketInfo(info) => {
                    let ip = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                    v6 = LocalAddress::new(ip.into(), info.ipi6_ifindex as _);
                }
                _ => {}
            }
        }
        let path = Path {
            remote: canonical(remote),
            local: v4.or(v6),
        };
        Ok((received.bytes, path))
    }

    /// Sends one datagram from this local address. `to` is of the socket's own family.
    pub(crate) fn send(
        udp: &UdpSocket,
        datagram: &[u8],
        to: SocketAddr,
        from: LocalAddress,
    ) -> io::Result<usize> {
        let to = SockaddrStorage::from(to);
        let parts = [IoSlice::new(datagram)];
        let send = |message| {
            sendmsg(
                udp.as_raw_fd(),
                &parts,
                &[message],
                MsgFlags::empty(),
                Some(&to),
            )
        };
        let sent = match from.ip {
            IpAddr::V4(ip) => send(ControlMessage::Ipv4PacketInfo(&libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr {
                    s_addr: u32::from_ne_bytes(ip.octets()),
                },
                ipi_addr: libc::in_addr { s_addr: 0 },
            })),
            IpAddr::V6(ip) => send(ControlMessage::Ipv6PacketInfo(&libc::in6_pktinfo {
                ipi6_addr: libc::in6_addr {
                    s6_addr: ip.octets(),
                },
                ipi6_ifindex: from.interface as _,
            })),
        };
        Ok(sent?)
    }

    fn to_std(address: &SockaddrStorage) -> Option<SocketAddr> {
        if let Some(v4) = address.as_sockaddr_in() {
            return Some(SocketAddrV4::from(*v4).into());
        }
        Some(SocketAddrV6::from(*address.as_sockaddr_in6()?).into())
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
mod packet_info {
    use std::io;
    use std::net::{SocketAddr, UdpSocket};

    use super::{LocalAddress, Path};
    use crate::address::{Family, canonical};

    pub(crate) fn enable(_: &UdpSocket, _: Family) -> bool {
        false
    }

    pub(crate) fn receive(udp: &UdpSocket, buffer: &mut [u8]) -> io::Result<(usize, Path)> {
        let (length, from) = udp.recv_from(buffer)?;
        Ok((length, Path::of(canonical(from))))
    }

    pub(crate) fn send(
        udp: &UdpSocket,
        datagram: &[u8],
        to: SocketAddr,
        _: LocalAddress,
    ) -> io::Result<usize> {
        udp.send_to(datagram, to)
    }
}

pub(crate) use packet_info::{enable, receive, send};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_or_multicast_address_is_no_source_address() {
        let new = |ip: &str| LocalAddress::new(ip.parse().unwrap(), 7);
        for ip in ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "::ffff:224.0.0.1"] {
            assert_eq!(new(ip), None, "{ip}");
        }
        let local = new("::ffff:10.1.2.3").unwrap();
        assert_eq!(local.ip, IpAddr::from([10, 1, 2, 3]));
        assert_eq!(new("2001:db8::1").unwrap().interface, 0);
        assert_eq!(new("fe80::1").unwrap().interface, 7);
    }

    #[test]
    fn a_local_address_is_stored_as_a_socket_address() {
        let locals = ["10.1.2.3", "2001:db8::1", "fe80::1"]
            .map(|ip| LocalAddress::new(ip.parse().unwrap(), 7));
        for local in locals.into_iter().chain([None]) {
            let address = LocalAddress::to_socket_addr(local);
            assert_eq!(LocalAddress::from_socket_addr(address), local);
        }
    }
}
