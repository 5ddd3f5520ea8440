//! Restarted clients: RFC 6347 section 4.2.8.

use std::time::Duration;

use dtls::RESTART_SILENCE;
use endpoint::Status;

use crate::world::{World, client_address, packets};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_restarted_client_gets_a_new_connection_once_its_handshake_is_finished() {
    let mut world = World::new();
    let address = client_address(1);
    let (old, old_served) = world.connected(address);
    let (first_token, _) = world.served[0];
    // It ends without a close_notify, as a killed process does.
    std::mem::forget(old);
    let mut new = world.client(address);
    world.pass(RESTART_SILENCE - SECOND / 2, &mut [&mut new]);
    assert_eq!(new.connection.status(), Status::Handshaking);
    assert_eq!(
        old_served.status(),
        Status::Connected,
        "silent for too short"
    );
    world.pass(4 * SECOND, &mut [&mut new]);
    assert_eq!(new.connection.status(), Status::Connected);
    assert_eq!(old_served.status(), Status::Disconnected);
    let [(token, served)] = &world.served[..] else {
        panic!("{} connections", world.served.len());
    };
    assert_ne!(*token, first_token);
    assert_eq!(served.status(), Status::Connected);
    new.connection.send(b"again").unwrap();
    served.poll(world.now);
    assert_eq!(packets(served, world.now), [b"again"]);
}

#[test]
fn a_client_that_still_sends_keeps_its_connection_against_a_new_hello() {
    let mut world = World::new();
    let address = client_address(1);
    let (client, served) = world.connected(address);
    // Another machine that can read what is sent to the address.
    let mut intruder = world.client(address);
    for number in 0..100_u8 {
        world.pass(SECOND / 10, &mut [&mut intruder]);
        client.connection.send(&[number]).unwrap();
        world.poll_server();
        assert_eq!(packets(&served, world.now), [[number]]);
    }
    assert_eq!(served.status(), Status::Connected);
    assert_eq!(intruder.connection.status(), Status::Handshaking);
    assert_eq!(world.served.len(), 1);
}

#[test]
fn a_hello_without_a_valid_cookie_changes_nothing_of_an_established_session() {
    let mut world = World::new();
    let address = client_address(1);
    let (mut client, served) = world.connected(address);
    // From a machine that cannot read the answers.
    let forged = crate::flood::hello(&world);
    for _ in 0..10 {
        world.network.send_to_server(address, &forged);
        world.pass(SECOND, &mut [&mut client]);
    }
    assert_eq!(served.status(), Status::Connected);
    client.connection.send(b"still there").unwrap();
    world.poll_server();
    assert_eq!(packets(&served, world.now), [b"still there"]);
    assert_eq!(world.served.len(), 1);
}

#[test]
fn a_client_that_restarts_in_mid_handshake_begins_anew_at_once() {
    let mut world = World::new();
    let address = client_address(1);
    let mut old = world.client(address);
    // Its hello, the cookie, and its hello with the cookie.
    world.poll_server();
    old.events.extend(old.connection.poll(world.now));
    world.poll_server();
    assert_eq!(world.served.len(), 1);
    let (first_token, _) = world.served[0];
    std::mem::forget(old);
    let mut new = world.client(address);
    world.pass(SECOND / 2, &mut [&mut new]);
    assert_eq!(new.connection.status(), Status::Connected);
    let tokens: Vec<u64> = world.served.iter().map(|(token, _)| *token).collect();
    assert!(
        !tokens.contains(&first_token) && tokens.len() == 1,
        "{tokens:?}"
    );
}

#[test]
fn a_restarted_client_that_does_not_go_on_leaves_the_session() {
    let mut world = World::new();
    let address = client_address(1);
    let (client, served) = world.connected(address);
    let mut new = world.client(address);
    world.pass(SECOND / 2, &mut [&mut new]);
    // The newcomer ends before its handshake begins.
    new.connection.disconnect(world.now);
    drop(world.network.take_at_client(address));
    world.pass(2 * dtls::HANDSHAKE_LIMIT, &mut []);
    drop(world.network.take_at_client(address));
    assert_eq!(served.status(), Status::Connected);
    client.connection.send(b"still there").unwrap();
    world.poll_server();
    assert_eq!(packets(&served, world.now), [b"still there"]);
}
