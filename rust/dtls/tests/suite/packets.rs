//! Packets over a session that is made.

use dtls::{MAX_PACKET, PACKET_QUEUE_BYTES, SendError, Status};
use testkit::Faults;

use crate::simulation::{self, taken};

#[test]
fn packets_of_every_size_arrive_whole_both_ways() {
    let mut simulation = simulation::connected();
    for size in [1, 2, 255, 256, 1152, 1200, 4000, 16_383, MAX_PACKET] {
        let packet: Vec<u8> = (0..size).map(|at| at as u8).collect();
        simulation.client.send(&packet).unwrap();
        simulation.server.session().send(&packet).unwrap();
        simulation.settle();
        let expected = std::slice::from_ref(&packet);
        assert_eq!(taken(simulation.server.session()), expected);
        assert_eq!(taken(&mut simulation.client), expected);
    }
}

#[test]
fn a_packet_is_one_datagram_and_not_readable_on_the_way() {
    let mut simulation = simulation::connected();
    let handshake = simulation.sent.len();
    simulation.client.send(b"attack at dawn").unwrap();
    simulation.settle();
    assert_eq!(simulation.sent.len(), handshake + 1);
    let (_, datagram) = simulation.sent.last().unwrap();
    assert!(!datagram.windows(6).any(|window| window == b"attack"));
}

#[test]
fn an_empty_packet_is_not_sent() {
    let mut simulation = simulation::connected();
    simulation.client.send(b"").unwrap();
    assert!(!simulation.client.has_datagrams());
}

#[test]
fn a_packet_too_large_is_refused_and_the_session_lives_on() {
    let mut simulation = simulation::connected();
    let size = MAX_PACKET + 1;
    let refused = simulation.client.send(&vec![0; size]);
    let limit = MAX_PACKET;
    let expected = SendError::TooLarge {
        packet: size,
        limit,
    };
    assert_eq!(refused, Err(expected));
    simulation.client.send(b"fits").unwrap();
    simulation.settle();
    assert_eq!(taken(simulation.server.session()), [b"fits"]);
}

#[test]
fn packets_before_the_handshake_is_done_are_refused() {
    let mut simulation = simulation::start();
    assert_eq!(
        simulation.client.send(b"early"),
        Err(SendError::NotConnected)
    );
    simulation.run_until_connected();
}

#[test]
fn packets_that_arrive_together_are_all_there_at_once_and_in_order() {
    let mut simulation = simulation::connected();
    for number in 0..100_u8 {
        simulation.client.send(&[number]).unwrap();
    }
    simulation.settle();
    assert_eq!(simulation.server.session().packet_count(), 100);
    let expected: Vec<Vec<u8>> = (0..100).map(|number| vec![number]).collect();
    assert_eq!(taken(simulation.server.session()), expected);
}

#[test]
fn a_replayed_datagram_is_delivered_once() {
    let mut simulation = simulation::connected();
    simulation.faults = Faults {
        duplication: 1.0,
        ..Faults::default()
    };
    simulation.client.send(b"once").unwrap();
    simulation.settle();
    assert_eq!(taken(simulation.server.session()), [b"once"]);
}

#[test]
fn a_full_queue_takes_no_more_and_goes_on_when_packets_are_taken() {
    let mut simulation = simulation::connected();
    let packet = vec![7; 16_000];
    for _ in 0..20 {
        simulation.client.send(&packet).unwrap();
    }
    simulation.settle();
    let waiting = simulation.server.session().packet_count();
    assert_eq!(waiting, PACKET_QUEUE_BYTES.div_ceil(packet.len()));
    assert!(!simulation.server.session().takes_datagrams());
    assert_eq!(taken(simulation.server.session()).len(), waiting);

    simulation.client.send(b"after").unwrap();
    simulation.settle();
    assert_eq!(taken(simulation.server.session()), [b"after"]);
    assert_eq!(simulation.server.session().status(), Status::Connected);
}

/// Packets of one byte take five: the four for their length count.
#[test]
fn a_queue_of_short_packets_takes_no_more_memory_than_one_of_long_ones() {
    let mut simulation = simulation::connected();
    for _ in 0..20_000 {
        simulation.client.send(&[7]).unwrap();
    }
    simulation.settle();
    let waiting = simulation.server.session().packet_count();
    assert_eq!(waiting, PACKET_QUEUE_BYTES.div_ceil(5));
    assert!(!simulation.server.session().takes_datagrams());
}

#[test]
fn on_a_bad_network_packets_arrive_unaltered_or_not_at_all() {
    let mut simulation = simulation::connected();
    simulation.faults = Faults {
        loss: 0.2,
        duplication: 0.2,
        reordering: 0.5,
        ..Faults::default()
    };
    let packet = |number: u16| {
        let length = 1 + usize::from(number % 1000);
        number.to_be_bytes().repeat(length)
    };
    let mut arrived = vec![0; 1000];
    for number in 0..1000 {
        simulation.client.send(&packet(number)).unwrap();
        simulation.settle();
        for got in taken(simulation.server.session()) {
            let number = u16::from_be_bytes([got[0], got[1]]);
            assert_eq!(got, packet(number));
            arrived[usize::from(number)] += 1;
        }
    }
    assert!(arrived.iter().all(|&times| times <= 1), "nothing twice");
    let delivered: u32 = arrived.iter().sum();
    assert!((700..950).contains(&delivered), "{delivered}");
}
