//! Accept with cookies: RFC 6347 section 4.2.1.

use std::sync::Arc;
use std::time::Duration;

use dtls::Failure;
use endpoint::{Event, SetUpError, SharedConnection, Side, Status};
use testkit::To;

use crate::simulation::{Simulation, client_address, is_established, packets, server_context};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_client_connects_and_packets_cross_both_ways() {
    let mut simulation = Simulation::new();
    let (mut client, served) = simulation.connected(client_address(1));
    assert!(client.events.iter().all(is_established) && client.events.len() == 1);
    assert!(
        simulation.server_events.iter().all(is_established) && simulation.server_events.len() == 1
    );
    assert_eq!(served.protocol(), Some("DTLSv1.2"));
    assert_eq!(served.cipher(), client.connection.cipher());

    client.connection.send(b"from the client").unwrap();
    served.send(b"from the server").unwrap();
    simulation.pass(Duration::ZERO, &mut [&mut client]);
    assert_eq!(packets(&served, simulation.now), [b"from the client"]);
    assert_eq!(
        packets(&client.connection, simulation.now),
        [b"from the server"]
    );
}

#[test]
fn a_poll_names_the_connections_with_packets_or_another_status() {
    let mut simulation = Simulation::new();
    let (client, served) = simulation.connected(client_address(1));
    let (_other, _) = simulation.connected(client_address(2));
    let (token, _) = simulation.served[0];
    let poll = |simulation: &Simulation| {
        simulation
            .server
            .registry()
            .poll(simulation.now, |token| token)
            .changed
    };
    assert_eq!(poll(&simulation), []);
    client.connection.send(b"packet").unwrap();
    assert_eq!(poll(&simulation), [token]);
    assert_eq!(poll(&simulation), [token], "until it is taken");
    assert_eq!(packets(&served, simulation.now), [b"packet"]);
    assert_eq!(poll(&simulation), []);
    client.connection.disconnect(simulation.now);
    assert_eq!(poll(&simulation), [token]);
    assert_eq!(poll(&simulation), []);
}

#[test]
fn a_connection_whose_owner_has_ended_is_not_named() {
    let mut simulation = Simulation::new();
    let (client, served) = simulation.connected(client_address(1));
    served.forget_owner();
    client.connection.send(b"packet").unwrap();
    let polled = simulation
        .server
        .registry()
        .poll(simulation.now, |token| token);
    assert_eq!(polled.changed, []);
    assert_eq!(served.packet_count(), 1);
}

#[test]
fn the_first_hello_is_answered_with_a_cookie_and_leaves_nothing() {
    let simulation = Simulation::new();
    let client = simulation.client(client_address(1));
    let transport = simulation.network.accept().unwrap();
    let connection = Arc::new(SharedConnection::default());
    let events = simulation
        .server
        .accept(&connection, 1, transport, None, simulation.now);
    assert_eq!(events, []);
    assert_eq!(connection.status(), Status::Failed);
    assert!(!connection.is_open(), "it holds no transport");
    assert!(simulation.network.bytes_to(To::Client) < simulation.network.bytes_to(To::Server));
    assert_eq!(client.connection.status(), Status::Handshaking);
}

#[test]
fn a_lost_cookie_is_sent_again() {
    let mut simulation = Simulation::new();
    let mut is_first = true;
    simulation
        .network
        .set_filter(move |to, _, _| to == To::Client && std::mem::take(&mut is_first));
    let mut client = simulation.client(client_address(1));
    simulation.pass(SECOND / 2, &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::Handshaking);
    simulation.pass(SECOND, &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::Connected);
}

#[test]
fn a_connection_made_before_its_first_datagram_waits_for_it() {
    let mut simulation = Simulation::new();
    let address = client_address(1);
    // An empty datagram makes the client known, and is not a hello.
    simulation.network.send_to_server(address, b"");
    let transport = simulation.network.accept().unwrap();
    let mut nothing = Vec::new();
    endpoint::Transport::receive(&*transport, &mut nothing);
    let connection = Arc::new(SharedConnection::default());
    let events = simulation
        .server
        .accept(&connection, 1, transport, None, simulation.now);
    assert_eq!((events, connection.status()), (vec![], Status::Handshaking));
    simulation.served.push((1, Arc::clone(&connection)));
    let mut client = simulation.client(address);
    simulation.pass(SECOND, &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::Connected);
}

