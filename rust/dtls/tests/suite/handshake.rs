//! Making a session: what is agreed on, how many datagrams it takes, and what loss does to it.

use std::time::Duration;

use dtls::{Failure, HANDSHAKE_LIMIT, MAX_DATAGRAM, ServerContext, Status, openssl_version};
use testkit::certificates::Leaf;
use testkit::{Faults, To};

use crate::simulation::{self, Simulation, authority, client_context, identity};

#[test]
fn both_sides_agree_on_dtls_1_2_and_a_forward_secret_aead_suite() {
    let mut simulation = simulation::connected();
    for session in [
        &simulation.client,
        simulation.server.session.as_ref().unwrap(),
    ] {
        assert_eq!(session.protocol(), "DTLSv1.2");
        let cipher = session.cipher().unwrap();
        assert!(cipher.starts_with("ECDHE-RSA-"), "{cipher}");
        assert!(
            cipher.contains("GCM") || cipher.contains("POLY1305"),
            "{cipher}"
        );
        assert_eq!(
            session.timeout(),
            None,
            "nothing is due once both are connected"
        );
    }
    // The vendored OpenSSL is 4; a system's may be older.
    let supported = if cfg!(feature = "vendored") {
        "4"
    } else {
        "34"
    };
    let version = openssl_version();
    let major = version
        .strip_prefix("OpenSSL ")
        .and_then(|it| it.chars().next());
    assert!(major.is_some_and(|it| supported.contains(it)), "{version}");
    assert_eq!(simulation.server.session().failure(), None);
}

/// The client's hello and its repetition with the cookie, the server's HelloVerifyRequest, its
/// flight with its certificate, the client's flight and the server's last.
#[test]
fn a_handshake_takes_six_datagrams_and_none_exceeds_the_link() {
    let simulation = simulation::connected();
    let to = |side| simulation.sent.iter().filter(|(to, _)| *to == side).count();
    assert_eq!(to(To::Server), 3, "{:?}", lengths(&simulation));
    assert_eq!(to(To::Client), 3, "{:?}", lengths(&simulation));
    let largest = simulation
        .sent
        .iter()
        .map(|(_, datagram)| datagram.len())
        .max();
    assert!(largest <= Some(MAX_DATAGRAM), "{:?}", lengths(&simulation));
}

fn lengths(simulation: &Simulation) -> Vec<(To, usize)> {
    let length = |(to, datagram): &(To, Vec<u8>)| (*to, datagram.len());
    simulation.sent.iter().map(length).collect()
}

#[test]
fn a_flight_larger_than_the_link_is_sent_in_datagrams_that_cross_every_path() {
    let server = authority()
        .issue_with_big_chain(&Leaf::localhost())
        .unwrap();
    let server = ServerContext::new(&identity(&server)).unwrap();
    let mut simulation = simulation::start_with(&server, &client_context(), "localhost");
    simulation.run_until_connected();
    let flight: Vec<usize> = lengths(&simulation)
        .into_iter()
        .filter(|&(to, _)| to == To::Client)
        .map(|(_, length)| length)
        .collect();
    // HelloVerifyRequest first, Finished last, and the flight with the chain between them.
    let chain = &flight[1..flight.len() - 1];
    let bytes: usize = chain.iter().sum();
    assert!(bytes > 10_000, "{flight:?}");
    assert_eq!(chain.len(), bytes.div_ceil(548), "{flight:?}");
    assert!(chain.iter().all(|&length| length <= 548), "{flight:?}");
}

/// The most that a client takes is 32 KB.
#[test]
fn a_chain_of_31_kilobytes_is_taken() {
    let leaf = Leaf {
        padding: 31_000,
        ..Leaf::localhost()
    };
    let server = authority().issue(&leaf).unwrap();
    let server = ServerContext::new(&identity(&server)).unwrap();
    let mut simulation = simulation::start_with(&server, &client_context(), "localhost");
    simulation.run_until_connected();
    let sent = lengths(&simulation).into_iter();
    let bytes: usize = sent
        .filter(|&(to, _)| to == To::Client)
        .map(|(_, it)| it)
        .sum();
    assert!(bytes > 31_000, "{bytes} bytes");
}

#[test]
fn a_hello_that_is_lost_is_sent_again_after_one_second_and_then_after_two() {
    let mut simulation = simulation::start();
    simulation.faults.loss = 1.0;
    simulation.run(Duration::from_millis(999), |_| false);
    assert_eq!(simulation.sent.len(), 1);
    simulation.run(Duration::from_millis(2), |_| false);
    assert_eq!(simulation.sent.len(), 2);
    simulation.run(Duration::from_millis(1997), |_| false);
    assert_eq!(simulation.sent.len(), 2);
    simulation.run(Duration::from_millis(4), |_| false);
    assert_eq!(simulation.sent.len(), 3);
}

#[test]
fn a_lost_hello_verify_request_is_answered_again() {
    let mut simulation = simulation::start();
    simulation.faults.loss = 1.0;
    // The first hello and the answer to it are lost; from the second hello on, nothing is.
    simulation.run(Duration::from_millis(999), |_| false);
    simulation.faults.loss = 0.0;
    simulation.run_until_connected();
    assert!(
        simulation.elapsed() < Duration::from_millis(1300),
        "{:?}",
        simulation.elapsed()
    );
}

