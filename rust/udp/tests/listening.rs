//! A listener sorts what arrives by sender, and its peers live and die as `UDPServer`'s do. The expectations were read
//! off Godot 4.6.3, apart from those whose name says that the engine is wrong.

mod support;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use support::{
    ON_V4, V4, V6, accept, accepted, eventually, has_ipv6_loopback, listener, plain_socket,
    plain_socket_on, poll_until_queued, take, wait_during,
};
use udp::{BindAddress, DatagramSocket, Error, Listener};

fn clients(count: usize) -> Vec<UdpSocket> {
    (0..count).map(|_| plain_socket()).collect()
}

/// One datagram from each client, each of another length, all read by the listener.
fn knock(listener: &Listener, clients: &[UdpSocket]) {
    let to = SocketAddr::new(V4, listener.local_port());
    for (index, client) in clients.iter().enumerate() {
        client.send_to(&vec![0; index + 1], to).unwrap();
    }
    std::thread::sleep(Duration::from_millis(20));
    listener.poll().unwrap();
}

fn accept_all(listener: &Listener) -> Vec<Arc<DatagramSocket>> {
    std::iter::from_fn(|| listener.accept()).collect()
}

#[test]
fn a_listener_that_does_not_listen_says_so() {
    let listener = Listener::new();
    assert!(!listener.is_listening());
    assert_eq!(listener.local_port(), 0);
    assert_eq!(listener.poll(), Err(Error::Unconfigured));
    assert!(!listener.poll_round(1));
    assert!(!listener.has_pending());
    assert!(listener.accept().is_none());
    assert_eq!(listener.max_pending(), 16);
    listener.stop();
}

#[test]
fn listening_twice_is_refused_and_a_port_can_be_listened_on_again() {
    let (listener, address) = listener();
    assert_eq!(listener.listen(0, ON_V4), Err(Error::AlreadyInUse));
    assert_eq!(listener.local_port(), address.port());
    listener.stop();
    listener.listen(address.port(), ON_V4).unwrap();
    assert_eq!(listener.local_port(), address.port());
}

#[test]
fn an_address_of_another_machine_cannot_be_listened_on() {
    let listener = Listener::new();
    let not_ours = BindAddress::Ip("203.0.113.9".parse().unwrap());
    assert_eq!(listener.listen(0, not_ours), Err(Error::Unavailable));
    assert!(!listener.is_listening());
}

#[test]
fn each_sender_becomes_a_peer_with_its_own_packets_in_order() {
    let (listener, address) = listener();
    let clients = clients(3);
    for round in 0..4_u8 {
        for (index, client) in clients.iter().enumerate() {
            client.send_to(&[index as u8, round], address).unwrap();
        }
    }
    let mut peers = Vec::new();
    while peers.len() < clients.len() {
        peers.push(accept(&listener));
    }
    for (index, (peer, client)) in peers.iter().zip(&clients).enumerate() {
        poll_until_queued(&listener, peer, 4);
        assert_eq!(peer.available(), Ok(4));
        let remote = client.local_addr().unwrap();
        assert_eq!(peer.remote(), Some(remote));
        let mut packet = Vec::new();
        for round in 0..4 {
            assert_eq!(peer.receive(&mut packet), Ok(remote));
            assert_eq!(packet, [index as u8, round]);
        }
        assert_eq!(peer.receive(&mut packet), Err(Error::Unavailable));
        peer.send(&[100 + index as u8]).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(client.recv_from(&mut buffer).unwrap(), (1, address));
        assert_eq!(buffer[0], 100 + index as u8);
    }
}

#[test]
fn an_accepted_peer_is_bound_and_connected_and_refuses_to_be_anything_else() {
    let (listener, client, peer) = accepted();
    assert!(peer.is_bound());
    assert!(peer.is_connected());
    assert_eq!(peer.local_port(), listener.local_port());
    assert_eq!(peer.last_source(), Some(client.local_addr().unwrap()));
    assert_eq!(peer.connect(V4, 1), Err(Error::Locked));
    assert_eq!(peer.bind(0, ON_V4, 1024), Err(Error::AlreadyInUse));
    assert_eq!(peer.set_destination(V4, 1), Err(Error::Locked));
    assert_eq!(peer.set_broadcast(true), Err(Error::Locked));
    let group = "224.0.0.7".parse().unwrap();
    assert_eq!(peer.join_multicast(group, "lo"), Err(Error::Locked));
    assert_eq!(peer.leave_multicast(group, "lo"), Err(Error::Locked));
    peer.send(b"unharmed").unwrap();
    let mut buffer = [0; 16];
    assert_eq!(client.recv(&mut buffer).unwrap(), 8);
}

