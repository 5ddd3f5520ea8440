//! Datagrams of any content, from anyone, at any time: the session lives on.

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

#[test]
fn plain_text_alerts_do_not_end_an_established_session() {
    let mut world = World::connected();
    let alert = |level, description| {
        let mut record = vec![21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 50, 0, 2];
        record.extend([level, description]);
        record
    };
    for (level, description) in [(1, 0), (2, 0), (2, 40), (2, 80), (1, 255)] {
        world.inject(To::Server, &alert(level, description));
        world.inject(To::Client, &alert(level, description));
    }
    world.settle();
    world.client.send(b"unimpressed").unwrap();
    world.settle();
    assert_eq!(taken(world.server()), [b"unimpressed"]);
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
