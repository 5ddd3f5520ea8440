//! A peer with a socket of its own gives what `PacketPeerUDP` gives. The expectations were read off Godot 4.6.3, apart
//! from those whose name says that the engine is wrong.

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use support::{
    ON_V4, SILENT_PORT, V4, V6, eventually, has_ipv6_loopback, listener, plain_socket,
    plain_socket_on, take, wait_during, wait_until_available,
};
use udp::{BindAddress, DEFAULT_INBOX_BYTES, DatagramSocket, Error};

/// A peer bound to 127.0.0.1, and its address.
fn bound() -> (DatagramSocket, SocketAddr) {
    let peer = DatagramSocket::new();
    peer.bind(0, ON_V4, DEFAULT_INBOX_BYTES).unwrap();
    let address = SocketAddr::new(V4, peer.local_port());
    (peer, address)
}

/// Makes the ICMP answer to `peer`'s datagram arrive.
fn be_refused(peer: &DatagramSocket) {
    peer.send(b"anybody?").unwrap();
    std::thread::sleep(Duration::from_millis(20));
}

#[test]
fn a_new_peer_has_no_socket_and_says_so() {
    let peer = DatagramSocket::new();
    assert!(!peer.is_bound());
    assert!(!peer.is_connected());
    assert_eq!(peer.local_port(), 0);
    assert_eq!(peer.remote(), None);
    assert_eq!(peer.last_source(), None);
    assert_eq!(peer.available(), Err(Error::Failed));
    let mut into = vec![1, 2, 3];
    assert_eq!(peer.receive(&mut into), Err(Error::Failed));
    assert!(into.is_empty());
    assert_eq!(peer.send(b"x"), Err(Error::Unconfigured));
    assert_eq!(peer.wait(), Err(Error::Unconfigured));
}

