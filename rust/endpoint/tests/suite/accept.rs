//! Accept with cookies: RFC 6347 section 4.2.1.

use std::sync::Arc;
use std::time::Duration;

use dtls::Failure;
use endpoint::{Event, SetUpError, SharedConnection, Side, Status};

use crate::network::To;
use crate::world::{World, client_address, is_established, packets, server_context};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_client_connects_and_packets_cross_both_ways() {
    let mut world = World::new();
    let (mut client, served) = world.connected(client_address(1));
    assert!(client.events.iter().all(is_established) && client.events.len() == 1);
    assert!(world.server_events.iter().all(is_established) && world.server_events.len() == 1);
    assert_eq!(served.protocol(), Some("DTLSv1.2"));
    assert_eq!(served.cipher(), client.connection.cipher());

    client.connection.send(b"from the client").unwrap();
    served.send(b"from the server").unwrap();
    world.pass(Duration::ZERO, &mut [&mut client]);
    assert_eq!(packets(&served, world.now), [b"from the client"]);
    assert_eq!(packets(&client.connection, world.now), [b"from the server"]);
}

#[test]
fn a_poll_names_the_connections_with_packets_or_another_status() {
    let mut world = World::new();
    let (client, served) = world.connected(client_address(1));
    let (_other, _) = world.connected(client_address(2));
    let (token, _) = world.served[0];
    let poll = |world: &World| {
        world
            .server
            .registry()
            .poll(world.now, |token| token)
            .changed
    };
    assert_eq!(poll(&world), []);
    client.connection.send(b"packet").unwrap();
    assert_eq!(poll(&world), [token]);
    assert_eq!(poll(&world), [token], "until it is taken");
    assert_eq!(packets(&served, world.now), [b"packet"]);
    assert_eq!(poll(&world), []);
    client.connection.disconnect(world.now);
    assert_eq!(poll(&world), [token]);
    assert_eq!(poll(&world), []);
}

#[test]
fn a_connection_whose_owner_has_ended_is_not_named() {
    let mut world = World::new();
    let (client, served) = world.connected(client_address(1));
    served.forget_owner();
    client.connection.send(b"packet").unwrap();
    let polled = world.server.registry().poll(world.now, |token| token);
    assert_eq!(polled.changed, []);
    assert_eq!(served.packet_count(), 1);
}

#[test]
fn the_first_hello_is_answered_with_a_cookie_and_leaves_nothing() {
    let world = World::new();
    let client = world.client(client_address(1));
    let transport = world.network.accept().unwrap();
    let connection = Arc::new(SharedConnection::default());
    let events = world
        .server
        .accept(&connection, 1, transport, None, world.now);
    assert_eq!(events, []);
    assert_eq!(connection.status(), Status::Failed);
    assert!(!connection.is_open(), "it holds no transport");
    assert!(world.network.bytes_to(To::Client) < world.network.bytes_to(To::Server));
    assert_eq!(client.connection.status(), Status::Handshaking);
}

#[test]
fn a_lost_cookie_is_sent_again() {
    let mut world = World::new();
    let mut is_first = true;
    world
        .network
        .set_loss(move |to, _| to == To::Client && std::mem::take(&mut is_first));
    let mut client = world.client(client_address(1));
    world.pass(SECOND / 2, &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::Handshaking);
    world.pass(SECOND, &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::Connected);
}

#[test]
fn a_connection_made_before_its_first_datagram_waits_for_it() {
    let mut world = World::new();
    let address = client_address(1);
    // An empty datagram makes the client known, and is not a hello.
    world.network.send_to_server(address, b"");
    let transport = world.network.accept().unwrap();
    let mut nothing = Vec::new();
    endpoint::Transport::receive(&*transport, &mut nothing);
    let connection = Arc::new(SharedConnection::default());
    let events = world
        .server
        .accept(&connection, 1, transport, None, world.now);
    assert_eq!((events, connection.status()), (vec![], Status::Handshaking));
    world.served.push((1, Arc::clone(&connection)));
    let mut client = world.client(address);
    world.pass(SECOND, &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::Connected);
}

#[test]
fn datagrams_that_are_no_hello_are_not_answered() {
    let mut world = World::new();
    for number in 0..100 {
        let noise: Vec<u8> = (0..number).map(|byte| byte as u8 ^ 0x16).collect();
        world.network.send_to_server(client_address(number), &noise);
    }
    world.poll_server();
    assert_eq!(world.network.bytes_to(To::Client), 0);
    assert!(world.served.is_empty());
    assert_eq!(world.server_events, []);
}

#[test]
fn a_handshake_that_is_never_finished_times_out_at_both_ends() {
    let mut world = World::new();
    let mut datagrams = 0;
    // The server's first flight is lost, and everything after it.
    world.network.set_loss(move |to, _| {
        datagrams += usize::from(to == To::Client);
        datagrams > 1
    });
    let mut client = world.client(client_address(1));
    world.pass(dtls::HANDSHAKE_LIMIT / 2, &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::Handshaking);
    assert_eq!(world.served.len(), 1);
    world.pass(dtls::HANDSHAKE_LIMIT, &mut [&mut client]);
    let is_timed_out = |event: &Event| matches!(event, Event::Failed { failure: Failure::TimedOut(limit), .. } if *limit == dtls::HANDSHAKE_LIMIT);
    assert_eq!(client.connection.status(), Status::Failed);
    assert!(world.served.is_empty());
    assert!(client.events.iter().all(is_timed_out) && client.events.len() == 1);
    assert!(world.server_events.iter().any(is_timed_out));
}

#[test]
fn a_certificate_for_another_host_ends_the_handshake() {
    let mut world = World::new();
    let mut client = world.client_with(client_address(1), "example.org", Arc::default());
    world.pass(SECOND, &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::HostNameMismatch);
    assert!(matches!(
        &client.events[..],
        [Event::Failed {
            side: Side::Client,
            failure: Failure::Certificate(_),
            ..
        }]
    ));
    // Its alert is in plain text, which anyone can forge: the server goes on until its limit.
    assert_eq!(world.server_events, []);
    assert_eq!(world.served.len(), 1);
    world.pass(dtls::HANDSHAKE_LIMIT, &mut []);
    assert!(world.served.is_empty());
}

#[test]
fn a_connection_that_failed_can_connect_again() {
    let mut world = World::new();
    let mut client = world.client_with(client_address(1), "example.org", Arc::default());
    world.pass(SECOND, &mut [&mut client]);
    let mut again = world.client_with(client_address(2), "localhost", client.connection);
    world.pass(SECOND, &mut [&mut again]);
    assert_eq!(again.connection.status(), Status::Connected);
    let transport = world.network.client(client_address(3));
    let context = crate::world::client_context();
    let third = again
        .connection
        .connect(transport, &context, "localhost", world.now);
    assert_eq!(third, Err(endpoint::ConnectError::InUse));
}

#[test]
fn a_server_is_set_up_once() {
    let world = World::new();
    let again = world.server.set_up(server_context(), world.now);
    assert_eq!(again, Err(SetUpError::AlreadyDone));
    assert!(world.server.is_set_up());
}
