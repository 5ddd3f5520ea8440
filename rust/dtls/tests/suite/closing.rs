//! How sessions end.

use std::time::Duration;

use dtls::{SendError, Status};

use crate::simulation::{self, taken};

#[test]
fn a_client_that_closes_sends_close_notify_to_the_server() {
    let mut simulation = simulation::connected();
    simulation.client.close();
    assert_eq!(simulation.client.status(), Status::Closed);
    simulation.settle();
    assert_eq!(simulation.server.session().status(), Status::Closed);
    assert_eq!(simulation.server.session().failure(), None);
}

#[test]
fn a_server_that_closes_sends_close_notify_to_the_client() {
    let mut simulation = simulation::connected();
    simulation.server.session().close();
    simulation.settle();
    assert_eq!(simulation.client.status(), Status::Closed);
}

#[test]
fn packets_sent_before_the_end_can_be_taken_after_it() {
    let mut simulation = simulation::connected();
    simulation.client.send(b"last").unwrap();
    simulation.client.send(b"words").unwrap();
    simulation.client.close();
    simulation.settle();
    let server = simulation.server.session();
    assert_eq!(server.status(), Status::Connected);
    assert_eq!(server.send(b"too late"), Err(SendError::NotConnected));
    assert_eq!(taken(server), [b"last".to_vec(), b"words".to_vec()]);
    assert_eq!(server.status(), Status::Closed);
}

#[test]
fn closing_twice_or_while_handshaking_says_nothing() {
    let mut simulation = simulation::connected();
    simulation.client.close();
    simulation.settle();
    let sent = simulation.sent.len();
    simulation.client.close();
    simulation.settle();
    assert_eq!(simulation.sent.len(), sent);

    let mut simulation = simulation::start();
    simulation.run(Duration::from_secs(1), |simulation| {
        simulation.server.session.is_some()
    });
    simulation.client.close();
    assert_eq!(simulation.client.status(), Status::Closed);
    assert!(!simulation.client.has_datagrams());
    assert_eq!(simulation.client.send(b"no"), Err(SendError::NotConnected));
}
