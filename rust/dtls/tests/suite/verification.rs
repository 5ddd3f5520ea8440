//! Which servers a client accepts, and what it says of those it does not.

use std::time::Duration;

use dtls::{ClientContext, Failure, Roots, ServerContext, Status, Verification};
use testkit::certificates::{Authority, Leaf};

use crate::simulation::{
    self, Simulation, authority, client_context, identity, roots, server_context,
};

fn handshake_with(
    server: &testkit::certificates::Identity,
    client: &ClientContext,
    name: &str,
) -> Simulation {
    let server = ServerContext::new(&identity(server)).unwrap();
    let mut simulation = simulation::start_with(&server, client, name);
    // An alert in plain text is believed after two seconds of silence.
    simulation.run(Duration::from_secs(3), |_| false);
    simulation
}

/// The client refuses the certificate, has the reason, and the server gets an alert.
fn assert_refused(simulation: &mut Simulation, words: &[&str]) {
    assert_eq!(simulation.client.status(), Status::Failed);
    let Some(failure @ Failure::Certificate(_)) = simulation.client.failure() else {
        panic!("{:?}", simulation.client.failure());
    };
    let text = failure.to_string();
    for word in words {
        assert!(text.contains(word), "{word} is not in: {text}");
    }
    let failure_of_server = simulation.server.session().failure();
    assert!(
        matches!(failure_of_server, Some(Failure::Alert(_))),
        "{failure_of_server:?}"
    );
}

#[test]
fn a_good_chain_and_name_are_accepted() {
    let simulation = simulation::connected();
    assert!(simulation.both_connected());
}

#[test]
fn a_chain_with_an_intermediate_is_accepted() {
    let intermediate = authority().intermediate("Test intermediate").unwrap();
    let server = intermediate.issue(&Leaf::localhost()).unwrap();
    assert!(handshake_with(&server, &client_context(), "localhost").both_connected());
}

#[test]
fn an_ip_address_in_the_certificate_is_accepted_as_the_name() {
    let server = authority().issue(&Leaf::localhost()).unwrap();
    assert!(handshake_with(&server, &client_context(), "127.0.0.1").both_connected());
}

/// As the engine's `Crypto.generate_self_signed_certificate()` makes them: a common name, and no other names.
fn without_alternative_names(name: &str) -> Leaf {
    Leaf {
        dns: Vec::new(),
        ..Leaf::named(name)
    }
}

#[test]
fn an_ip_address_as_common_name_is_accepted_in_any_spelling() {
    for (name, hosts) in [
        ("127.0.0.1", &["127.0.0.1"][..]),
        ("::1", &["::1", "0:0:0:0:0:0:0:1", "0::0.0.0.1"]),
        ("2001:DB8:0:0::1", &["2001:db8::1"]),
    ] {
        let leaf = without_alternative_names(name);
        let server = testkit::certificates::Identity::self_signed(&leaf).unwrap();
        let trusted = Roots::from_pem(&server.certificate_pem().unwrap()).unwrap();
        let client = ClientContext::new(Verification::Full(trusted)).unwrap();
        for host in hosts {
            assert!(
                handshake_with(&server, &client, host).both_connected(),
                "{host}"
            );
        }
        let mut simulation = handshake_with(&server, &client, "127.0.0.2");
        assert_refused(&mut simulation, &["but for", "127.0.0.2", name]);

        let issued = authority().issue(&leaf).unwrap();
        assert!(handshake_with(&issued, &client_context(), hosts[0]).both_connected());
    }
}

#[test]
fn an_ip_address_as_dns_name_is_accepted() {
    let leaf = Leaf {
        dns: vec!["localhost".into(), "192.0.2.1".into()],
        ..Leaf::named("elsewhere")
    };
    let server = authority().issue(&leaf).unwrap();
    assert!(handshake_with(&server, &client_context(), "192.0.2.1").both_connected());
    let mut simulation = handshake_with(&server, &client_context(), "192.0.2.2");
    assert_refused(&mut simulation, &["but for localhost, 192.0.2.1:"]);
}

