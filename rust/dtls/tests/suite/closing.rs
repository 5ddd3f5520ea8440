//! How sessions end.

use std::time::Duration;

use dtls::{SendError, Status};

use crate::world::{World, taken};

#[test]
fn a_client_that_closes_tells_the_server() {
    let mut world = World::connected();
    world.client.close();
    assert_eq!(world.client.status(), Status::Closed);
    world.settle();
    assert_eq!(world.server().status(), Status::Closed);
    assert_eq!(world.server().failure(), None);
}

#[test]
fn a_server_that_closes_tells_the_client() {
    let mut world = World::connected();
    world.server().close();
    world.settle();
    assert_eq!(world.client.status(), Status::Closed);
}

#[test]
fn packets_sent_before_the_end_can_be_taken_after_it() {
    let mut world = World::connected();
    world.client.send(b"last").unwrap();
    world.client.send(b"words").unwrap();
    world.client.close();
    world.settle();
    let server = world.server();
    assert_eq!(server.status(), Status::Connected);
    assert_eq!(server.send(b"too late"), Err(SendError::NotConnected));
    assert_eq!(taken(server), [b"last".to_vec(), b"words".to_vec()]);
    assert_eq!(server.status(), Status::Closed);
}

#[test]
fn closing_twice_or_while_handshaking_says_nothing() {
    let mut world = World::connected();
    world.client.close();
    world.settle();
    let sent = world.sent.len();
    world.client.close();
    world.settle();
    assert_eq!(world.sent.len(), sent);

    let mut world = World::new();
    world.run(Duration::from_secs(1), |world| world.server.is_some());
    world.client.close();
    assert_eq!(world.client.status(), Status::Closed);
    assert!(!world.client.has_datagrams());
    assert_eq!(world.client.send(b"no"), Err(SendError::NotConnected));
}