#[test]
fn stopping_leaves_the_peers_unbound_unconnected_and_empty() {
    let (listener, client, peer) = accepted();
    client.send(b"unread").unwrap();
    poll_until_queued(&listener, &peer, 1);
    listener.stop();
    assert!(!listener.is_listening());
    assert!(!peer.is_bound());
    assert!(!peer.is_connected());
    assert_eq!(peer.local_port(), 0);
    assert_eq!(peer.available(), Err(Error::Failed));
    assert_eq!(peer.has_datagrams(), Err(Error::Failed));
    assert_eq!(peer.last_source(), Some(client.local_addr().unwrap()));
    // As in the engine: it sends on, from a socket of its own.
    assert_eq!(peer.send(b"late"), Ok(()));
    assert!(peer.is_bound());
    assert!(!peer.is_connected());
}

#[test]
fn dropping_the_listener_stops_it() {
    let (listener, _client, peer) = accepted();
    let port = listener.local_port();
    drop(listener);
    assert!(!peer.is_bound());
    let again = DatagramSocket::new();
    assert_eq!(again.bind(port, ON_V4, 1024), Ok(()), "the port is free");
}

#[test]
fn a_dropped_or_closed_peer_makes_room_for_a_new_one_from_the_same_address() {
    let (listener, client, peer) = accepted();
    drop(peer);
    client.send(b"second").unwrap();
    let second = accept(&listener);
    assert_eq!(take(&second), b"second");
    second.close();
    assert!(!second.is_bound());
    assert!(!second.is_connected());
    client.send(b"third").unwrap();
    let third = accept(&listener);
    assert_eq!(take(&third), b"third");
    // The one that was closed before goes away, and takes nothing with it.
    drop(second);
    client.send(b"fourth").unwrap();
    poll_until_queued(&listener, &third, 1);
    assert!(!listener.has_pending());
    assert_eq!(take(&third), b"fourth");
}

#[test]
fn a_peer_of_an_earlier_listen_does_not_take_a_newer_one_with_it() {
    let (listener, client, old) = accepted();
    let port = listener.local_port();
    listener.stop();
    listener.listen(port, ON_V4).unwrap();
    client.send(b"again").unwrap();
    let new = accept(&listener);
    old.close();
    drop(old);
    assert_eq!(take(&new), b"again");
    client.send(b"more").unwrap();
    poll_until_queued(&listener, &new, 1);
    assert!(!listener.has_pending());
}

#[test]
fn no_more_than_the_maximum_are_pending() {
    let (listener, _) = listener();
    listener.set_max_pending(2);
    let clients = clients(4);
    knock(&listener, &clients);
    let peers = accept_all(&listener);
    let lengths: Vec<usize> = peers.iter().map(|peer| take(peer).len()).collect();
    assert_eq!(lengths, [1, 2], "the oldest");
    assert_eq!(listener.refused(), 2);
    listener.set_max_pending(0);
    knock(&listener, &clients);
    assert!(!listener.has_pending());
    assert_eq!(peers[0].available(), Ok(1), "accepted ones go on");
}

#[test]
fn lowering_the_maximum_keeps_the_oldest_where_the_engine_keeps_all() {
    let (listener, _) = listener();
    let clients = clients(4);
    knock(&listener, &clients);
    listener.set_max_pending(2);
    let peers = accept_all(&listener);
    let lengths: Vec<usize> = peers.iter().map(|peer| take(peer).len()).collect();
    assert_eq!(lengths, [1, 2]);
    // Those let go can come again.
    knock(&listener, &clients);
    assert_eq!(accept_all(&listener).len(), 2);
}

#[test]
fn raising_the_maximum_keeps_the_pending_where_the_engine_drops_them() {
    let (listener, _) = listener();
    knock(&listener, &clients(4));
    listener.set_max_pending(100);
    assert_eq!(accept_all(&listener).len(), 4);
}

