//! Handshakes that have to begin anew: servers that forget, strangers who mislead, clients that were
//! started again.

use std::time::Duration;

use dtls::{CookieJar, Failure, Greeting, HANDSHAKE_LIMIT, Session, Status};

use crate::hostile::plain;
use crate::world::{CLIENT_ADDRESS, SERVER_NAME, To, World, client_context, taken};

const SOON: Duration = Duration::from_secs(3);

/// The server forgets its secret between the cookie and the hello that brings it.
#[test]
fn a_server_that_is_started_anew_before_it_knows_the_client_is_reached() {
    let mut world = World::new();
    world.run(Duration::from_secs(1), |world| world.sent.len() == 3);
    world.jar = CookieJar::new(world.now()).unwrap();
    world.run(HANDSHAKE_LIMIT, World::both_connected);
    assert!(world.both_connected(), "{:?}", world.client.failure());
    assert!(world.elapsed() < SOON, "{:?}", world.elapsed());
}

/// As above, but the server had made a session, which is lost with it.
#[test]
fn a_server_that_is_started_anew_in_the_midst_of_a_handshake_is_reached() {
    let mut world = World::new();
    world.run(Duration::from_secs(1), |world| world.server.is_some());
    world.drop_all_under_way();
    world.server = None;
    world.jar = CookieJar::new(world.now()).unwrap();
    world.run(HANDSHAKE_LIMIT, World::both_connected);
    assert!(world.both_connected(), "{:?}", world.client.failure());
    assert!(world.elapsed() < 2 * SOON, "{:?}", world.elapsed());
}

#[test]
fn a_cookie_made_up_by_a_stranger_costs_but_time() {
    let mut world = World::new();
    let mut message = vec![3, 0, 0, 35, 0, 0, 0, 0, 0, 0, 0, 35, 254, 255, 32];
    message.extend([7; 32]);
    world.inject(To::Client, &plain(22, 0, &message));
    world.run(HANDSHAKE_LIMIT, World::both_connected);
    assert!(world.both_connected(), "{:?}", world.client.failure());
    assert!(world.elapsed() < SOON, "{:?}", world.elapsed());
}

/// A server's flight, well formed and in the right place, but of another session.
fn foreign_flight() -> Vec<u8> {
    let other = World::connected();
    let mut flights = other.sent.iter().filter(|(to, _)| *to == To::Client);
    flights.nth(1).expect("the server's flight").1.clone()
}

fn begin_with_a_foreign_flight(world: &mut World) {
    world.run(Duration::from_secs(1), |world| world.sent.len() == 3);
    world.inject(To::Client, &foreign_flight());
    world.run(HANDSHAKE_LIMIT, World::both_connected);
    assert!(world.both_connected(), "{:?}", world.client.failure());
}

#[test]
fn a_flight_made_up_by_a_stranger_costs_but_an_attempt() {
    let mut world = World::new();
    begin_with_a_foreign_flight(&mut world);
    assert!(world.elapsed() < SOON, "{:?}", world.elapsed());
}

/// As OpenSSL's own server does: its next flight has numbers that the last attempt's had.
#[test]
fn a_server_that_numbers_every_flight_alike_is_reached_in_a_second_attempt() {
    let mut world = World::new();
    world.numbers_from_one = true;
    begin_with_a_foreign_flight(&mut world);
    assert!(world.elapsed() < 3 * SOON, "{:?}", world.elapsed());
}

/// A server that has nothing else to say sends its alert again with every hello.
#[test]
fn an_alert_that_comes_with_every_attempt_is_believed() {
    let mut world = World::new();
    world.faults.lost = 100;
    for _ in 0..20 {
        world.inject(To::Client, &plain(21, 1 << 40, &[2, 40]));
        world.run(Duration::from_millis(500), |_| false);
    }
    let failure = world.client.failure();
    assert!(matches!(failure, Some(Failure::Alert(_))), "{failure:?}");
}

#[test]
fn a_client_that_is_started_again_is_told_from_its_own_late_hellos() {
    let mut world = World::connected();
    let own: Vec<Vec<u8>> = world
        .sent
        .iter()
        .map(|(_, datagram)| datagram.clone())
        .collect();
    for datagram in &own {
        assert!(!world.server().is_another_hello(datagram));
        assert!(!world.client.is_another_hello(datagram));
    }
    let now = world.now();
    let mut again = Session::connect(&client_context(), SERVER_NAME, now).unwrap();
    let mut hello = Vec::new();
    again.drain_datagrams(|datagram| hello = datagram.to_vec());
    assert!(world.server().is_another_hello(&hello));
    assert!(!world.client.is_another_hello(&hello));
}

#[test]
fn a_client_that_is_started_again_gets_a_session_and_a_stranger_who_poses_as_it_ends_none() {
    let mut world = World::connected();
    let now = world.now();
    let mut again = Session::connect(&client_context(), SERVER_NAME, now).unwrap();
    let mut hello = Vec::new();
    again.drain_datagrams(|datagram| hello = datagram.to_vec());

    // The stranger does not see the cookie, which goes to the client's address.
    let greeting = world.jar.greet(&hello, CLIENT_ADDRESS, now).unwrap();
    assert!(matches!(greeting, Greeting::Unverified(_)));
    world.inject(To::Server, &hello);
    world.settle();
    world.client.send(b"still me").unwrap();
    world.settle();
    assert_eq!(taken(world.server()), [b"still me"]);

    // The client itself does.
    world.client = Session::connect(&client_context(), SERVER_NAME, world.now()).unwrap();
    world.run(HANDSHAKE_LIMIT, World::both_connected);
    world.client.send(b"me again").unwrap();
    world.settle();
    assert_eq!(taken(world.server()), [b"me again"]);
    assert_eq!(world.client.status(), Status::Connected);
}
