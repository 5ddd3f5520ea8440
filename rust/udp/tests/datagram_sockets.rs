//! A `DatagramSocket` that was not accepted behaves as `PacketPeerUDP` does. The expectations were measured on Godot
//! 4.6.3, apart from those where the name says what the engine does instead.

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use support::{
    ON_V4, SILENT_PORT, V4, V6, eventually, has_ipv6_loopback, listener, plain_socket,
    plain_socket_on, take, wait_during, wait_until_available,
};
use udp::{BindAddress, DEFAULT_INBOX_BYTES, DatagramSocket, Error};

/// A socket bound to 127.0.0.1, and its address.
fn bound() -> (DatagramSocket, SocketAddr) {
    let socket = DatagramSocket::new();
    socket.bind(0, ON_V4, DEFAULT_INBOX_BYTES).unwrap();
    let address = SocketAddr::new(V4, socket.local_port());
    (socket, address)
}

/// Sends a datagram to a port without a socket, and waits for the ICMP error.
fn provoke_icmp_error(socket: &DatagramSocket) {
    socket.send(b"anybody?").unwrap();
    std::thread::sleep(Duration::from_millis(20));
}

#[test]
fn a_new_socket_is_not_open() {
    let socket = DatagramSocket::new();
    assert!(!socket.is_bound());
    assert!(!socket.is_connected());
    assert_eq!(socket.local_port(), 0);
    assert_eq!(socket.remote(), None);
    assert_eq!(socket.last_source(), None);
    assert_eq!(socket.available(), Err(Error::Failed));
    let mut into = vec![1, 2, 3];
    assert_eq!(socket.receive(&mut into), Err(Error::Failed));
    assert!(into.is_empty());
    assert_eq!(socket.send(b"x"), Err(Error::Unconfigured));
    assert_eq!(socket.wait(), Err(Error::Unconfigured));
}

#[test]
fn two_sockets_exchange_datagrams_and_know_the_sender() {
    let (server, address) = bound();
    let client = DatagramSocket::new();
    client.connect(V4, address.port()).unwrap();
    client.send(b"ping").unwrap();
    wait_until_available(&server, 1);
    let mut packet = Vec::new();
    let from = server.receive(&mut packet).unwrap();
    assert_eq!(packet, b"ping");
    assert_eq!(from, SocketAddr::new(V4, client.local_port()));
    assert_eq!(server.last_source(), Some(from));
    server.set_destination(from.ip(), from.port()).unwrap();
    server.send(b"pong").unwrap();
    wait_until_available(&client, 1);
    assert_eq!(client.receive(&mut packet), Ok(address));
    assert_eq!(packet, b"pong");
    assert_eq!(client.receive(&mut packet), Err(Error::Unavailable));
    assert!(packet.is_empty());
}

#[test]
fn available_takes_no_datagram_and_reads_the_socket_once() {
    let (server, address) = bound();
    assert_eq!(server.has_datagrams(), Ok(false));
    let client = plain_socket();
    client.send_to(b"one", address).unwrap();
    client.send_to(b"two", address).unwrap();
    eventually("the datagrams", || server.has_datagrams() == Ok(true));
    assert_eq!(server.has_datagrams(), Ok(true));
    wait_until_available(&server, 2);
    assert_eq!(take(&server), b"one");
    assert_eq!(server.has_datagrams(), Ok(true));
    assert_eq!(take(&server), b"two");
    assert_eq!(server.has_datagrams(), Ok(false));
    server.close();
    assert_eq!(server.has_datagrams(), Err(Error::Failed));
}

#[test]
fn sending_opens_the_socket_and_closing_keeps_the_destination() {
    let other = plain_socket();
    let socket = DatagramSocket::new();
    let port = other.local_addr().unwrap().port();
    socket.set_destination(V4, port).unwrap();
    assert!(!socket.is_bound());
    for _ in 0..2 {
        socket.send(b"hello").unwrap();
        assert!(socket.is_bound());
        assert!(!socket.is_connected());
        let mut buffer = [0; 16];
        assert_eq!(other.recv(&mut buffer).unwrap(), 5);
        socket.close();
        assert!(!socket.is_bound());
        assert_eq!(socket.remote(), Some(SocketAddr::new(V4, port)));
    }
}

#[test]
fn an_open_socket_is_not_bound_twice() {
    let (socket, address) = bound();
    assert_eq!(socket.bind(0, ON_V4, 1024), Err(Error::AlreadyInUse));
    let second = DatagramSocket::new();
    assert_eq!(
        second.bind(address.port(), ON_V4, 1024),
        Err(Error::Unavailable)
    );
    assert!(!second.is_bound());
    let not_ours = BindAddress::Ip("203.0.113.9".parse().unwrap());
    assert_eq!(second.bind(0, not_ours, 1024), Err(Error::Unavailable));
}

#[test]
fn a_listeners_port_cannot_be_bound() {
    let (_listener, address) = listener();
    assert_eq!(
        DatagramSocket::new().bind(address.port(), ON_V4, 1024),
        Err(Error::Unavailable)
    );
}

