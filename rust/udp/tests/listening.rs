//! A listener delivers datagrams by sender, and its sockets open and close as `UDPServer`'s sockets do. The
//! expectations were measured on Godot 4.6.3, apart from those where the name says what the engine does instead.

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
fn send_one_each(listener: &Listener, clients: &[UdpSocket]) {
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
fn a_listener_that_does_not_listen_returns_errors() {
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
fn each_sender_gets_a_socket_with_its_own_datagrams_in_order() {
    let (listener, address) = listener();
    let clients = clients(3);
    for round in 0..4_u8 {
        for (index, client) in clients.iter().enumerate() {
            client.send_to(&[index as u8, round], address).unwrap();
        }
    }
    let mut sockets = Vec::new();
    while sockets.len() < clients.len() {
        sockets.push(accept(&listener));
    }
    for (index, (socket, client)) in sockets.iter().zip(&clients).enumerate() {
        poll_until_queued(&listener, socket, 4);
        assert_eq!(socket.available(), Ok(4));
        let remote = client.local_addr().unwrap();
        assert_eq!(socket.remote(), Some(remote));
        let mut packet = Vec::new();
        for round in 0..4 {
            assert_eq!(socket.receive(&mut packet), Ok(remote));
            assert_eq!(packet, [index as u8, round]);
        }
        assert_eq!(socket.receive(&mut packet), Err(Error::Unavailable));
        socket.send(&[100 + index as u8]).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(client.recv_from(&mut buffer).unwrap(), (1, address));
        assert_eq!(buffer[0], 100 + index as u8);
    }
}

#[test]
fn an_accepted_socket_is_bound_and_connected_and_stays_so() {
    let (listener, client, socket) = accepted();
    assert!(socket.is_bound());
    assert!(socket.is_connected());
    assert_eq!(socket.local_port(), listener.local_port());
    assert_eq!(socket.last_source(), Some(client.local_addr().unwrap()));
    assert_eq!(socket.connect(V4, 1), Err(Error::Locked));
    assert_eq!(socket.bind(0, ON_V4, 1024), Err(Error::AlreadyInUse));
    assert_eq!(socket.set_destination(V4, 1), Err(Error::Locked));
    assert_eq!(socket.set_broadcast(true), Err(Error::Locked));
    let group = "224.0.0.7".parse().unwrap();
    assert_eq!(socket.join_multicast(group, "lo"), Err(Error::Locked));
    assert_eq!(socket.leave_multicast(group, "lo"), Err(Error::Locked));
    socket.send(b"unharmed").unwrap();
    let mut buffer = [0; 16];
    assert_eq!(client.recv(&mut buffer).unwrap(), 8);
}

#[test]
fn stopping_leaves_accepted_sockets_unbound_unconnected_and_empty() {
    let (listener, client, socket) = accepted();
    client.send(b"unread").unwrap();
    poll_until_queued(&listener, &socket, 1);
    listener.stop();
    assert!(!listener.is_listening());
    assert!(!socket.is_bound());
    assert!(!socket.is_connected());
    assert_eq!(socket.local_port(), 0);
    assert_eq!(socket.available(), Err(Error::Failed));
    assert_eq!(socket.has_datagrams(), Err(Error::Failed));
    assert_eq!(socket.last_source(), Some(client.local_addr().unwrap()));
    // As in the engine: it can send, from a socket of its own.
    assert_eq!(socket.send(b"late"), Ok(()));
    assert!(socket.is_bound());
    assert!(!socket.is_connected());
}

#[test]
fn dropping_the_listener_stops_it() {
    let (listener, _client, socket) = accepted();
    let port = listener.local_port();
    drop(listener);
    assert!(!socket.is_bound());
    let again = DatagramSocket::new();
    assert_eq!(again.bind(port, ON_V4, 1024), Ok(()), "the port is free");
}

#[test]
fn a_dropped_or_closed_socket_is_followed_by_a_new_one_from_the_same_address() {
    let (listener, client, socket) = accepted();
    drop(socket);
    client.send(b"second").unwrap();
    let second = accept(&listener);
    assert_eq!(take(&second), b"second");
    second.close();
    assert!(!second.is_bound());
    assert!(!second.is_connected());
    client.send(b"third").unwrap();
    let third = accept(&listener);
    assert_eq!(take(&third), b"third");
    // Dropping the one that was closed does not affect the new one.
    drop(second);
    client.send(b"fourth").unwrap();
    poll_until_queued(&listener, &third, 1);
    assert!(!listener.has_pending());
    assert_eq!(take(&third), b"fourth");
}

#[test]
fn dropping_a_socket_of_an_earlier_listen_does_not_affect_a_newer_one() {
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
    send_one_each(&listener, &clients);
    let sockets = accept_all(&listener);
    let lengths: Vec<usize> = sockets.iter().map(|socket| take(socket).len()).collect();
    assert_eq!(lengths, [1, 2], "the oldest");
    assert_eq!(listener.refused(), 2);
    listener.set_max_pending(0);
    send_one_each(&listener, &clients);
    assert!(!listener.has_pending());
    assert_eq!(sockets[0].available(), Ok(1), "accepted ones go on");
}

#[test]
fn lowering_the_maximum_keeps_the_oldest_where_the_engine_keeps_all() {
    let (listener, _) = listener();
    let clients = clients(4);
    send_one_each(&listener, &clients);
    listener.set_max_pending(2);
    let sockets = accept_all(&listener);
    let lengths: Vec<usize> = sockets.iter().map(|socket| take(socket).len()).collect();
    assert_eq!(lengths, [1, 2]);
    // Those that were dropped can become pending again.
    send_one_each(&listener, &clients);
    assert_eq!(accept_all(&listener).len(), 2);
}

#[test]
fn raising_the_maximum_keeps_the_pending_where_the_engine_drops_them() {
    let (listener, _) = listener();
    send_one_each(&listener, &clients(4));
    listener.set_max_pending(100);
    assert_eq!(accept_all(&listener).len(), 4);
}

#[test]
fn a_full_inbox_drops_the_newest_and_does_not_affect_the_others() {
    let (listener, client, socket) = accepted();
    let other = plain_socket();
    let address = SocketAddr::new(V4, listener.local_port());
    for byte in 0..4 {
        client.send(&[byte; 30_000]).unwrap();
        eventually("the datagram to be queued or dropped", || {
            listener.poll().unwrap();
            socket.available().unwrap() as u64 + socket.dropped() == u64::from(byte) + 1
        });
    }
    assert_eq!((socket.available(), socket.dropped()), (Ok(2), 2));
    other.send_to(b"me too", address).unwrap();
    assert_eq!(take(&accept(&listener)), b"me too");
    assert_eq!(take(&socket), [0; 30_000]);
    assert_eq!(take(&socket), [1; 30_000]);
    client.send(b"room again").unwrap();
    poll_until_queued(&listener, &socket, 1);
    assert_eq!(take(&socket), b"room again");
}

#[test]
fn empty_and_largest_datagrams_arrive() {
    let (listener, client, socket) = accepted();
    client.send(b"").unwrap();
    poll_until_queued(&listener, &socket, 1);
    assert_eq!(take(&socket), b"");
    client.send(&[9; 65_507]).unwrap();
    poll_until_queued(&listener, &socket, 1);
    assert_eq!(take(&socket), [9; 65_507]);
    socket.send(&[8; 65_507]).unwrap();
    socket.send(b"").unwrap();
    let mut buffer = vec![0; 70_000];
    assert_eq!(client.recv(&mut buffer).unwrap(), 65_507);
    assert_eq!(client.recv(&mut buffer).unwrap(), 0);
}

#[test]
fn clients_that_closed_their_socket_do_not_end_a_poll() {
    let (listener, client, socket) = accepted();
    drop(client);
    for _ in 0..100 {
        socket.send(b"to a closed socket").unwrap();
    }
    std::thread::sleep(Duration::from_millis(20));
    let late = plain_socket();
    late.send_to(b"hello", (V4, listener.local_port())).unwrap();
    assert_eq!(take(&accept(&listener)), b"hello");
}

#[test]
fn an_accepted_socket_waits_for_the_listeners_port() {
    let (listener, client, socket) = accepted();
    let waited = wait_during(&socket, |has_ended| {
        std::thread::sleep(Duration::from_millis(30));
        assert!(!has_ended());
        client.send(b"wake up").unwrap();
    });
    assert_eq!(waited, Ok(()));
    assert_eq!(socket.available(), Ok(0), "not polled yet");
    poll_until_queued(&listener, &socket, 1);
    assert_eq!(wait_during(&socket, |_| ()), Ok(()), "queued");
    take(&socket);
    let waited = wait_during(&socket, |_| {
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
        let socket = accept(&listener);
        assert_eq!(socket.remote(), Some(client.local_addr().unwrap()));
        socket.send(b"welcome").unwrap();
        let mut buffer = [0; 16];
        assert_eq!(client.recv(&mut buffer).unwrap(), 7);
    }
}

#[test]
fn a_listener_on_one_family_does_not_receive_from_the_other() {
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

#[test]
fn inboxes_have_the_size_that_was_set_before_the_socket_was_pending() {
    let listener = Listener::new();
    listener.set_inbox_bytes(4 * 30_024 + 1);
    listener.listen(0, ON_V4).unwrap();
    let client = plain_socket();
    client
        .connect(SocketAddr::new(V4, listener.local_port()))
        .unwrap();
    client.send(b"first").unwrap();
    let socket = accept(&listener);
    assert_eq!(take(&socket), b"first");
    for byte in 0..5 {
        client.send(&[byte; 30_000]).unwrap();
        eventually("the datagram to be queued or dropped", || {
            listener.poll().unwrap();
            socket.available().unwrap() as u64 + socket.dropped() == u64::from(byte) + 1
        });
    }
    assert_eq!((socket.available(), socket.dropped()), (Ok(4), 1));
}
