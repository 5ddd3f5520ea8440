//! Hellos from false addresses, and handshakes that are never finished.

use std::sync::{Arc, Weak};
use std::time::Duration;

use endpoint::{DropCause, Event, MAX_HANDSHAKES, SharedConnection, Status};
use testkit::To;

use crate::simulation::{Simulation, client_address};

/// A client's first hello.
pub(crate) fn hello(simulation: &Simulation) -> Vec<u8> {
    let scratch = simulated::Network::new();
    let connection = Arc::new(SharedConnection::default());
    let transport = scratch.client(client_address(u16::MAX));
    let context = crate::simulation::client_context();
    connection
        .connect(transport, &context, "localhost", simulation.now)
        .unwrap();
    let server_transport = scratch.accept().unwrap();
    let mut hello = Vec::new();
    endpoint::Transport::receive(&*server_transport, &mut hello);
    std::mem::forget(connection);
    hello
}

#[test]
fn hellos_from_false_addresses_leave_nothing_and_are_not_amplified() {
    let mut simulation = Simulation::new();
    let hello = hello(&simulation);
    for number in 0..20_000 {
        simulation
            .network
            .send_to_server(client_address(number), &hello);
        simulation.poll_server();
        assert!(simulation.served.is_empty());
    }
    assert_eq!(simulation.accepted, 20_000);
    assert_eq!(simulation.server_events, []);
    assert!(simulation.network.bytes_to(To::Client) < simulation.network.bytes_to(To::Server));
    // A client connects meanwhile.
    let mut client = simulation.client(client_address(20_000));
    simulation.pass(Duration::from_millis(100), &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::Connected);
}

#[test]
fn of_too_many_unfinished_handshakes_the_oldest_are_dropped() {
    let mut simulation = Simulation::new();
    simulation.server.registry().set_max_handshakes(10);
    // Clients that send a hello with its cookie, and then nothing.
    let mut begin = |number: u16| {
        let client = simulation.client(client_address(number));
        simulation.poll_server();
        client.connection.poll(simulation.now);
        simulation.poll_server();
        std::mem::forget(client);
        let (_, served) = simulation.served.last().unwrap();
        Arc::downgrade(served)
    };
    let begun: Vec<Weak<SharedConnection>> = (0..15).map(&mut begin).collect();
    let are_kept: Vec<bool> = begun.iter().map(|it| it.strong_count() > 0).collect();
    assert_eq!(are_kept, [[false; 5].as_slice(), &[true; 10]].concat());
    let dropped = |event: &&Event| {
        matches!(
            event,
            Event::HandshakeDropped {
                cause: DropCause::Total,
                ..
            }
        )
    };
    assert_eq!(simulation.server_events.iter().filter(dropped).count(), 5);

    // Fewer may be: the oldest go at once.
    let events = simulation.server.registry().set_max_handshakes(3);
    assert_eq!(events.iter().filter(dropped).count(), 7);
    assert_eq!(simulation.server.registry().max_handshakes(), 3);

    // And a client that goes on is connected all the same.
    let mut client = simulation.client(client_address(100));
    simulation.pass(Duration::from_millis(100), &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::Connected);
}

#[test]
fn established_connections_do_not_count_as_handshakes() {
    let mut simulation = Simulation::new();
    assert_eq!(
        simulation.server.registry().max_handshakes(),
        MAX_HANDSHAKES
    );
    simulation.server.registry().set_max_handshakes(1);
    let clients: Vec<_> = (0..20)
        .map(|number| simulation.connected(client_address(number)))
        .collect();
    simulation.pass(Duration::from_secs(2), &mut []);
    let is_connected = |served: &Arc<SharedConnection>| served.status() == Status::Connected;
    assert!(clients.iter().all(|(_, served)| is_connected(served)));
}
