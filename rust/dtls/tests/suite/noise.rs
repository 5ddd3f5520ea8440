//! Datagrams of any content, from anyone, at any time: the session lives on.

use std::time::Duration;

use dtls::{HANDSHAKE_LIMIT, Status};
use testkit::forged::{handshake_message, plain_record};
use testkit::{SeededRng, To};

use crate::hostile::Hostile;
use crate::simulation::{self, Simulation, taken};

/// Random bytes, and random bytes that look like records of every type, version and epoch.
fn noise() -> Vec<Vec<u8>> {
    let mut rng = SeededRng::new(0);
    let mut all = vec![
        Vec::new(),
        vec![0],
        vec![22; 12],
        vec![23; 13],
        vec![0xff; 65_507],
    ];
    for _ in 0..300 {
        let length = rng.index(2000);
        all.push(rng.bytes(length));
    }
    for content_type in [0, 19, 20, 21, 22, 23, 24, 25, 255] {
        for version in [[254, 253], [254, 255], [254, 252], [3, 3]] {
            for epoch in [1, 2, 0xffff_u16] {
                for length in [0, 1, 16, 1000_u16] {
                    let mut record = vec![content_type];
                    record.extend(version);
                    record.extend(epoch.to_be_bytes());
                    record.extend([0, 0, 0, 0, 0, 9]);
                    record.extend(length.to_be_bytes());
                    record.extend(rng.bytes(length.into()));
                    all.push(record.clone());
                    // Two records in one datagram, the second one cut short.
                    let whole = record.clone();
                    record.extend(&whole[..whole.len() - 1]);
                    all.push(record);
                }
            }
        }
    }
    all
}

#[test]
fn an_established_session_survives_any_datagram() {
    let mut simulation = simulation::connected();
    for datagram in noise() {
        simulation.inject(To::Server, &datagram);
        simulation.inject(To::Client, &datagram);
    }
    simulation.settle();
    simulation.client.send(b"still here").unwrap();
    simulation.server.session().send(b"so am I").unwrap();
    simulation.settle();
    assert_eq!(taken(simulation.server.session()), [b"still here"]);
    assert_eq!(taken(&mut simulation.client), [b"so am I"]);
}

#[test]
fn a_handshake_survives_any_datagram_that_is_not_of_its_own_epoch() {
    let mut simulation = simulation::start();
    for datagram in noise() {
        simulation.inject(To::Server, &datagram);
        simulation.inject(To::Client, &datagram);
    }
    simulation.run_until_connected();
    simulation.client.send(b"made it").unwrap();
    simulation.settle();
    assert_eq!(taken(simulation.server.session()), [b"made it"]);
}

/// Alerts of every level and kind, close_notify among them.
fn alerts() -> impl Iterator<Item = Vec<u8>> {
    (0..4).flat_map(|level| (0..=255).map(move |kind| plain_record(21, 50, &[level, kind])))
}

#[test]
fn plain_text_alerts_do_not_end_an_established_session() {
    let mut simulation = simulation::connected();
    for alert in alerts() {
        simulation.inject(To::Server, &alert);
        simulation.inject(To::Client, &alert);
    }
    simulation.settle();
    simulation.client.send(b"unimpressed").unwrap();
    simulation.settle();
    assert_eq!(taken(simulation.server.session()), [b"unimpressed"]);
}

#[test]
fn plain_text_alerts_do_not_end_or_delay_a_handshake() {
    let mut quiet = simulation::start();
    quiet.run_until_connected();
    let mut simulation = simulation::start();
    while !simulation.both_connected() {
        for alert in alerts() {
            simulation.inject(To::Server, &alert);
            simulation.inject(To::Client, &alert);
        }
        simulation.run(Duration::from_millis(10), Simulation::both_connected);
        assert!(simulation.elapsed() < Duration::from_millis(500));
    }
    let delay = simulation.elapsed().saturating_sub(quiet.elapsed());
    assert!(delay < Duration::from_millis(10), "{delay:?}");
}