/// What is accepted of an address that is written as text loosens nothing else.
#[test]
fn an_ip_address_as_text_is_refused_where_it_is_not_the_host() {
    let with_names = |dns: &[&str], ips: Vec<std::net::IpAddr>| Leaf {
        dns: dns.iter().map(|name| (*name).to_owned()).collect(),
        ips,
        ..Leaf::named("127.0.0.1")
    };
    let elsewhere = [192, 0, 2, 1].into();
    let leaves = [
        // The common name does not count beside other names.
        with_names(&["game.example"], Vec::new()),
        with_names(&[], vec![elsewhere]),
        // Patterns and parts are no addresses.
        without_alternative_names("*.0.0.1"),
        with_names(&["*.0.0.1"], Vec::new()),
        without_alternative_names("127.0.0.1.example"),
        without_alternative_names("127.0.0.1\0.example"),
        without_alternative_names("127.0.0.1 "),
        without_alternative_names("0x7f.0.0.1"),
    ];
    for leaf in leaves {
        let server = authority().issue(&leaf).unwrap();
        let mut simulation = handshake_with(&server, &client_context(), "127.0.0.1");
        assert_refused(
            &mut simulation,
            &["it was not issued for \"127.0.0.1\" but for"],
        );
    }
}

#[test]
fn an_accepted_address_leaves_the_rest_of_the_verification_as_it_is() {
    let leaf = without_alternative_names("127.0.0.1");
    let other = Authority::new("Other root").unwrap();
    let unknown = other.issue(&leaf).unwrap();
    let self_signed = testkit::certificates::Identity::self_signed(&leaf).unwrap();
    for server in [unknown, self_signed] {
        let mut simulation = handshake_with(&server, &client_context(), "127.0.0.1");
        assert_refused(&mut simulation, &["trusted chain"]);
    }
    let expired = authority().issue(&leaf.clone().expired()).unwrap();
    let mut simulation = handshake_with(&expired, &client_context(), "127.0.0.1");
    assert_refused(&mut simulation, &["expired", "renew"]);
    let early = authority().issue(&leaf.not_yet_valid()).unwrap();
    let mut simulation = handshake_with(&early, &client_context(), "127.0.0.1");
    assert_refused(&mut simulation, &["not yet valid"]);
}

/// An authority that may issue for one network alone: its constraints do not reach addresses that are texts.
#[test]
fn an_address_as_text_is_refused_under_an_authority_with_constraints() {
    let (address, mask) = ([10, 0, 0, 0], [255, 0, 0, 0]);
    let constrained = authority()
        .intermediate_for_network("Constrained", address, mask)
        .unwrap();
    let as_text = constrained
        .issue(&without_alternative_names("10.1.2.3"))
        .unwrap();
    let as_dns = constrained.issue(&Leaf::named("10.1.2.3")).unwrap();
    for server in [as_text, as_dns] {
        let mut simulation = handshake_with(&server, &client_context(), "10.1.2.3");
        assert_refused(&mut simulation, &["not issued for"]);
    }
    let proper = Leaf {
        ips: vec![[10, 1, 2, 3].into()],
        ..Leaf::named("game")
    };
    let server = constrained.issue(&proper).unwrap();
    assert!(handshake_with(&server, &client_context(), "10.1.2.3").both_connected());
}

#[test]
fn a_mismatch_lists_the_names_of_the_certificate_within_bounds() {
    let crafted = (0..2_000).map(|at| format!("name\u{1b}[31m\n{at}"));
    let leaf = Leaf {
        dns: crafted.collect(),
        ..Leaf::named("Z\u{fc}rich \u{1f3ae}\u{7}")
    };
    let server = authority().issue(&leaf).unwrap();
    let mut simulation = handshake_with(&server, &client_context(), "localhost");
    assert_refused(
        &mut simulation,
        &["CN=Z\u{fc}rich \u{1f3ae}\\u{7}", "name\\u{1b}[31m\\n0, "],
    );
    let text = simulation.client.failure().unwrap().to_string();
    assert!(text.chars().count() < 700, "{text}");
    assert!(!text.contains(char::is_control), "{text}");

    let nameless = Leaf {
        common_name: None,
        ..without_alternative_names("")
    };
    let server = authority().issue(&nameless).unwrap();
    let mut simulation = handshake_with(&server, &client_context(), "localhost");
    assert_refused(&mut simulation, &["nor for any other host"]);
}