#[test]
fn a_connected_socket_keeps_its_destination() {
    let socket = DatagramSocket::new();
    socket.connect(V4, 4242).unwrap();
    assert_eq!(socket.set_destination(V4, 1), Err(Error::Locked));
    assert_eq!(socket.remote(), Some(SocketAddr::new(V4, 4242)));
    socket.connect(V4, 4243).unwrap();
    assert_eq!(socket.remote(), Some(SocketAddr::new(V4, 4243)));
    socket.close();
    assert!(!socket.is_connected());
    socket.set_destination(V4, 1).unwrap();
}

#[test]
fn a_connection_that_fails_closes_the_socket() {
    let socket = DatagramSocket::new();
    assert_eq!(socket.connect(V4, 0), Err(Error::InvalidParameter));
    socket.connect(V4, 4242).unwrap();
    assert_eq!(socket.connect(V6, 4242), Err(Error::Failed));
    assert!(!socket.is_bound());
    assert!(!socket.is_connected());
    assert_eq!(socket.remote(), Some(SocketAddr::new(V4, 4242)));
}

#[test]
#[cfg_attr(
    windows,
    ignore = "the errors are switched off there, as in the engine"
)]
fn an_icmp_error_is_returned_once_and_the_socket_goes_on() {
    let socket = DatagramSocket::new();
    socket.connect(V4, SILENT_PORT).unwrap();
    provoke_icmp_error(&socket);
    assert_eq!(socket.available(), Err(Error::Refused));
    assert_eq!(socket.available(), Ok(0));
    provoke_icmp_error(&socket);
    assert_eq!(socket.send(b"again"), Err(Error::Refused));
    provoke_icmp_error(&socket);
    assert_eq!(socket.has_datagrams(), Err(Error::Refused));
    assert_eq!(socket.has_datagrams(), Ok(false));
    provoke_icmp_error(&socket);
    let mut into = Vec::new();
    assert_eq!(socket.wait(), Err(Error::Failed));
    assert_eq!(socket.receive(&mut into), Err(Error::Refused));
    assert_eq!(socket.receive(&mut into), Err(Error::Unavailable));
    assert!(socket.is_connected());
}

#[test]
fn an_icmp_error_discards_nothing_that_is_queued() {
    let other = plain_socket();
    let socket = DatagramSocket::new();
    socket
        .connect(V4, other.local_addr().unwrap().port())
        .unwrap();
    socket.send(b"hello").unwrap();
    let mut buffer = [0; 16];
    let (_, from) = other.recv_from(&mut buffer).unwrap();
    other.send_to(b"one", from).unwrap();
    other.send_to(b"two", from).unwrap();
    wait_until_available(&socket, 2);
    drop(other);
    provoke_icmp_error(&socket);
    if cfg!(not(windows)) {
        assert_eq!(socket.available(), Err(Error::Refused));
    }
    assert_eq!(take(&socket), b"one");
    assert_eq!(socket.available(), Ok(1));
    assert_eq!(take(&socket), b"two");
}

#[test]
fn connecting_discards_what_was_received_before_where_the_engine_keeps_the_count() {
    let (socket, address) = bound();
    let other_sender = plain_socket();
    let friend = plain_socket();
    other_sender.send_to(b"queued here", address).unwrap();
    wait_until_available(&socket, 1);
    other_sender
        .send_to(b"still in the kernel", address)
        .unwrap();
    std::thread::sleep(Duration::from_millis(10));
    socket
        .connect(V4, friend.local_addr().unwrap().port())
        .unwrap();
    assert_eq!(socket.available(), Ok(0));
    other_sender.send_to(b"after", address).unwrap();
    friend.send_to(b"from the friend", address).unwrap();
    wait_until_available(&socket, 1);
    assert_eq!(socket.available(), Ok(1));
    assert_eq!(take(&socket), b"from the friend");
}

#[test]
fn closing_discards_what_was_queued_where_the_engine_reads_old_bytes() {
    let (socket, address) = bound();
    let other = plain_socket();
    other.send_to(&[1; 100], address).unwrap();
    wait_until_available(&socket, 1);
    socket.close();
    socket.bind(address.port(), ON_V4, 1024).unwrap();
    assert_eq!(socket.available(), Ok(0));
    other.send_to(b"new", address).unwrap();
    wait_until_available(&socket, 1);
    assert_eq!(take(&socket), b"new");
}

#[test]
fn a_broadcast_address_can_be_connected_to_where_the_engine_does_not_enable_it() {
    let broadcast = IpAddr::V4(Ipv4Addr::new(127, 255, 255, 255));
    let socket = DatagramSocket::new();
    if cfg!(target_os = "linux") {
        assert_eq!(socket.connect(broadcast, 4242), Err(Error::Failed));
    }
    socket.set_broadcast(true).unwrap();
    assert_eq!(socket.connect(broadcast, 4242), Ok(()));
    assert_eq!(socket.send(b"broadcast"), Ok(()));
}