/// Replays of its own records, records of another session, and all else.
#[test]
fn an_established_session_survives_forged_datagrams_and_delivers_none() {
    let other = {
        let mut other = simulation::connected();
        other.client.send(b"of another session").unwrap();
        other.server.session().send(b"of another session").unwrap();
        other.settle();
        other.sent
    };
    let mut simulation = simulation::connected();
    let mut hostile = Hostile::new(1);
    hostile.captured = other.into_iter().map(|(_, datagram)| datagram).collect();
    for number in 0..100_u8 {
        simulation.client.send(&[1, number]).unwrap();
        simulation.server.session().send(&[2, number]).unwrap();
        simulation.settle();
        hostile
            .captured
            .extend(simulation.sent.drain(..).map(|(_, datagram)| datagram));
        for _ in 0..200 {
            simulation.inject(To::Server, &hostile.datagram());
            simulation.inject(To::Client, &hostile.datagram());
        }
        simulation.settle();
        assert_eq!(taken(simulation.server.session()), [[1, number]]);
        assert_eq!(taken(&mut simulation.client), [[2, number]]);
    }
    assert!(simulation.both_connected());
}

/// Some of the forged datagrams fit: a message in the right place with another content. It ends
/// an attempt; the client's next one gets through once they are done.
#[test]
fn a_handshake_completes_while_others_send_forged_datagrams() {
    for seed in 1..=30 {
        let mut simulation = simulation::start();
        let mut hostile = Hostile::new(seed);
        hostile.captured = simulation::connected()
            .sent
            .into_iter()
            .map(|(_, datagram)| datagram)
            .collect();
        for _ in 0..20 {
            for _ in 0..50 {
                simulation.inject(To::Server, &hostile.datagram());
                simulation.inject(To::Client, &hostile.datagram());
            }
            simulation.run(Duration::from_millis(10), |_| false);
        }
        if let Err(states) = simulation.connect(HANDSHAKE_LIMIT) {
            panic!("seed {seed}: {states}");
        }
        simulation.client.send(b"got through").unwrap();
        simulation.settle();
        assert_eq!(
            taken(simulation.server.session()),
            [b"got through"],
            "seed {seed}"
        );
    }
}

#[test]
fn a_session_that_has_ended_sends_no_answer() {
    let mut simulation = simulation::connected();
    simulation.client.close();
    simulation.settle();
    let mut hostile = Hostile::new(2);
    hostile.captured = simulation
        .sent
        .drain(..)
        .map(|(_, datagram)| datagram)
        .collect();
    for _ in 0..2000 {
        let now = simulation.now();
        let datagram = hostile.datagram();
        simulation.client.handle_datagram(&datagram, now);
        simulation.server.session().handle_datagram(&datagram, now);
    }
    assert_eq!(simulation.client.status(), Status::Closed);
    assert_eq!(simulation.server.session().status(), Status::Closed);
    assert!(!simulation.client.has_datagrams() && !simulation.server.session().has_datagrams());
}

#[test]
fn a_datagram_is_the_same_after_it_was_handled() {
    let mut simulation = simulation::start();
    let mut hostile = Hostile::new(3);
    for _ in 0..1000 {
        let now = simulation.now();
        let datagram = hostile.datagram();
        let before = datagram.clone();
        simulation.client.handle_datagram(&datagram, now);
        assert_eq!(datagram, before);
    }
}