#[test]
fn another_name_is_refused_as_a_mismatch() {
    let server = authority().issue(&Leaf::localhost()).unwrap();
    for name in ["game.example", "192.0.2.1"] {
        let mut simulation = handshake_with(&server, &client_context(), name);
        assert_refused(
            &mut simulation,
            &[
                name,
                "for localhost, 127.0.0.1, ::1: connect",
                "common name override",
            ],
        );
        let Some(Failure::Certificate(certificate)) = simulation.client.failure() else {
            unreachable!()
        };
        assert!(certificate.is_name_mismatch());
    }
}

#[test]
fn another_name_is_accepted_where_names_are_not_verified() {
    let context = ClientContext::new(Verification::DangerousAnyName(roots())).unwrap();
    let server = authority().issue(&Leaf::named("game.example")).unwrap();
    assert!(handshake_with(&server, &context, "localhost").both_connected());
}

#[test]
fn an_unknown_authority_is_refused_unless_nothing_is_verified() {
    let other = Authority::new("Other root").unwrap();
    let server = other.issue(&Leaf::localhost()).unwrap();
    let mut simulation = handshake_with(&server, &client_context(), "localhost");
    assert_refused(&mut simulation, &["trusted chain"]);

    let any_name = ClientContext::new(Verification::DangerousAnyName(roots())).unwrap();
    assert_refused(
        &mut handshake_with(&server, &any_name, "localhost"),
        &["trusted chain"],
    );

    let none = ClientContext::new(Verification::DangerousNone).unwrap();
    assert!(handshake_with(&server, &none, "localhost").both_connected());
}

#[test]
fn a_self_signed_certificate_is_accepted_where_it_is_trusted_itself() {
    let server = testkit::certificates::Identity::self_signed(&Leaf::localhost()).unwrap();
    let mut simulation = handshake_with(&server, &client_context(), "localhost");
    assert_refused(&mut simulation, &["self-signed", "trusted chain"]);

    let trusted = Roots::from_pem(&server.certificate_pem().unwrap()).unwrap();
    let client = ClientContext::new(Verification::Full(trusted)).unwrap();
    assert!(handshake_with(&server, &client, "localhost").both_connected());
}

#[test]
fn dates_are_verified() {
    let expired = authority().issue(&Leaf::localhost().expired()).unwrap();
    let mut simulation = handshake_with(&expired, &client_context(), "localhost");
    assert_refused(&mut simulation, &["expired", "renew"]);

    let early = authority()
        .issue(&Leaf::localhost().not_yet_valid())
        .unwrap();
    let mut simulation = handshake_with(&early, &client_context(), "localhost");
    assert_refused(&mut simulation, &["not yet valid", "clock"]);
}

#[test]
fn a_name_is_needed_where_names_are_verified() {
    for name in ["", "a\0b"] {
        let session = dtls::Session::connect(&client_context(), name, std::time::Instant::now());
        assert!(session.is_err(), "{name:?}");
    }
    assert!(
        simulation::start_with(&server_context(), &client_context(), "localhost")
            .server
            .session
            .is_none()
    );
}

/// As of a server whose certificate no parser of OpenSSL's reads, with every attempt.
#[test]
fn a_certificate_that_cannot_be_read_is_said_to_be_the_cause() {
    let mut simulation = simulation::start_with(&server_context(), &client_context(), "localhost");
    // The version, and behind it the serial number, which is an integer.
    let (version, integer) = ([0xa0, 3, 2, 1, 2, 2], 5);
    for _ in 0..3_000 {
        simulation.change_in_flight(|_, datagram| {
            let mut parts = datagram.windows(version.len());
            if let Some(at) = parts.position(|part| part == version) {
                datagram[at + integer] = 3;
            }
        });
        simulation.run(Duration::from_millis(10), |_| false);
        if simulation.client.status() != Status::Handshaking {
            break;
        }
    }
    let failure = simulation.client.failure();
    let Some(failure @ Failure::CertificateUnreadable(_)) = failure else {
        panic!("{failure:?}");
    };
    assert!(
        failure.to_string().contains("make another one"),
        "{failure}"
    );
}
