//! How connections end.

use std::time::Duration;

use endpoint::{Break, Event, Receive, Side, Status, Timeouts};

use crate::simulation::{Simulation, client_address, is_established, packets};

const SECOND: Duration = Duration::from_secs(1);

fn idle_limit(limit: Duration) -> Timeouts {
    Timeouts {
        idle: limit,
        ..Timeouts::default()
    }
}

#[test]
fn packets_before_a_close_notify_can_still_be_received() {
    let mut simulation = Simulation::new();
    let (client, served) = simulation.connected(client_address(1));
    client.connection.send(b"last words").unwrap();
    client.connection.disconnect(simulation.now);
    assert_eq!(client.connection.status(), Status::Disconnected);
    simulation.poll_server();
    assert_eq!(served.status(), Status::Connected);
    assert_eq!(packets(&served, simulation.now), [b"last words"]);
    assert_eq!(served.status(), Status::Disconnected);
    let received = served.receive(simulation.now, <[u8]>::to_vec);
    assert_eq!(received, Receive::NotConnected);
}

#[test]
fn dropping_a_connection_closes_it() {
    let mut simulation = Simulation::new();
    let (mut client, served) = simulation.connected(client_address(1));
    simulation.served.clear();
    drop(served);
    simulation.pass(Duration::ZERO, &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::Disconnected);
    assert!(client.events.iter().all(is_established));
}

#[test]
fn a_connection_whose_other_side_is_silent_ends_after_the_limit() {
    let mut simulation = Simulation::new();
    simulation.server.set_timeouts(idle_limit(30 * SECOND));
    let (mut client, served) = simulation.connected(client_address(1));
    for _ in 0..10 {
        simulation.pass(20 * SECOND, &mut [&mut client]);
        client.connection.send(b"alive").unwrap();
        simulation.poll_server();
        assert_eq!(packets(&served, simulation.now), [b"alive"]);
    }
    simulation.pass(29 * SECOND, &mut [&mut client]);
    assert_eq!(served.status(), Status::Connected);
    simulation.pass(3 * SECOND, &mut [&mut client]);
    assert_eq!(served.status(), Status::Failed);
    let silent = |event: &Event| matches!(event, Event::Silent { side: Side::Server, limit, .. } if *limit == 30 * SECOND);
    assert!(simulation.server_events.iter().any(silent));
    assert_eq!(
        client.connection.status(),
        Status::Disconnected,
        "it was told"
    );
}

#[test]
fn a_client_ends_when_its_server_is_silent_for_too_long() {
    let mut simulation = Simulation::new();
    let (mut client, _served) = simulation.connected(client_address(1));
    client.connection.set_timeouts(idle_limit(5 * SECOND));
    simulation.network.set_filter(|_, _, _| true);
    simulation.pass(4 * SECOND, &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::Connected);
    simulation.pass(2 * SECOND, &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::Failed);
    let side = Side::Client;
    assert!(matches!(client.events.last(), Some(Event::Silent { side: it, .. }) if *it == side));
}

#[test]
fn a_stopped_listener_ends_its_connections_within_a_sweep() {
    let mut simulation = Simulation::new();
    let (_client, served) = simulation.connected(client_address(1));
    simulation.network.set_listening(false);
    simulation.pass(2 * SECOND, &mut []);
    assert_eq!(served.status(), Status::Failed);
    let broken = |event: &Event| {
        let why = Break::Closed;
        matches!(event, Event::TransportBroken { why: it, side: Side::Server, .. } if *it == why)
    };
    assert!(simulation.server_events.iter().any(broken));
}

#[test]
fn a_client_gives_up_when_its_flight_is_refused_twice_a_second_apart() {
    let mut simulation = Simulation::new();
    simulation.network.set_listening(false);
    let mut client = simulation.client(client_address(1));
    simulation.pass(SECOND - SECOND / 10, &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::Handshaking);
    simulation.pass(SECOND / 2, &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::Failed);
    assert!(matches!(&client.events[..], [Event::NoListener { .. }]));
}

#[test]
fn a_client_connects_to_a_server_that_starts_within_a_second() {
    let mut simulation = Simulation::new();
    simulation.network.set_listening(false);
    let mut client = simulation.client(client_address(1));
    simulation.pass(SECOND / 2, &mut [&mut client]);
    simulation.network.set_listening(true);
    simulation.pass(SECOND, &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::Connected);
}