#[test]
fn a_third_of_all_datagrams_lost_doubled_and_out_of_order_do_not_stop_a_handshake() {
    for seed in 1..=100 {
        let mut simulation = simulation::start();
        simulation.set_seed(seed);
        simulation.faults = Faults {
            loss: 0.3,
            duplication: 0.2,
            reordering: 0.5,
            ..Faults::default()
        };
        if let Err(states) = simulation.connect(HANDSHAKE_LIMIT) {
            panic!("seed {seed}: {states}");
        }
    }
}

#[test]
fn a_server_that_never_answers_ends_the_handshake_after_its_limit() {
    let mut simulation = simulation::start();
    simulation.faults.loss = 1.0;
    simulation.run(HANDSHAKE_LIMIT - Duration::from_millis(1), |_| false);
    assert_eq!(simulation.client.status(), Status::Handshaking);
    simulation.run(Duration::from_millis(2), |_| false);
    assert_eq!(simulation.client.status(), Status::Failed);
    assert_eq!(
        simulation.client.failure(),
        Some(&Failure::TimedOut(HANDSHAKE_LIMIT))
    );
    assert_eq!(simulation.client.timeout(), None);
    let sent = simulation.sent.len();
    assert!((36..=44).contains(&sent), "{sent} hellos in a minute");
}

#[test]
fn a_client_that_vanishes_after_its_cookie_ends_the_servers_handshake_after_its_limit() {
    let mut simulation = simulation::start();
    simulation.run(Duration::from_secs(1), |simulation| {
        simulation.server.session.is_some()
    });
    simulation.faults.loss = 1.0;
    simulation.run(HANDSHAKE_LIMIT + Duration::from_secs(1), |_| false);
    assert_eq!(
        simulation.server.session().failure(),
        Some(&Failure::TimedOut(HANDSHAKE_LIMIT))
    );
}

#[test]
fn a_lost_last_flight_is_sent_again_when_the_client_asks() {
    let mut simulation = simulation::start();
    simulation.run(Duration::from_secs(1), |simulation| {
        let server = simulation
            .server
            .session
            .as_ref()
            .map(dtls::Session::status);
        server == Some(Status::Connected)
    });
    // The server is done and its last flight gets lost; the client repeats its own.
    assert_eq!(simulation.client.status(), Status::Handshaking);
    simulation.drop_in_flight();
    simulation.run_until_connected();
    assert!(simulation.elapsed() > Duration::from_secs(1));
}

/// The fragments of handshake messages in a datagram of epoch 0: message number, offset and content.
fn fragments(mut datagram: &[u8]) -> Vec<(u16, usize, Vec<u8>)> {
    let number = |bytes: &[u8]| {
        let bytes = bytes.iter();
        bytes.fold(0, |sum, &byte| sum << 8 | usize::from(byte))
    };
    let mut all = Vec::new();
    while datagram.len() > 13 {
        let (record, rest) = datagram.split_at(13 + number(&datagram[11..13]));
        let mut content = &record[13..];
        while record[0] == 22 && record[3..5] == [0, 0] && !content.is_empty() {
            let (message, next) = content.split_at(12 + number(&content[9..12]));
            let place = (number(&message[4..6]) as u16, number(&message[6..9]));
            all.push((place.0, place.1, message[12..].to_vec()));
            content = next;
        }
        datagram = rest;
    }
    all
}

/// CVE-2026-84782: OpenSSL sent other bytes again where a write had been suspended. None is here: the transport takes all
/// of them.
#[test]
fn what_is_sent_again_is_what_was_sent_first() {
    let server = authority()
        .issue_with_big_chain(&Leaf::localhost())
        .unwrap();
    let server = ServerContext::new(&identity(&server)).unwrap();
    for size in [256, MAX_DATAGRAM] {
        let settings = dtls::Settings::default().max_datagram(size).unwrap();
        let server = server.clone().with_settings(settings);
        let mut simulation = simulation::start_with(&server, &client_context(), "localhost");
        simulation.run(Duration::from_secs(1), |simulation| {
            simulation.server.session.is_some()
        });
        simulation.faults.loss = 1.0;
        simulation.drop_in_flight();
        simulation.run(Duration::from_secs(30), |_| false);
        let mut messages = std::collections::BTreeMap::new();
        let mut bytes = 0;
        for (_, datagram) in simulation.sent.iter().filter(|(to, _)| *to == To::Client) {
            for (message, offset, content) in fragments(datagram) {
                for (at, byte) in (offset..).zip(content) {
                    bytes += 1;
                    let first = *messages.entry((message, at)).or_insert(byte);
                    assert_eq!(byte, first, "byte {at} of message {message}");
                }
            }
        }
        assert!(messages.len() > 10_000, "the whole flight was sent");
        assert!(bytes > 2 * messages.len(), "and it was sent again");
    }
}
