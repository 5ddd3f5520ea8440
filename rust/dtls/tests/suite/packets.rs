//! Packets over a session that is made.

use dtls::{MAX_PACKET, PACKET_QUEUE_BYTES, SendError, Status};

use crate::world::{Faults, World, taken};

#[test]
fn packets_of_every_size_arrive_whole_both_ways() {
    let mut world = World::connected();
    for size in [1, 2, 255, 256, 1152, 1200, 4000, 16_383, MAX_PACKET] {
        let packet: Vec<u8> = (0..size).map(|at| at as u8).collect();
        world.client.send(&packet).unwrap();
        world.server().send(&packet).unwrap();
        world.settle();
        let expected = std::slice::from_ref(&packet);
        assert_eq!(taken(world.server()), expected);
        assert_eq!(taken(&mut world.client), expected);
    }
}

#[test]
fn a_packet_is_one_datagram_and_not_readable_on_the_way() {
    let mut world = World::connected();
    let handshake = world.sent.len();
    world.client.send(b"attack at dawn").unwrap();
    world.settle();
    assert_eq!(world.sent.len(), handshake + 1);
    let (_, datagram) = world.sent.last().unwrap();
    assert!(!datagram.windows(6).any(|window| window == b"attack"));
}

#[test]
fn an_empty_packet_is_not_sent() {
    let mut world = World::connected();
    world.client.send(b"").unwrap();
    assert!(!world.client.has_datagrams());
}

#[test]
fn a_packet_too_large_is_refused_and_the_session_lives_on() {
    let mut world = World::connected();
    let size = MAX_PACKET + 1;
    let refused = world.client.send(&vec![0; size]);
    let limit = MAX_PACKET;
    let expected = SendError::TooLarge {
        packet: size,
        limit,
    };
    assert_eq!(refused, Err(expected));
    world.client.send(b"fits").unwrap();
    world.settle();
    assert_eq!(taken(world.server()), [b"fits"]);
}

#[test]
fn packets_before_the_handshake_is_done_are_refused() {
    let mut world = World::new();
    assert_eq!(world.client.send(b"early"), Err(SendError::NotConnected));
    world.run_until_connected();
}

#[test]
fn packets_that_arrive_together_are_all_there_at_once_and_in_order() {
    let mut world = World::connected();
    for number in 0..100_u8 {
        world.client.send(&[number]).unwrap();
    }
    world.settle();
    assert_eq!(world.server().packet_count(), 100);
    let expected: Vec<Vec<u8>> = (0..100).map(|number| vec![number]).collect();
    assert_eq!(taken(world.server()), expected);
}

#[test]
fn a_replayed_datagram_is_delivered_once() {
    let mut world = World::connected();
    world.faults = Faults {
        doubled: 100,
        ..Faults::default()
    };
    world.client.send(b"once").unwrap();
    world.settle();
    assert_eq!(taken(world.server()), [b"once"]);
}

#[test]
fn a_full_queue_takes_no_more_and_goes_on_when_packets_are_taken() {
    let mut world = World::connected();
    let packet = vec![7; 16_000];
    for _ in 0..20 {
        world.client.send(&packet).unwrap();
    }
    world.settle();
    let waiting = world.server().packet_count();
    assert_eq!(waiting, PACKET_QUEUE_BYTES.div_ceil(packet.len()));
    assert!(!world.server().takes_datagrams());
    assert_eq!(taken(world.server()).len(), waiting);

    world.client.send(b"after").unwrap();
    world.settle();
    assert_eq!(taken(world.server()), [b"after"]);
    assert_eq!(world.server().status(), Status::Connected);
}

/// Packets of one byte take five: the four for their length count.
#[test]
fn a_queue_of_short_packets_takes_no_more_memory_than_one_of_long_ones() {
    let mut world = World::connected();
    for _ in 0..20_000 {
        world.client.send(&[7]).unwrap();
    }
    world.settle();
    let waiting = world.server().packet_count();
    assert_eq!(waiting, PACKET_QUEUE_BYTES.div_ceil(5));
    assert!(!world.server().takes_datagrams());
}

#[test]
fn on_a_bad_network_packets_arrive_unaltered_or_not_at_all() {
    let mut world = World::connected();
    world.faults = Faults {
        lost: 20,
        doubled: 20,
        delayed: 50,
        ..Faults::default()
    };
    let packet = |number: u16| {
        let length = 1 + usize::from(number % 1000);
        number.to_be_bytes().repeat(length)
    };
    let mut arrived = vec![0; 1000];
    for number in 0..1000 {
        world.client.send(&packet(number)).unwrap();
        world.settle();
        for got in taken(world.server()) {
            let number = u16::from_be_bytes([got[0], got[1]]);
            assert_eq!(got, packet(number));
            arrived[usize::from(number)] += 1;
        }
    }
    assert!(arrived.iter().all(|&times| times <= 1), "nothing twice");
    let delivered: u32 = arrived.iter().sum();
    assert!((700..950).contains(&delivered), "{delivered}");
}
