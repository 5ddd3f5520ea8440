//! Limits of handshakes by address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use endpoint::{
    DropCause, Event, HANDSHAKES_PER_SECOND, Limit, SharedConnection, Status, UNFINISHED_HANDSHAKES,
};

use crate::simulation::{Client, Simulation, client_address};

/// Clients behind one address.
fn at_port(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 18, 255, 1)), port)
}

/// A client that sends a hello with its cookie, and then nothing; and whether a handshake has begun.
fn begin(simulation: &mut Simulation, address: SocketAddr) -> (Client, bool) {
    let client = simulation.client(address);
    simulation.poll_server();
    let count = simulation.served.len();
    client.connection.poll(simulation.now);
    simulation.poll_server();
    let has_begun = simulation.served.len() > count;
    (client, has_begun)
}

#[test]
fn of_too_many_unfinished_handshakes_of_one_address_the_oldest_is_dropped() {
    let mut simulation = Simulation::new();
    simulation.server.limits().set_unfinished(5);
    let (mut other, _) = begin(&mut simulation, client_address(1));
    let clients: Vec<_> = (1..=8)
        .map(|port| begin(&mut simulation, at_port(port)))
        .collect();
    let remotes: Vec<_> = simulation
        .server_events
        .iter()
        .map(|event| match event {
            Event::HandshakeDropped {
                cause: DropCause::Address,
                remote,
            } => remote.unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(remotes, [at_port(1), at_port(2), at_port(3)]);
    // The handshake of another address, which is the oldest of all, goes on.
    simulation.pass(Duration::from_millis(100), &mut [&mut other]);
    assert_eq!(other.connection.status(), Status::Connected);
    clients.into_iter().for_each(std::mem::forget);
}

#[test]
fn no_more_handshakes_of_one_address_begin_in_a_second_than_may() {
    let mut simulation = Simulation::new();
    simulation.server.limits().set_per_second(4);
    assert_eq!(simulation.server.limits().per_second(), Limit::Set(4));
    let begun = |simulation: &mut Simulation, ports: std::ops::Range<u16>| {
        ports
            .filter(|&port| {
                let (client, has_begun) = begin(simulation, at_port(port));
                std::mem::forget(client);
                has_begun
            })
            .count()
    };
    assert_eq!(begun(&mut simulation, 0..10), 4);
    let refused = |event: &&Event| matches!(event, Event::HandshakeRefused { .. });
    assert_eq!(simulation.server_events.iter().filter(refused).count(), 6);
    simulation.now += Duration::from_millis(500);
    assert_eq!(begun(&mut simulation, 10..20), 2);
    // A refused client repeats its hello, and is accepted.
    let mut client = simulation.client(at_port(100));
    simulation.pass(Duration::from_secs(4), &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::Connected);
}

#[test]
fn the_defaults_are_as_documented() {
    let simulation = Simulation::new();
    let limits = simulation.server.limits();
    assert_eq!(limits.unfinished(), Limit::Default(UNFINISHED_HANDSHAKES));
    assert_eq!(limits.per_second(), Limit::Default(HANDSHAKES_PER_SECOND));
    assert_eq!((UNFINISHED_HANDSHAKES, HANDSHAKES_PER_SECOND), (256, 200));
}

#[test]
fn a_server_keeps_at_most_so_many_packets_of_a_client() {
    let mut simulation = Simulation::new();
    let (client, served) = simulation.connected(client_address(1));
    let packet = [7; 1000];
    for _ in 0..2 * dtls::PACKET_QUEUE_BYTES / packet.len() {
        client.connection.send(&packet).unwrap();
        served.poll(simulation.now);
    }
    let bytes = served.packet_count() as usize * packet.len();
    // The last one may be beyond.
    assert!(bytes < dtls::PACKET_QUEUE_BYTES + packet.len(), "{bytes}");
    assert!(bytes > dtls::PACKET_QUEUE_BYTES / 2, "{bytes}");
}

#[test]
fn packets_that_do_not_fit_a_record_are_refused() {
    let mut simulation = Simulation::new();
    let (client, _served) = simulation.connected(client_address(1));
    let too_large = vec![0; dtls::MAX_PACKET + 1];
    assert!(matches!(
        client.connection.send(&too_large),
        Err(endpoint::SendError::TooLarge(_))
    ));
    assert_eq!(client.connection.status(), Status::Connected);
    let idle = Arc::new(SharedConnection::default());
    assert_eq!(idle.send(b"packet"), Err(endpoint::SendError::NotConnected));
}