#[test]
fn datagrams_that_are_no_hello_are_not_answered() {
    let mut simulation = Simulation::new();
    for number in 0..100 {
        let noise: Vec<u8> = (0..number).map(|byte| byte as u8 ^ 0x16).collect();
        simulation
            .network
            .send_to_server(client_address(number), &noise);
    }
    // A record, but of no hello, as a session's that the server has lost.
    let record = [23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 1, 7];
    simulation
        .network
        .send_to_server(client_address(200), &record);
    simulation.poll_server();
    assert_eq!(simulation.network.bytes_to(To::Client), 0);
    assert!(simulation.served.is_empty());
    let not_dtls = |number| Event::NotDtls {
        remote: Some(client_address(number)),
    };
    assert_eq!(simulation.server_events, [not_dtls(1)], "once");
    simulation.pass(10 * SECOND, &mut []);
    simulation
        .network
        .send_to_server(client_address(300), b"again");
    simulation.poll_server();
    assert_eq!(simulation.server_events, [not_dtls(1), not_dtls(300)]);
}

#[test]
fn a_handshake_that_is_never_finished_times_out_at_both_ends() {
    let mut simulation = Simulation::new();
    let mut datagrams = 0;
    // The server's first flight is lost, and everything after it.
    simulation.network.set_filter(move |to, _, _| {
        datagrams += usize::from(to == To::Client);
        datagrams > 1
    });
    let mut client = simulation.client(client_address(1));
    simulation.pass(dtls::HANDSHAKE_LIMIT / 2, &mut [&mut client]);
    assert_eq!(client.connection.status(), Status::Handshaking);
    assert_eq!(simulation.served.len(), 1);
    simulation.pass(dtls::HANDSHAKE_LIMIT, &mut [&mut client]);
    let is_timed_out = |event: &Event| matches!(event, Event::Failed { failure: Failure::TimedOut(limit), .. } if *limit == dtls::HANDSHAKE_LIMIT);
    assert_eq!(client.connection.status(), Status::Failed);
    assert!(simulation.served.is_empty());
    assert!(client.events.iter().all(is_timed_out) && client.events.len() == 1);
    assert!(simulation.server_events.iter().any(is_timed_out));
}

#[test]
fn a_certificate_for_another_host_ends_the_handshake() {
    let mut simulation = Simulation::new();
    let mut client = simulation.client_with(client_address(1), "example.org", Arc::default());
    simulation.pass(SECOND, &mut [&mut client]);
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
    assert_eq!(simulation.server_events, []);
    assert_eq!(simulation.served.len(), 1);
    simulation.pass(dtls::HANDSHAKE_LIMIT, &mut []);
    assert!(simulation.served.is_empty());
}

#[test]
fn a_connection_that_failed_can_connect_again() {
    let mut simulation = Simulation::new();
    let mut client = simulation.client_with(client_address(1), "example.org", Arc::default());
    simulation.pass(SECOND, &mut [&mut client]);
    let mut again = simulation.client_with(client_address(2), "localhost", client.connection);
    simulation.pass(SECOND, &mut [&mut again]);
    assert_eq!(again.connection.status(), Status::Connected);
    let transport = simulation.network.client(client_address(3));
    let context = crate::simulation::client_context();
    let third = again
        .connection
        .connect(transport, &context, "localhost", simulation.now);
    assert_eq!(third, Err(endpoint::ConnectError::InUse));
}

#[test]
fn a_server_is_set_up_once() {
    let simulation = Simulation::new();
    let again = simulation.server.set_up(server_context(), simulation.now);
    assert_eq!(again, Err(SetUpError::AlreadyDone));
    assert!(simulation.server.is_set_up());
}