#[test]
fn datagrams_of_every_size_cross_and_larger_ones_are_refused() {
    let (server, address) = bound();
    let client = DatagramSocket::new();
    client.connect(V4, address.port()).unwrap();
    for length in [0, 1, 1200, 1473, 4000, 16_384, 65_506, 65_507] {
        let sent: Vec<u8> = (0..length).map(|index| index as u8).collect();
        client.send(&sent).unwrap();
        wait_until_available(&server, 1);
        assert_eq!(take(&server), sent);
    }
    assert_eq!(client.send(&vec![0; 65_508]), Err(Error::TooLarge));
    client.send(b"still fine").unwrap();
    wait_until_available(&server, 1);
    assert_eq!(take(&server), b"still fine");
}

#[test]
fn a_full_queue_keeps_the_oldest_and_counts_the_rest() {
    let (socket, address) = bound();
    let other = plain_socket();
    for byte in 0..4 {
        other.send_to(&[byte; 40_000], address).unwrap();
        let queued = usize::from(byte.min(2)) + 1;
        eventually("the datagram", || {
            socket.available() == Ok(queued) && socket.dropped() == u64::from(byte / 3)
        });
    }
    for byte in 0..3 {
        assert_eq!(take(&socket), [byte; 40_000]);
    }
    assert_eq!(socket.available(), Ok(0));
}

#[test]
fn waiting_ends_when_a_datagram_arrives() {
    let (socket, address) = bound();
    let waited = wait_during(&socket, |has_ended| {
        std::thread::sleep(Duration::from_millis(60));
        // The lock is free while it waits.
        assert!(socket.is_bound());
        assert!(!has_ended());
        plain_socket().send_to(b"wake up", address).unwrap();
    });
    assert_eq!(waited, Ok(()));
    assert_eq!(take(&socket), b"wake up");
}

#[test]
fn waiting_ends_at_once_if_something_is_queued_where_the_engine_waits_on() {
    let (socket, address) = bound();
    let other = plain_socket();
    other.send_to(b"one", address).unwrap();
    wait_until_available(&socket, 1);
    assert_eq!(wait_during(&socket, |_| ()), Ok(()));
}

#[test]
fn waiting_ends_when_the_socket_is_closed() {
    let (socket, _) = bound();
    let waited = wait_during(&socket, |_| {
        std::thread::sleep(Duration::from_millis(30));
        socket.close();
    });
    assert_eq!(waited, Err(Error::Unconfigured));
}

#[test]
fn an_ipv4_socket_cannot_send_to_ipv6() {
    let (socket, _) = bound();
    socket.set_destination(V6, 4242).unwrap();
    assert_eq!(socket.send(b"x"), Err(Error::Failed));
    assert!(socket.is_bound());
}

#[test]
fn a_socket_bound_to_every_address_uses_ipv4_and_ipv6() {
    let socket = DatagramSocket::new();
    socket
        .bind(0, BindAddress::Any, DEFAULT_INBOX_BYTES)
        .unwrap();
    let mut remotes = vec![plain_socket()];
    if has_ipv6_loopback() {
        remotes.push(plain_socket_on(V6));
    }
    for remote in remotes {
        let address = remote.local_addr().unwrap();
        remote
            .send_to(b"in", (address.ip(), socket.local_port()))
            .unwrap();
        wait_until_available(&socket, 1);
        let mut packet = Vec::new();
        assert_eq!(socket.receive(&mut packet), Ok(address));
        socket
            .set_destination(address.ip(), address.port())
            .unwrap();
        socket.send(b"out").unwrap();
        let mut buffer = [0; 16];
        let (length, from) = remote.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"out");
        assert_eq!(from.port(), socket.local_port());
    }
    // Connected, it can use either family too.
    let other = plain_socket();
    socket
        .connect(V4, other.local_addr().unwrap().port())
        .unwrap();
    socket.send(b"connected").unwrap();
    let mut buffer = [0; 16];
    let (_, from) = other.recv_from(&mut buffer).unwrap();
    other.send_to(b"answer", from).unwrap();
    wait_until_available(&socket, 1);
    assert_eq!(take(&socket), b"answer");
}

#[test]
fn a_mapped_address_means_the_ipv4_address() {
    let socket = DatagramSocket::new();
    let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    socket.bind(0, BindAddress::Ip(mapped), 1024).unwrap();
    socket.set_destination(mapped, 4242).unwrap();
    assert_eq!(socket.remote(), Some(SocketAddr::new(V4, 4242)));
    assert_eq!(socket.send(b"x"), Ok(()));
}

#[test]
fn an_unbound_socket_opens_a_socket_of_its_destinations_family() {
    if !has_ipv6_loopback() {
        return;
    }
    let other = plain_socket_on(V6);
    let socket = DatagramSocket::new();
    socket
        .connect(V6, other.local_addr().unwrap().port())
        .unwrap();
    socket.send(b"six").unwrap();
    let mut buffer = [0; 16];
    let (_, from) = other.recv_from(&mut buffer).unwrap();
    assert_eq!(from, SocketAddr::new(V6, socket.local_port()));
    assert_eq!(socket.set_broadcast(true), Ok(()));
    assert_eq!(socket.connect(V4, 4242), Err(Error::Failed));
}
