//! When packets are sent that do not wait for a service.

use std::time::Duration;

use enet::{Kind, Statistic};

use crate::hosts::{Clock, Node};
use crate::pair::{Pair, SOON};

const PACKETS: usize = 200;

/// Sends packets from the server's host as a multiplayer peer does; returns for each whether it was left to be flushed.
fn send_each(pair: &mut Pair, count: usize, kind: Kind) -> Vec<bool> {
    let host = &mut pair.server.host;
    let each = (0..count).map(|number| {
        host.send(pair.at_server, 0, &[number as u8; 10], kind)
            .unwrap();
        host.flush_soon()
    });
    each.collect()
}

/// Whether so many packets arrive at the client, in order, while the server does nothing.
fn arrived(clock: &mut Clock, client: &mut Node, count: usize) -> bool {
    let mut numbers = Vec::new();
    let all = clock.run(SOON, [client], |[client]| {
        let packets = client.take_packets().into_iter();
        numbers.extend(packets.map(|(_, _, packet)| usize::from(packet[0])));
        numbers.len() >= count
    });
    all && numbers == (0..count).collect::<Vec<_>>()
}

#[test]
fn the_first_packets_are_sent_at_once_and_many_together() {
    for make in Pair::both() {
        let mut pair = make();
        pair.pass(Duration::from_millis(200));
        pair.server.host.pop_statistic(Statistic::SentPackets);
        let left = send_each(&mut pair, PACKETS, Kind::Unreliable);
        assert!(left[..16].iter().all(|is_left| !is_left), "the first ones");
        assert!(*left.last().unwrap(), "the last one");
        pair.server.host.flush_what_waits();
        let datagrams = pair.server.host.pop_statistic(Statistic::SentPackets);
        assert!((17..40).contains(&datagrams), "{datagrams} datagrams");
        pair.server.host.flush_what_waits();
        assert_eq!(pair.server.host.pop_statistic(Statistic::SentPackets), 0);
        assert!(arrived(&mut pair.clock, &mut pair.client, PACKETS));
        pair.pass(Duration::from_millis(10));
        assert_eq!(send_each(&mut pair, 1, Kind::Unreliable), [false]);
    }
}

#[test]
fn what_waits_is_sent_before_its_peer_or_its_host_ends() {
    for make in Pair::both() {
        for ends_host in [false, true] {
            let mut pair = make();
            assert!(send_each(&mut pair, 30, Kind::Reliable)[29], "it waits");
            if ends_host {
                drop(pair.server);
            } else {
                pair.server.host.reset(pair.at_server).unwrap();
            }
            assert!(arrived(&mut pair.clock, &mut pair.client, 30));
        }
    }
}