/// What no sender makes, as it may stand behind or between valid records: bytes that are no record, a record that ends
/// too early, whole ones of unknown types, versions and epochs, sealed ones too short for a seal, and ones that are too
/// long, in plain text with messages that a server waits for.
fn invalid_records(is_between: bool) -> Vec<Vec<u8>> {
    let record = |content_type, version: [u8; 2], epoch, length: u16| {
        let mut record = vec![content_type, version[0], version[1], 0, epoch];
        record.extend([0, 0, 0, 0, 0, 99]);
        record.extend(length.to_be_bytes());
        record.extend(vec![7; length.into()]);
        record
    };
    let mut all = Vec::new();
    for (content_type, version, epoch) in [
        (0, [254, 253], 0),
        (255, [254, 253], 1),
        (22, [3, 3], 0),
        (23, [3, 3], 1),
        (23, [254, 253], 0),
        (23, [254, 253], 2),
        (22, [254, 253], 200),
    ] {
        for length in [0, 1, 20, 40, 300] {
            all.push(record(content_type, version, epoch, length));
        }
    }
    for length in [0, 1, 15, 16, 23, 24, 25] {
        all.push(record(22, [254, 253], 1, length));
        all.push(record(23, [254, 253], 1, length));
    }
    for messages in [365, 380, 400] {
        let key_exchange = handshake_message(16, 33, 2, 0, &[7; 33]);
        all.push(plain_record(22, 99, &key_exchange.repeat(messages)));
    }
    all.push(record(22, [254, 253], 1, 18_000));
    if !is_between {
        all.push(vec![0xff]);
        all.push(vec![0; 12]);
        all.push(vec![22; 100]);
        let cut = record(23, [254, 253], 1, 500);
        all.push(cut[..400].to_vec());
    }
    all
}

/// RFC 6347 section 4.1.2.7 has the invalid record dropped, not its datagram.
#[test]
fn invalid_records_are_dropped_and_valid_ones_around_them_are_not() {
    let mut simulation = simulation::connected();
    for is_between in [false, true] {
        for invalid in invalid_records(is_between) {
            simulation.client.send(b"before").unwrap();
            simulation.client.send(b"after").unwrap();
            let mut records = Vec::new();
            simulation
                .client
                .drain_datagrams(|datagram| records.push(datagram.to_vec()));
            let datagram = match is_between {
                true => [&records[0][..], &invalid, &records[1]].concat(),
                false => [&records[0][..], &records[1], &invalid].concat(),
            };
            simulation.inject(To::Server, &datagram);
            simulation.settle();
            let got = taken(simulation.server.session());
            assert_eq!(got, [b"before".to_vec(), b"after".to_vec()], "{invalid:?}");
        }
    }
}

/// A datagram's records.
fn split(mut datagram: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    while !datagram.is_empty() {
        let length = 13 + usize::from(u16::from_be_bytes([datagram[11], datagram[12]]));
        let (record, rest) = datagram.split_at(length);
        records.push(record.to_vec());
        datagram = rest;
    }
    records
}

/// The same in everything that a client sends while it shakes hands.
#[test]
fn invalid_records_among_a_handshakes_do_not_stop_or_delay_it() {
    let mut quiet = simulation::start();
    quiet.run_until_connected();
    for is_between in [false, true] {
        for invalid in invalid_records(is_between) {
            let mut simulation = simulation::start();
            let add = invalid.clone();
            simulation.client.reshape = Some(Box::new(move |datagram| {
                let records = match is_between {
                    true => split(&datagram).join(&add[..]),
                    false => [&datagram[..], &add].concat(),
                };
                vec![records]
            }));
            simulation.run_until_connected();
            let delay = simulation.elapsed().saturating_sub(quiet.elapsed());
            assert!(delay < Duration::from_millis(10), "{invalid:?}: {delay:?}");
        }
    }
}

#[test]
fn datagrams_with_single_bits_changed_are_dropped() {
    let mut simulation = simulation::connected();
    simulation.client.send(b"protected").unwrap();
    let mut record = Vec::new();
    simulation
        .client
        .drain_datagrams(|datagram| record = datagram.to_vec());
    for bit in 0..record.len() * 8 {
        let mut changed = record.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        simulation.inject(To::Server, &changed);
    }
    simulation.inject(To::Server, &record);
    simulation.settle();
    assert_eq!(taken(simulation.server.session()), [b"protected"]);
}
