//! A listener on all addresses of a machine replies from the address that a client sent to. The clients here are
//! connected, so they receive from no other. Only Linux has all of 127.0.0.0/8.

#![cfg(any(target_os = "linux", target_os = "android"))]

mod support;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use support::{
    V4, accept, add_address, ip, is_in_network_namespace, plain_socket, plain_socket_on,
    poll_until_queued, take,
};
use udp::{BindAddress, DatagramSocket, Listener};

const EVERY_V4: BindAddress = BindAddress::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
const EVERY_V6: BindAddress = BindAddress::Ip(IpAddr::V6(Ipv6Addr::UNSPECIFIED));

fn listener_on(address: BindAddress) -> Listener {
    let listener = Listener::new();
    listener.listen(0, address).unwrap();
    listener
}

/// A client that is connected to one address of this machine.
fn client_of(ip: &str, listener: &Listener) -> UdpSocket {
    let ip: IpAddr = ip.parse().unwrap();
    let any: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let client = plain_socket_on(any);
    client.connect((ip, listener.local_port())).unwrap();
    client
}

fn received(client: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 2000];
    let length = client.recv(&mut buffer).expect("a reply from that address");
    buffer.truncate(length);
    buffer
}

/// Sends `count` datagrams in one tick from the client to the accepted socket and back.
fn check_echo(listener: &Listener, client: &UdpSocket, socket: &DatagramSocket, count: usize) {
    for number in 0..count {
        client.send(&number.to_be_bytes()).unwrap();
    }
    poll_until_queued(listener, socket, count);
    let mut datagram = Vec::new();
    while socket.receive(&mut datagram).is_ok() {
        socket.send_deferred(&datagram).unwrap();
    }
    for number in 0..count {
        assert_eq!(received(client), number.to_be_bytes());
    }
}

fn check_replies(listener: &Listener, addresses: &[&str]) {
    let mut connections: Vec<(UdpSocket, Arc<DatagramSocket>)> = Vec::new();
    for address in addresses {
        let client = client_of(address, listener);
        client.send(b"hello").unwrap();
        let socket = accept(listener);
        // Before its first datagram is taken.
        socket.send(b"welcome").unwrap();
        assert_eq!(received(&client), b"welcome", "{address}");
        assert_eq!(take(&socket), b"hello");
        assert_eq!(socket.remote(), Some(client.local_addr().unwrap()));
        connections.push((client, socket));
    }
    for count in [1, 100] {
        for (client, socket) in &connections {
            check_echo(listener, client, socket, count);
        }
    }
}

#[test]
fn a_listener_on_every_ipv4_address_replies_from_the_destination() {
    for address in [BindAddress::Any, EVERY_V4] {
        let listener = listener_on(address);
        check_replies(&listener, &["127.0.0.5", "127.0.0.1", "127.9.8.7"]);
    }
}

#[test]
fn a_port_with_many_sockets_replies_from_the_destination() {
    for address in [BindAddress::Any, EVERY_V4] {
        let listener = Listener::new();
        listener.set_kernel_buffer(100_000, 8 << 20);
        listener.listen(0, address).unwrap();
        let addresses: Vec<String> = (1..=70).map(|last| format!("127.0.1.{last}")).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        check_replies(&listener, &addresses);
    }
}

#[test]
fn a_listener_on_every_ipv6_address_replies_from_the_destination() {
    if !is_in_network_namespace("a_listener_on_every_ipv6_address_replies_from_the_destination") {
        return;
    }
    for address in ["2001:db8::1", "2001:db8::2", "2001:db8::3"] {
        add_address(&format!("{address}/64"), "lo");
    }
    add_address("192.0.2.1/24", "lo");
    for address in [BindAddress::Any, EVERY_V6] {
        let listener = listener_on(address);
        let mut addresses = vec!["2001:db8::2", "::1", "2001:db8::3", "2001:db8::1"];
        if address == BindAddress::Any {
            addresses.extend(["192.0.2.1", "127.0.0.9"]);
        }
        check_replies(&listener, &addresses);
    }
}

#[test]
fn replies_are_sent_from_another_address_when_the_machine_loses_one() {
    if !is_in_network_namespace("replies_are_sent_from_another_address_when_the_machine_loses_one")
    {
        return;
    }
    add_address("192.0.2.1/24", "lo");
    add_address("2001:db8::1/64", "lo");
    add_address("2001:db8::2/64", "lo");
    for (lost, bound) in [("192.0.2.1", "127.0.0.1"), ("2001:db8::1", "2001:db8::2")] {
        let listener = listener_on(BindAddress::Any);
        let bound: IpAddr = bound.parse().unwrap();
        let client = plain_socket_on(bound);
        let lost_ip: IpAddr = lost.parse().unwrap();
        client
            .send_to(b"hello", (lost_ip, listener.local_port()))
            .unwrap();
        let socket = accept(&listener);
        assert_eq!(take(&socket), b"hello");
        let length = if lost_ip.is_ipv4() { 24 } else { 64 };
        ip(&format!("address del {lost}/{length} dev lo"));
        socket.send(b"from elsewhere").unwrap();
        assert_eq!(received(&client), b"from elsewhere");
    }
}

#[test]
fn a_broadcast_is_replied_to() {
    for address in [BindAddress::Any, EVERY_V4] {
        let listener = listener_on(address);
        let client = plain_socket();
        client.set_broadcast(true).unwrap();
        client
            .send_to(b"anybody?", ("127.255.255.255", listener.local_port()))
            .unwrap();
        let socket = accept(&listener);
        socket.send(b"me").unwrap();
        assert_eq!(received(&client), b"me");
    }
}

/// The source address of a reply to a client that is not connected.
fn reply_source(client: &UdpSocket, answer: impl FnOnce()) -> IpAddr {
    answer();
    let mut buffer = [0; 100];
    client.recv_from(&mut buffer).unwrap().1.ip()
}

#[test]
fn replies_are_sent_from_the_last_destination_until_an_address_is_pinned() {
    let listener = listener_on(BindAddress::Any);
    let client = plain_socket();
    let addresses: [IpAddr; 2] = ["127.0.0.5".parse().unwrap(), V4];
    let ask = |ip: IpAddr| {
        let to = SocketAddr::new(ip, listener.local_port());
        client.send_to(&[1], to).unwrap();
    };
    ask(addresses[0]);
    let socket = accept(&listener);
    take(&socket);
    let send = || reply_source(&client, || socket.send(b"an answer").unwrap());
    assert_eq!(send(), addresses[0]);
    ask(addresses[1]);
    poll_until_queued(&listener, &socket, 1);
    assert_eq!(send(), addresses[0], "it is not taken yet");
    take(&socket);
    assert_eq!(send(), addresses[1]);

    socket.pin_local_address();
    ask(addresses[0]);
    poll_until_queued(&listener, &socket, 1);
    take(&socket);
    assert_eq!(send(), addresses[1], "kept");
    let answer = || reply_source(&client, || socket.reply_deferred(b"an answer").unwrap());
    assert_eq!(answer(), addresses[0], "to what was taken last");

    // The socket that replaces it has no pinned address.
    socket.replace(b"a hello").unwrap();
    let newer = listener.accept().unwrap();
    let send = || reply_source(&client, || newer.send(b"an answer").unwrap());
    assert_eq!(send(), addresses[0]);
}

#[test]
fn a_listener_on_one_address_receives_and_replies() {
    let listener = listener_on(BindAddress::Ip("127.0.0.5".parse().unwrap()));
    check_replies(&listener, &["127.0.0.5"]);
}
