//! Restarted clients: RFC 6347 section 4.2.8.

use std::time::Duration;

use dtls::RESTART_SILENCE;
use endpoint::Status;

use crate::simulation::{Simulation, client_address, packets};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_restarted_client_gets_a_new_connection_once_its_handshake_is_finished() {
    let mut simulation = Simulation::new();
    let address = client_address(1);
    let (old, old_served) = simulation.connected(address);
    let (first_token, _) = simulation.served[0];
    // It ends without a close_notify, as a killed process does.
    std::mem::forget(old);
    let mut new = simulation.client(address);
    simulation.pass(RESTART_SILENCE - SECOND / 2, &mut [&mut new]);
    assert_eq!(new.connection.status(), Status::Handshaking);
    assert_eq!(
        old_served.status(),
        Status::Connected,
        "silent for too short"
    );
    simulation.pass(4 * SECOND, &mut [&mut new]);
    assert_eq!(new.connection.status(), Status::Connected);
    assert_eq!(old_served.status(), Status::Disconnected);
    let [(token, served)] = &simulation.served[..] else {
        panic!("{} connections", simulation.served.len());
    };
    assert_ne!(*token, first_token);
    assert_eq!(served.status(), Status::Connected);
    new.connection.send(b"again").unwrap();
    served.poll(simulation.now);
    assert_eq!(packets(served, simulation.now), [b"again"]);
}

#[test]
fn a_client_that_still_sends_keeps_its_connection_against_a_new_hello() {
    let mut simulation = Simulation::new();
    let address = client_address(1);
    let (client, served) = simulation.connected(address);
    // Another machine that can read what is sent to the address.
    let mut intruder = simulation.client(address);
    for number in 0..100_u8 {
        simulation.pass(SECOND / 10, &mut [&mut intruder]);
        client.connection.send(&[number]).unwrap();
        simulation.poll_server();
        assert_eq!(packets(&served, simulation.now), [[number]]);
    }
    assert_eq!(served.status(), Status::Connected);
    assert_eq!(intruder.connection.status(), Status::Handshaking);
    assert_eq!(simulation.served.len(), 1);
}

#[test]
fn a_hello_without_a_valid_cookie_changes_nothing_of_an_established_session() {
    let mut simulation = Simulation::new();
    let address = client_address(1);
    let (mut client, served) = simulation.connected(address);
    // From a machine that cannot read the answers.
    let forged = crate::flood::hello(&simulation);
    for _ in 0..10 {
        simulation.network.send_to_server(address, &forged);
        simulation.pass(SECOND, &mut [&mut client]);
    }
    assert_eq!(served.status(), Status::Connected);
    client.connection.send(b"still there").unwrap();
    simulation.poll_server();
    assert_eq!(packets(&served, simulation.now), [b"still there"]);
    assert_eq!(simulation.served.len(), 1);
}

#[test]
fn a_client_that_restarts_in_mid_handshake_begins_anew_at_once() {
    let mut simulation = Simulation::new();
    let address = client_address(1);
    let mut old = simulation.client(address);
    // Its hello, the cookie, and its hello with the cookie.
    simulation.poll_server();
    old.events.extend(old.connection.poll(simulation.now));
    simulation.poll_server();
    assert_eq!(simulation.served.len(), 1);
    let (first_token, _) = simulation.served[0];
    std::mem::forget(old);
    let mut new = simulation.client(address);
    simulation.pass(SECOND / 2, &mut [&mut new]);
    assert_eq!(new.connection.status(), Status::Connected);
    let tokens: Vec<u64> = simulation.served.iter().map(|(token, _)| *token).collect();
    assert!(
        !tokens.contains(&first_token) && tokens.len() == 1,
        "{tokens:?}"
    );
}

#[test]
fn a_restarted_client_that_does_not_go_on_leaves_the_session() {
    let mut simulation = Simulation::new();
    let address = client_address(1);
    let (client, served) = simulation.connected(address);
    let mut new = simulation.client(address);
    simulation.pass(SECOND / 2, &mut [&mut new]);
    // The restarted client ends before its handshake begins.
    new.connection.disconnect(simulation.now);
    drop(simulation.network.take_at_client(address));
    simulation.pass(2 * dtls::HANDSHAKE_LIMIT, &mut []);
    drop(simulation.network.take_at_client(address));
    assert_eq!(served.status(), Status::Connected);
    client.connection.send(b"still there").unwrap();
    simulation.poll_server();
    assert_eq!(packets(&served, simulation.now), [b"still there"]);
}
