//! Hellos from false addresses, and handshakes that are never finished.

use std::sync::{Arc, Weak};
use std::time::Duration;

use endpoint::{DropCause, Event, MAX_HANDSHAKES, SharedConnection, Status};

use crate::network::To;
use crate::world::{World, client_address};

/// A client's first hello.
pub(crate) fn hello(world: &World) -> Vec<u8> {
    let scratch = crate::network::Network::new();
    let connection = Arc::new(SharedConnection::default());
    let transport = scratch.client(client_address(u16::MAX));
    let context = crate::world::client_context();
    connection
        .connect(transport, &context, "localhost", world.now)
        .unwrap();
    let server_transport = scratch.accept().unwrap();
    let mut hello = Vec::new();
    endpoint::Transport::receive(&*server_transport, &mut hello);
    std::mem::forget(connection);
    hello
}

#[test]
fn hellos_from_false_addresses_leave_nothing_and_are_not_amplified() {
    let mut world = World::new();
    let hello = hello(&world);
    for number in 0..20_000 {
        world.network.send_to_server(client_address(number), &hello);
        world.poll_server();
        assert!(world.served.is_empty());
    }
    assert_eq!(world.accepted, 20_000);
    assert_eq!(world.server_events, []);
    assert!(world.network.bytes_to(To::Client) < world.network.bytes_to(To::Server));
    // A client connects meanwhile.
    let mut client = world.client(client_address(20_000));
    world.pass(Duration::from_millis(100), &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::Connected);
}

#[test]
fn of_too_many_unfinished_handshakes_the_oldest_are_dropped() {
    let mut world = World::new();
    world.server.registry().set_max_handshakes(10);
    // Clients that send a hello with its cookie, and then nothing.
    let mut begin = |number: u16| {
        let client = world.client(client_address(number));
        world.poll_server();
        client.connection.poll(world.now);
        world.poll_server();
        std::mem::forget(client);
        let (_, served) = world.served.last().unwrap();
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
    assert_eq!(world.server_events.iter().filter(dropped).count(), 5);

    // Fewer may be: the oldest go at once.
    let events = world.server.registry().set_max_handshakes(3);
    assert_eq!(events.iter().filter(dropped).count(), 7);
    assert_eq!(world.server.registry().max_handshakes(), 3);

    // And a client that goes on is connected all the same.
    let mut client = world.client(client_address(100));
    world.pass(Duration::from_millis(100), &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::Connected);
}

#[test]
fn established_connections_do_not_count_as_handshakes() {
    let mut world = World::new();
    assert_eq!(world.server.registry().max_handshakes(), MAX_HANDSHAKES);
    world.server.registry().set_max_handshakes(1);
    let clients: Vec<_> = (0..20)
        .map(|number| world.connected(client_address(number)))
        .collect();
    world.pass(Duration::from_secs(2), &mut []);
    let is_connected = |served: &Arc<SharedConnection>| served.status() == Status::Connected;
    assert!(clients.iter().all(|(_, served)| is_connected(served)));
}
