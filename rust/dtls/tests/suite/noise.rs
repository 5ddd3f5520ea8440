//! Datagrams of any content, from anyone, at any time: the session lives on.

use std::time::Duration;

use dtls::{HANDSHAKE_LIMIT, Status};

use crate::hellos::message;
use crate::hostile::{Hostile, plain};
use crate::world::{To, World, taken};

/// Random bytes, and random bytes that look like records of every type, version and epoch.
fn noise(world: &mut World) -> Vec<Vec<u8>> {
    let mut all = vec![
        Vec::new(),
        vec![0],
        vec![22; 12],
        vec![23; 13],
        vec![0xff; 65_507],
    ];
    for _ in 0..300 {
        let length = (world.next() % 2000) as usize;
        all.push((0..length).map(|_| world.next() as u8).collect());
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
                    record.extend((0..length).map(|_| world.next() as u8));
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
    let mut world = World::connected();
    for datagram in noise(&mut world) {
        world.inject(To::Server, &datagram);
        world.inject(To::Client, &datagram);
    }
    world.settle();
    world.client.send(b"still here").unwrap();
    world.server().send(b"so am I").unwrap();
    world.settle();
    assert_eq!(taken(world.server()), [b"still here"]);
    assert_eq!(taken(&mut world.client), [b"so am I"]);
}

#[test]
fn a_handshake_survives_any_datagram_that_is_not_of_its_own_epoch() {
    let mut world = World::new();
    for datagram in noise(&mut world) {
        world.inject(To::Server, &datagram);
        world.inject(To::Client, &datagram);
    }
    world.run_until_connected();
    world.client.send(b"made it").unwrap();
    world.settle();
    assert_eq!(taken(world.server()), [b"made it"]);
}

/// Alerts of every level and kind, close_notify among them.
fn alerts() -> impl Iterator<Item = Vec<u8>> {
    (0..4).flat_map(|level| (0..=255).map(move |kind| plain(21, 50, &[level, kind])))
}

#[test]
fn plain_text_alerts_do_not_end_an_established_session() {
    let mut world = World::connected();
    for alert in alerts() {
        world.inject(To::Server, &alert);
        world.inject(To::Client, &alert);
    }
    world.settle();
    world.client.send(b"unimpressed").unwrap();
    world.settle();
    assert_eq!(taken(world.server()), [b"unimpressed"]);
}

#[test]
fn plain_text_alerts_do_not_end_or_delay_a_handshake() {
    let mut quiet = World::new();
    quiet.run_until_connected();
    let mut world = World::new();
    while !world.both_connected() {
        for alert in alerts() {
            world.inject(To::Server, &alert);
            world.inject(To::Client, &alert);
        }
        world.run(Duration::from_millis(10), World::both_connected);
        assert!(world.elapsed() < Duration::from_millis(500));
    }
    let delay = world.elapsed().saturating_sub(quiet.elapsed());
    assert!(delay < Duration::from_millis(10), "{delay:?}");
}

/// Replays of its own records, records of another session, and all else.
#[test]
fn an_established_session_survives_strangers_and_delivers_nothing_of_theirs() {
    let other = {
        let mut other = World::connected();
        other.client.send(b"of another session").unwrap();
        other.server().send(b"of another session").unwrap();
        other.settle();
        other.sent
    };
    let mut world = World::connected();
    let mut hostile = Hostile::new(1);
    hostile.captured = other.into_iter().map(|(_, datagram)| datagram).collect();
    for number in 0..100_u8 {
        world.client.send(&[1, number]).unwrap();
        world.server().send(&[2, number]).unwrap();
        world.settle();
        hostile
            .captured
            .extend(world.sent.drain(..).map(|(_, datagram)| datagram));
        for _ in 0..200 {
            world.inject(To::Server, &hostile.datagram());
            world.inject(To::Client, &hostile.datagram());
        }
        world.settle();
        assert_eq!(taken(world.server()), [[1, number]]);
        assert_eq!(taken(&mut world.client), [[2, number]]);
    }
    assert!(world.both_connected());
}

/// Some of what strangers send here fits: a message in the right place with another content. It ends
/// an attempt; the client's next one gets through once they are done.
#[test]
fn a_handshake_among_strangers_completes() {
    for seed in 1..=30 {
        let mut world = World::new();
        let mut hostile = Hostile::new(seed);
        hostile.captured = World::connected()
            .sent
            .into_iter()
            .map(|(_, datagram)| datagram)
            .collect();
        for _ in 0..20 {
            for _ in 0..50 {
                world.inject(To::Server, &hostile.datagram());
                world.inject(To::Client, &hostile.datagram());
            }
            world.run(Duration::from_millis(10), |_| false);
        }
        world.run(HANDSHAKE_LIMIT, World::both_connected);
        assert!(
            world.both_connected(),
            "seed {seed}: {:?}",
            world.client.failure()
        );
        world.client.send(b"got through").unwrap();
        world.settle();
        assert_eq!(taken(world.server()), [b"got through"], "seed {seed}");
    }
}

#[test]
fn a_session_that_has_ended_answers_nobody() {
    let mut world = World::connected();
    world.client.close();
    world.settle();
    let mut hostile = Hostile::new(2);
    hostile.captured = world.sent.drain(..).map(|(_, datagram)| datagram).collect();
    for _ in 0..2000 {
        let now = world.now();
        let datagram = hostile.datagram();
        world.client.handle_datagram(&datagram, now);
        world.server().handle_datagram(&datagram, now);
    }
    assert_eq!(world.client.status(), Status::Closed);
    assert_eq!(world.server().status(), Status::Closed);
    assert!(!world.client.has_datagrams() && !world.server().has_datagrams());
}

#[test]
fn a_datagram_is_the_same_after_it_was_handled() {
    let mut world = World::new();
    let mut hostile = Hostile::new(3);
    for _ in 0..1000 {
        let now = world.now();
        let datagram = hostile.datagram();
        let before = datagram.clone();
        world.client.handle_datagram(&datagram, now);
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
        let key_exchange = message(16, 33, 2, 0, &[7; 33]);
        all.push(plain(22, 99, &key_exchange.repeat(messages)));
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
    let mut world = World::connected();
    for is_between in [false, true] {
        for invalid in invalid_records(is_between) {
            world.client.send(b"before").unwrap();
            world.client.send(b"after").unwrap();
            let mut records = Vec::new();
            world
                .client
                .drain_datagrams(|datagram| records.push(datagram.to_vec()));
            let datagram = match is_between {
                true => [&records[0][..], &invalid, &records[1]].concat(),
                false => [&records[0][..], &records[1], &invalid].concat(),
            };
            world.inject(To::Server, &datagram);
            world.settle();
            let got = taken(world.server());
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
    let mut quiet = World::new();
    quiet.run_until_connected();
    for is_between in [false, true] {
        for invalid in invalid_records(is_between) {
            let mut world = World::new();
            let add = invalid.clone();
            world.reshape = Some(Box::new(move |datagram| {
                let records = match is_between {
                    true => split(&datagram).join(&add[..]),
                    false => [&datagram[..], &add].concat(),
                };
                vec![records]
            }));
            world.run_until_connected();
            let delay = world.elapsed().saturating_sub(quiet.elapsed());
            assert!(delay < Duration::from_millis(10), "{invalid:?}: {delay:?}");
        }
    }
}

#[test]
fn datagrams_with_single_bits_changed_are_dropped() {
    let mut world = World::connected();
    world.client.send(b"protected").unwrap();
    let mut record = Vec::new();
    world
        .client
        .drain_datagrams(|datagram| record = datagram.to_vec());
    for bit in 0..record.len() * 8 {
        let mut changed = record.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        world.inject(To::Server, &changed);
    }
    world.inject(To::Server, &record);
    world.settle();
    assert_eq!(taken(world.server()), [b"protected"]);
}