#[test]
fn two_peers_talk_and_know_who_sent() {
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
fn asking_for_datagrams_takes_none_and_reads_the_socket_once() {
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
fn sending_opens_the_socket_and_closing_does_not_forget_the_destination() {
    let other = plain_socket();
    let peer = DatagramSocket::new();
    let port = other.local_addr().unwrap().port();
    peer.set_destination(V4, port).unwrap();
    assert!(!peer.is_bound());
    for _ in 0..2 {
        peer.send(b"hello").unwrap();
        assert!(peer.is_bound());
        assert!(!peer.is_connected());
        let mut buffer = [0; 16];
        assert_eq!(other.recv(&mut buffer).unwrap(), 5);
        peer.close();
        assert!(!peer.is_bound());
        assert_eq!(peer.remote(), Some(SocketAddr::new(V4, port)));
    }
}

#[test]
fn an_open_peer_is_not_bound_twice() {
    let (peer, address) = bound();
    assert_eq!(peer.bind(0, ON_V4, 1024), Err(Error::AlreadyInUse));
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
fn a_peer_cannot_take_a_listeners_port() {
    let (_listener, address) = listener();
    assert_eq!(
        DatagramSocket::new().bind(address.port(), ON_V4, 1024),
        Err(Error::Unavailable)
    );
}

#[test]
fn a_connected_peer_keeps_its_destination() {
    let peer = DatagramSocket::new();
    peer.connect(V4, 4242).unwrap();
    assert_eq!(peer.set_destination(V4, 1), Err(Error::Locked));
    assert_eq!(peer.remote(), Some(SocketAddr::new(V4, 4242)));
    peer.connect(V4, 4243).unwrap();
    assert_eq!(peer.remote(), Some(SocketAddr::new(V4, 4243)));
    peer.close();
    assert!(!peer.is_connected());
    peer.set_destination(V4, 1).unwrap();
}

#[test]
fn a_connection_that_fails_closes_the_socket() {
    let peer = DatagramSocket::new();
    assert_eq!(peer.connect(V4, 0), Err(Error::InvalidParameter));
    peer.connect(V4, 4242).unwrap();
    assert_eq!(peer.connect(V6, 4242), Err(Error::Failed));
    assert!(!peer.is_bound());
    assert!(!peer.is_connected());
    assert_eq!(peer.remote(), Some(SocketAddr::new(V4, 4242)));
}

#[test]
fn a_refusal_is_seen_once_and_the_peer_goes_on() {
    if cfg!(windows) {
        return; // The engine switches these reports off there, and none is seen.
    }
    let peer = DatagramSocket::new();
    peer.connect(V4, SILENT_PORT).unwrap();
    be_refused(&peer);
    assert_eq!(peer.available(), Err(Error::Refused));
    assert_eq!(peer.available(), Ok(0));
    be_refused(&peer);
    assert_eq!(peer.send(b"again"), Err(Error::Refused));
    be_refused(&peer);
    assert_eq!(peer.has_datagrams(), Err(Error::Refused));
    assert_eq!(peer.has_datagrams(), Ok(false));
    be_refused(&peer);
    let mut into = Vec::new();
    assert_eq!(peer.wait(), Err(Error::Failed));
    assert_eq!(peer.receive(&mut into), Err(Error::Refused));
    assert_eq!(peer.receive(&mut into), Err(Error::Unavailable));
    assert!(peer.is_connected());
}

#[test]
fn a_refusal_loses_nothing_that_was_queued() {
    let other = plain_socket();
    let peer = DatagramSocket::new();
    peer.connect(V4, other.local_addr().unwrap().port())
        .unwrap();
    peer.send(b"hello").unwrap();
    let mut buffer = [0; 16];
    let (_, from) = other.recv_from(&mut buffer).unwrap();
    other.send_to(b"one", from).unwrap();
    other.send_to(b"two", from).unwrap();
    wait_until_available(&peer, 2);
    drop(other);
    be_refused(&peer);
    if cfg!(not(windows)) {
        assert_eq!(peer.available(), Err(Error::Refused));
    }
    assert_eq!(take(&peer), b"one");
    assert_eq!(peer.available(), Ok(1));
    assert_eq!(take(&peer), b"two");
}

#[test]
fn connecting_forgets_what_was_received_before_where_the_engine_keeps_the_count() {
    let (peer, address) = bound();
    let stranger = plain_socket();
    let friend = plain_socket();
    stranger.send_to(b"queued here", address).unwrap();
    wait_until_available(&peer, 1);
    stranger.send_to(b"still in the kernel", address).unwrap();
    std::thread::sleep(Duration::from_millis(10));
    peer.connect(V4, friend.local_addr().unwrap().port())
        .unwrap();
    assert_eq!(peer.available(), Ok(0));
    stranger.send_to(b"after", address).unwrap();
    friend.send_to(b"from the friend", address).unwrap();
    wait_until_available(&peer, 1);
    assert_eq!(peer.available(), Ok(1));
    assert_eq!(take(&peer), b"from the friend");
}

#[test]
fn closing_forgets_what_was_queued_where_the_engine_reads_old_bytes() {
    let (peer, address) = bound();
    let other = plain_socket();
    other.send_to(&[1; 100], address).unwrap();
    wait_until_available(&peer, 1);
    peer.close();
    peer.bind(address.port(), ON_V4, 1024).unwrap();
    assert_eq!(peer.available(), Ok(0));
    other.send_to(b"new", address).unwrap();
    wait_until_available(&peer, 1);
    assert_eq!(take(&peer), b"new");
}

#[test]
fn a_broadcast_address_can_be_connected_to_where_the_engine_forgets_to_allow_it() {
    let broadcast = IpAddr::V4(Ipv4Addr::new(127, 255, 255, 255));
    let peer = DatagramSocket::new();
    if cfg!(target_os = "linux") {
        assert_eq!(peer.connect(broadcast, 4242), Err(Error::Failed));
    }
    peer.set_broadcast(true).unwrap();
    assert_eq!(peer.connect(broadcast, 4242), Ok(()));
    assert_eq!(peer.send(b"everybody"), Ok(()));
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
    let (peer, address) = bound();
    let other = plain_socket();
    for byte in 0..4 {
        other.send_to(&[byte; 40_000], address).unwrap();
        let queued = usize::from(byte.min(2)) + 1;
        eventually("the datagram", || {
            peer.available() == Ok(queued) && peer.dropped() == u64::from(byte / 3)
        });
    }
    for byte in 0..3 {
        assert_eq!(take(&peer), [byte; 40_000]);
    }
    assert_eq!(peer.available(), Ok(0));
}

#[test]
fn waiting_ends_when_a_datagram_arrives() {
    let (peer, address) = bound();
    let waited = wait_during(&peer, |has_ended| {
        std::thread::sleep(Duration::from_millis(60));
        // The lock is free while it waits.
        assert!(peer.is_bound());
        assert!(!has_ended());
        plain_socket().send_to(b"wake up", address).unwrap();
    });
    assert_eq!(waited, Ok(()));
    assert_eq!(take(&peer), b"wake up");
}

#[test]
fn waiting_ends_at_once_if_something_is_queued_where_the_engine_waits_on() {
    let (peer, address) = bound();
    let other = plain_socket();
    other.send_to(b"one", address).unwrap();
    wait_until_available(&peer, 1);
    assert_eq!(wait_during(&peer, |_| ()), Ok(()));
}

#[test]
fn waiting_ends_when_the_peer_is_closed() {
    let (peer, _) = bound();
    let waited = wait_during(&peer, |_| {
        std::thread::sleep(Duration::from_millis(30));
        peer.close();
    });
    assert_eq!(waited, Err(Error::Unconfigured));
}

#[test]
fn an_ipv4_socket_cannot_send_to_ipv6() {
    let (peer, _) = bound();
    peer.set_destination(V6, 4242).unwrap();
    assert_eq!(peer.send(b"x"), Err(Error::Failed));
    assert!(peer.is_bound());
}

#[test]
fn a_peer_bound_to_every_address_talks_ipv4_and_ipv6() {
    let peer = DatagramSocket::new();
    peer.bind(0, BindAddress::Any, DEFAULT_INBOX_BYTES).unwrap();
    let mut remotes = vec![plain_socket()];
    if has_ipv6_loopback() {
        remotes.push(plain_socket_on(V6));
    }
    for remote in remotes {
        let address = remote.local_addr().unwrap();
        remote
            .send_to(b"in", (address.ip(), peer.local_port()))
            .unwrap();
        wait_until_available(&peer, 1);
        let mut packet = Vec::new();
        assert_eq!(peer.receive(&mut packet), Ok(address));
        peer.set_destination(address.ip(), address.port()).unwrap();
        peer.send(b"out").unwrap();
        let mut buffer = [0; 16];
        let (length, from) = remote.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"out");
        assert_eq!(from.port(), peer.local_port());
    }
    // Connected, it takes either family too.
    let other = plain_socket();
    peer.connect(V4, other.local_addr().unwrap().port())
        .unwrap();
    peer.send(b"connected").unwrap();
    let mut buffer = [0; 16];
    let (_, from) = other.recv_from(&mut buffer).unwrap();
    other.send_to(b"answer", from).unwrap();
    wait_until_available(&peer, 1);
    assert_eq!(take(&peer), b"answer");
}

#[test]
fn a_mapped_address_means_the_ipv4_address() {
    let peer = DatagramSocket::new();
    let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    peer.bind(0, BindAddress::Ip(mapped), 1024).unwrap();
    peer.set_destination(mapped, 4242).unwrap();
    assert_eq!(peer.remote(), Some(SocketAddr::new(V4, 4242)));
    assert_eq!(peer.send(b"x"), Ok(()));
}

#[test]
fn an_unbound_peer_opens_a_socket_of_its_destinations_family() {
    if !has_ipv6_loopback() {
        return;
    }
    let other = plain_socket_on(V6);
    let peer = DatagramSocket::new();
    peer.connect(V6, other.local_addr().unwrap().port())
        .unwrap();
    peer.send(b"six").unwrap();
    let mut buffer = [0; 16];
    let (_, from) = other.recv_from(&mut buffer).unwrap();
    assert_eq!(from, SocketAddr::new(V6, peer.local_port()));
    assert_eq!(peer.set_broadcast(true), Ok(()));
    assert_eq!(peer.connect(V4, 4242), Err(Error::Failed));
}
