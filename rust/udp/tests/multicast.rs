//! Multicast memberships by interface name have the engine's results (measured on Godot 4.6.3), and groups joined on
//! the loopback interface receive.

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use socket2::SockRef;
use support::{V4, V6, has_ipv6_loopback, plain_socket, take, wait_until_available};
use udp::{BindAddress, DEFAULT_INBOX_BYTES, DatagramSocket, Error};

const GROUP_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(239, 255, 77, 1));
const OTHER_GROUP_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(239, 255, 77, 2));

fn group_v6() -> IpAddr {
    "ff02::7777".parse().unwrap()
}

fn interface_of(address: IpAddr) -> String {
    let interface = getifaddrs::getifaddrs()
        .unwrap()
        .find(|interface| interface.address.ip_addr() == Some(address))
        .expect("a loopback interface");
    #[cfg(unix)]
    return interface.name;
    // There `getifaddrs` calls the name that users see a description.
    #[cfg(windows)]
    return interface.description;
}

#[test]
fn an_ipv4_group_is_joined_once_by_the_name_of_an_interface() {
    let loopback = interface_of(V4);
    let socket = DatagramSocket::new();
    assert_eq!(
        socket.leave_multicast(GROUP_V4, &loopback),
        Err(Error::Unconfigured)
    );
    assert_eq!(socket.join_multicast(GROUP_V4, &loopback), Ok(()));
    assert!(socket.is_bound());
    assert_eq!(
        socket.join_multicast(GROUP_V4, &loopback),
        Err(Error::Failed)
    );
    for nowhere in ["", "no such interface"] {
        assert_eq!(
            socket.join_multicast(OTHER_GROUP_V4, nowhere),
            Err(Error::InvalidParameter)
        );
    }
    assert_eq!(
        socket.join_multicast(group_v6(), &loopback),
        Err(Error::InvalidParameter)
    );
    assert_eq!(
        socket.join_multicast(V4, &loopback),
        Err(Error::Failed),
        "no group"
    );
    assert_eq!(socket.leave_multicast(GROUP_V4, &loopback), Ok(()));
    assert_eq!(
        socket.leave_multicast(GROUP_V4, &loopback),
        Err(Error::Failed)
    );
}

#[test]
fn a_socket_bound_to_every_address_joins_groups_of_both_families() {
    let loopback = interface_of(V4);
    let socket = DatagramSocket::new();
    socket
        .bind(0, BindAddress::Any, DEFAULT_INBOX_BYTES)
        .unwrap();
    assert_eq!(socket.join_multicast(GROUP_V4, &loopback), Ok(()));
    if has_ipv6_loopback() {
        let loopback = interface_of(V6);
        assert_eq!(socket.join_multicast(group_v6(), &loopback), Ok(()));
        assert_eq!(
            socket.join_multicast(group_v6(), &loopback),
            Err(Error::Failed)
        );
        assert_eq!(socket.leave_multicast(group_v6(), &loopback), Ok(()));
    }
}

#[test]
fn an_ipv6_socket_refuses_an_ipv4_group() {
    if !has_ipv6_loopback() {
        return;
    }
    let socket = DatagramSocket::new();
    socket.bind(0, BindAddress::Ip(V6), 1024).unwrap();
    assert_eq!(
        socket.join_multicast(GROUP_V4, &interface_of(V4)),
        Err(Error::InvalidParameter)
    );
}

#[test]
#[cfg_attr(windows, ignore = "its loopback interface carries no multicast")]
fn what_is_sent_to_a_joined_group_arrives() {
    let socket = DatagramSocket::new();
    socket
        .bind(0, BindAddress::Any, DEFAULT_INBOX_BYTES)
        .unwrap();
    socket.join_multicast(GROUP_V4, &interface_of(V4)).unwrap();
    let sender = plain_socket();
    SockRef::from(&sender)
        .set_multicast_if_v4(&Ipv4Addr::LOCALHOST)
        .unwrap();
    sender
        .send_to(b"to the group", (GROUP_V4, socket.local_port()))
        .unwrap();
    wait_until_available(&socket, 1);
    assert_eq!(take(&socket), b"to the group");
    assert_eq!(
        socket.last_source(),
        Some(SocketAddr::new(V4, sender.local_addr().unwrap().port()))
    );
}
