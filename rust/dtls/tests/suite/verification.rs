//! Which servers a client accepts, and what it says of those it does not.

use std::time::Duration;

use dtls::{ClientContext, Failure, Roots, ServerContext, Status, Verification};
use pki::{Authority, Leaf};

use crate::world::{World, authority, client_context, identity, roots, server_context};

fn meet(server: &pki::Identity, client: &ClientContext, name: &str) -> World {
    let server = ServerContext::new(&identity(server)).unwrap();
    let mut world = World::with(&server, client, name);
    // An alert in plain text is believed after two seconds of silence.
    world.run(Duration::from_secs(3), |_| false);
    world
}

/// The client refuses the certificate, says why, and the server is told.
fn assert_refused(world: &mut World, words: &[&str]) {
    assert_eq!(world.client.status(), Status::Failed);
    let Some(failure @ Failure::Certificate(_)) = world.client.failure() else {
        panic!("{:?}", world.client.failure());
    };
    let text = failure.to_string();
    for word in words {
        assert!(text.contains(word), "{word} is not in: {text}");
    }
    let told = world.server().failure();
    assert!(matches!(told, Some(Failure::Alert(_))), "{told:?}");
}

#[test]
fn a_good_chain_and_name_are_accepted() {
    let world = World::connected();
    assert!(world.both_connected());
}

#[test]
fn a_chain_with_an_intermediate_is_accepted() {
    let intermediate = authority().intermediate("Test intermediate").unwrap();
    let server = intermediate.issue(&Leaf::localhost()).unwrap();
    assert!(meet(&server, &client_context(), "localhost").both_connected());
}

#[test]
fn an_ip_address_in_the_certificate_is_accepted_as_the_name() {
    let server = authority().issue(&Leaf::localhost()).unwrap();
    assert!(meet(&server, &client_context(), "127.0.0.1").both_connected());
}

#[test]
fn another_name_is_refused_as_a_mismatch() {
    let server = authority().issue(&Leaf::localhost()).unwrap();
    for name in ["game.example", "192.0.2.1"] {
        let mut world = meet(&server, &client_context(), name);
        assert_refused(&mut world, &[name, "common name override"]);
        let Some(Failure::Certificate(certificate)) = world.client.failure() else {
            unreachable!()
        };
        assert!(certificate.is_name_mismatch());
    }
}

#[test]
fn another_name_is_accepted_where_names_are_not_verified() {
    let context = ClientContext::new(Verification::DangerousAnyName(roots())).unwrap();
    let server = authority().issue(&Leaf::named("game.example")).unwrap();
    assert!(meet(&server, &context, "localhost").both_connected());
}

#[test]
fn an_unknown_authority_is_refused_unless_nothing_is_verified() {
    let other = Authority::new("Other root").unwrap();
    let server = other.issue(&Leaf::localhost()).unwrap();
    let mut world = meet(&server, &client_context(), "localhost");
    assert_refused(&mut world, &["trusted chain"]);

    let any_name = ClientContext::new(Verification::DangerousAnyName(roots())).unwrap();
    assert_refused(
        &mut meet(&server, &any_name, "localhost"),
        &["trusted chain"],
    );

    let none = ClientContext::new(Verification::DangerousNone).unwrap();
    assert!(meet(&server, &none, "localhost").both_connected());
}

#[test]
fn a_self_signed_certificate_is_accepted_where_it_is_trusted_itself() {
    let server = pki::Identity::self_signed(&Leaf::localhost()).unwrap();
    let mut world = meet(&server, &client_context(), "localhost");
    assert_refused(&mut world, &["self-signed", "trusted chain"]);

    let trusted = Roots::from_pem(&server.certificate_pem().unwrap()).unwrap();
    let client = ClientContext::new(Verification::Full(trusted)).unwrap();
    assert!(meet(&server, &client, "localhost").both_connected());
}

#[test]
fn dates_are_verified() {
    let expired = authority().issue(&Leaf::localhost().expired()).unwrap();
    let mut world = meet(&expired, &client_context(), "localhost");
    assert_refused(&mut world, &["expired", "renew"]);

    let early = authority()
        .issue(&Leaf::localhost().not_yet_valid())
        .unwrap();
    let mut world = meet(&early, &client_context(), "localhost");
    assert_refused(&mut world, &["not yet valid", "clock"]);
}

#[test]
fn a_name_is_needed_where_names_are_verified() {
    for name in ["", "a\0b"] {
        let session = dtls::Session::connect(&client_context(), name, std::time::Instant::now());
        assert!(session.is_err(), "{name:?}");
    }
    assert!(
        World::with(&server_context(), &client_context(), "localhost")
            .server
            .is_none()
    );
}
