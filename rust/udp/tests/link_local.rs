//! Link-local IPv6 addresses, each on an interface of its own, in both directions. Two interfaces have the same address
//! here, so only the interface tells them apart.

#![cfg(any(target_os = "linux", target_os = "android"))]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use support::{
    accept, add_address, eventually, ip, is_in_network_namespace, take, wait_until_available,
};
use udp::{BindAddress, DatagramSocket, Error, Listener, ScopedIp};

const HERE: [&str; 2] = ["one", "two"];
const THERE: [&str; 2] = ["eno", "owt"];

/// Two links whose ends are all in this namespace: `one` to `eno` and `two` to `owt`; on each this side has `fe80::1`
/// and the other one `fe80::2`.
fn make_links() {
    for (here, there) in HERE.into_iter().zip(THERE) {
        ip(&format!("link add {here} type veth peer name {there}"));
        for (interface, address) in [(here, "fe80::1"), (there, "fe80::2")] {
            ip(&format!("link set {interface} addrgenmode none up"));
            add_address(&format!("{address}/64"), interface);
        }
    }
}

fn scoped(text: &str) -> ScopedIp {
    text.parse().unwrap()
}

fn scope_of(address: Option<SocketAddr>) -> u32 {
    match address {
        Some(SocketAddr::V6(v6)) => v6.scope_id(),
        other => panic!("{other:?} has no scope"),
    }
}

/// A socket that is connected to a port of `fe80::2`, as seen from an interface on this side. A link may take a moment
/// to come up.
fn connected(interface: &str, port: u16) -> DatagramSocket {
    let socket = DatagramSocket::new();
    eventually("the link to be up", || {
        socket.connect(scoped(&format!("fe80::2%{interface}")), port) == Ok(())
    });
    socket
}

#[test]
fn a_listener_on_every_address_replies_to_link_local_clients_of_each_interface() {
    if !is_in_network_namespace(
        "a_listener_on_every_address_replies_to_link_local_clients_of_each_interface",
    ) {
        return;
    }
    make_links();
    let listener = Listener::new();
    listener.listen(0, BindAddress::Any).unwrap();
    for (here, there) in HERE.into_iter().zip(THERE) {
        let client = connected(here, listener.local_port());
        client.send(b"hello").unwrap();
        let served = accept(&listener);
        assert_eq!(take(&served), b"hello");
        assert_eq!(served.remote().unwrap().ip(), scoped("fe80::1").ip());
        assert_eq!(
            scope_of(served.remote()),
            scoped(&format!("fe80::1%{there}")).scope()
        );
        served.send(b"welcome").unwrap();
        wait_until_available(&client, 1);
        assert_eq!(take(&client), b"welcome");
    }
}

#[test]
fn a_listener_and_a_socket_are_bound_to_a_link_local_address() {
    if !is_in_network_namespace("a_listener_and_a_socket_are_bound_to_a_link_local_address") {
        return;
    }
    make_links();
    let on = |interface: &str| BindAddress::Scoped(scoped(&format!("fe80::2%{interface}")));
    let listener = Listener::new();
    eventually("the link to be up", || {
        listener.listen(0, on(THERE[0])) == Ok(())
    });
    let port = listener.local_port();
    let other = Listener::new();
    eventually("the link to be up", || {
        other.listen(port, on(THERE[1])) == Ok(())
    });
    let client = connected(HERE[0], port);
    client.send(b"hello").unwrap();
    let served = accept(&listener);
    served.send(b"welcome").unwrap();
    wait_until_available(&client, 1);
    std::thread::sleep(Duration::from_millis(20));
    other.poll().unwrap();
    assert!(!other.has_pending(), "the same address on another link");

    let socket = DatagramSocket::new();
    socket.bind(0, on(THERE[0]), 65_536).unwrap();
    let sender = DatagramSocket::new();
    sender
        .set_destination(scoped(&format!("fe80::2%{}", HERE[0])), socket.local_port())
        .unwrap();
    sender.send(b"hello").unwrap();
    wait_until_available(&socket, 1);
    assert_eq!(take(&socket), b"hello");
    // Scripts send back to `get_packet_ip()`, which has no interface.
    let source = socket.last_source().unwrap();
    socket.set_destination(source.ip(), source.port()).unwrap();
    socket.send(b"welcome").unwrap();
    wait_until_available(&sender, 1);
    assert_eq!(take(&sender), b"welcome");
}

#[test]
fn a_link_local_address_without_its_interface_is_refused() {
    if !is_in_network_namespace("a_link_local_address_without_its_interface_is_refused") {
        return;
    }
    make_links();
    assert_eq!(
        DatagramSocket::new().connect(scoped("fe80::2"), 9),
        Err(Error::Failed)
    );
    let bound = Listener::new().listen(0, BindAddress::Scoped(scoped("fe80::2")));
    assert_eq!(bound, Err(Error::Unavailable));
}