#[test]
fn a_full_inbox_drops_the_newest_and_harms_nobody_else() {
    let (listener, client, peer) = accepted();
    let other = plain_socket();
    let address = SocketAddr::new(V4, listener.local_port());
    for byte in 0..4 {
        client.send(&[byte; 30_000]).unwrap();
        eventually("the datagram to be queued or dropped", || {
            listener.poll().unwrap();
            peer.available().unwrap() as u64 + peer.dropped() == u64::from(byte) + 1
        });
    }
    assert_eq!((peer.available(), peer.dropped()), (Ok(2), 2));
    other.send_to(b"me too", address).unwrap();
    assert_eq!(take(&accept(&listener)), b"me too");
    assert_eq!(take(&peer), [0; 30_000]);
    assert_eq!(take(&peer), [1; 30_000]);
    client.send(b"room again").unwrap();
    poll_until_queued(&listener, &peer, 1);
    assert_eq!(take(&peer), b"room again");
}

#[test]
fn empty_and_largest_datagrams_arrive() {
    let (listener, client, peer) = accepted();
    client.send(b"").unwrap();
    poll_until_queued(&listener, &peer, 1);
    assert_eq!(take(&peer), b"");
    client.send(&[9; 65_507]).unwrap();
    poll_until_queued(&listener, &peer, 1);
    assert_eq!(take(&peer), [9; 65_507]);
    peer.send(&[8; 65_507]).unwrap();
    peer.send(b"").unwrap();
    let mut buffer = vec![0; 70_000];
    assert_eq!(client.recv(&mut buffer).unwrap(), 65_507);
    assert_eq!(client.recv(&mut buffer).unwrap(), 0);
}

#[test]
fn clients_that_are_gone_do_not_end_a_poll() {
    let (listener, client, peer) = accepted();
    drop(client);
    for _ in 0..100 {
        peer.send(b"to nobody").unwrap();
    }
    std::thread::sleep(Duration::from_millis(20));
    let late = plain_socket();
    late.send_to(b"hello", (V4, listener.local_port())).unwrap();
    assert_eq!(take(&accept(&listener)), b"hello");
}

#[test]
fn waiting_on_an_accepted_peer_waits_for_the_listeners_socket() {
    let (listener, client, peer) = accepted();
    let waited = wait_during(&peer, |has_ended| {
        std::thread::sleep(Duration::from_millis(30));
        assert!(!has_ended());
        client.send(b"wake up").unwrap();
    });
    assert_eq!(waited, Ok(()));
    assert_eq!(peer.available(), Ok(0), "nobody polled yet");
    poll_until_queued(&listener, &peer, 1);
    assert_eq!(wait_during(&peer, |_| ()), Ok(()), "queued");
    take(&peer);
    let waited = wait_during(&peer, |_| {
        std::thread::sleep(Duration::from_millis(30));
        listener.stop();
    });
    assert_eq!(waited, Err(Error::Unconfigured));
}

#[test]
fn a_listener_on_every_address_serves_ipv4_and_ipv6_and_shows_each_as_it_is() {
    let listener = Listener::new();
    listener.listen(0, BindAddress::Any).unwrap();
    let mut clients = vec![(V4, plain_socket())];
    if has_ipv6_loopback() {
        clients.push((V6, plain_socket_on(V6)));
    }
    for (ip, client) in clients {
        client.connect((ip, listener.local_port())).unwrap();
        client.send(b"hello").unwrap();
        let peer = accept(&listener);
        assert_eq!(peer.remote(), Some(client.local_addr().unwrap()));
        peer.send(b"welcome").unwrap();
        let mut buffer = [0; 16];
        assert_eq!(client.recv(&mut buffer).unwrap(), 7);
    }
}

#[test]
fn a_listener_on_one_family_does_not_hear_the_other() {
    if !has_ipv6_loopback() {
        return;
    }
    let listener = Listener::new();
    listener
        .listen(0, BindAddress::Ip("::".parse().unwrap()))
        .unwrap();
    plain_socket()
        .send_to(b"four", (V4, listener.local_port()))
        .unwrap();
    let client = plain_socket_on(V6);
    client.send_to(b"six", (V6, listener.local_port())).unwrap();
    assert_eq!(take(&accept(&listener)), b"six");
    std::thread::sleep(Duration::from_millis(20));
    listener.poll().unwrap();
    assert!(!listener.has_pending());
}
