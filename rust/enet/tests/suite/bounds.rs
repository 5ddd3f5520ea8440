//! What one peer can take from others.

use std::time::{Duration, Instant};

use enet::{Kind, PeerId, SendError};

use crate::hosts::Node;
use crate::pair::Pair;

#[test]
fn a_peer_that_acknowledges_nothing_has_a_bounded_queue() {
    let mut pair = Pair::plain();
    let packet = vec![0; 8 << 20];
    let host = &mut pair.server.host;
    let mut sent = 0;
    let error = loop {
        match host.send(pair.at_server, 0, &packet, Kind::Reliable) {
            Ok(()) => sent += packet.len(),
            Err(error) => break error,
        }
        assert!(sent <= enet::MAX_QUEUED);
    };
    assert_eq!(error, SendError::QueueFull);
    // The client does not take part any more: the peer ends, and its memory with it.
    assert!(ends_within_a_minute(&mut pair));
}

/// Whether the server's peer does, without its client.
fn ends_within_a_minute(pair: &mut Pair) -> bool {
    let nodes = [&mut pair.server];
    let limit = Duration::from_secs(60);
    let has_ended = |[server]: &mut [&mut Node; 1]| server.disconnected().is_some();
    pair.clock.run(limit, nodes, has_ended)
}

#[test]
fn a_peer_that_is_gone_after_a_day_without_service_ends() {
    let mut pair = Pair::plain();
    let host = &mut pair.server.host;
    host.send(pair.at_server, 0, b"under way", Kind::Reliable)
        .unwrap();
    host.flush();
    pair.clock.0 += Duration::from_secs(25 * 3600);
    assert!(ends_within_a_minute(&mut pair));
}

/// ENet stops reading at each event that it makes. An owner that services once in a frame would let in one peer in each.
#[test]
fn an_owner_can_read_on_after_a_new_peer() {
    const PEERS: usize = 8;
    let mut server = Node::new(PEERS);
    let mut clients: Vec<_> = (0..PEERS).map(|_| Node::new(1)).collect();
    let now = Instant::now();
    let arrive = || std::thread::sleep(Duration::from_millis(20));
    for client in &mut clients {
        client.host.connect(server.address(), 1, 0).unwrap();
        client.service(now);
    }
    arrive();
    assert_eq!(server.host.service(now).unwrap(), None);
    assert_eq!(server.host.read_of_more(), None);
    arrive();
    for client in &mut clients {
        client.service(now);
        assert!(client.connected().is_some());
    }
    arrive();
    let mut events = Vec::new();
    for _ in 0..2 * PEERS {
        events.extend(server.host.service(now).unwrap());
        events.extend(std::iter::from_fn(|| server.host.check_events()));
        if server.host.read_of_more().is_none() {
            break;
        }
    }
    assert_eq!(events.len(), PEERS, "{events:?}");
    assert_eq!(server.host.read_of_more(), None);
}

#[test]
fn a_busy_peer_does_not_hold_up_others() {
    let mut server = Node::server(8);
    let mut clients: Vec<_> = (0..2).map(|_| Node::client()).collect();
    let mut clock = crate::hosts::Clock::new();
    let mut peers = Vec::new();
    for client in &mut clients {
        peers.push(client.host.connect(server.address(), 1, 0).unwrap());
        let nodes = [&mut server, client];
        assert!(clock.run(Duration::from_secs(20), nodes, |[_, client]| {
            client.connected().is_some()
        }));
    }
    let [busy, quiet] = &mut clients[..] else {
        unreachable!();
    };
    server.events.clear();
    // The busy one's packets arrive first, in many datagrams.
    for _ in 0..60 {
        busy.host
            .send(peers[0], 0, &[0; 1000], Kind::Unsequenced)
            .unwrap();
    }
    busy.host.flush();
    quiet
        .host
        .send(peers[1], 0, b"quiet", Kind::Unsequenced)
        .unwrap();
    quiet.host.flush();
    std::thread::sleep(Duration::from_millis(20));
    server.service(clock.0);
    let packets = server.take_packets();
    let place = packets.iter().position(|(_, _, packet)| packet == b"quiet");
    assert_eq!(place, Some(1), "of {}", packets.len());
}

#[test]
fn a_hundred_clients_that_join_at_once_need_no_second_hello() {
    let mut server = Node::server(100);
    let mut clients: Vec<_> = (0..100).map(|_| Node::client()).collect();
    let begin = crate::hosts::Clock::new().0;
    for client in &mut clients {
        client.host.connect(server.address(), 1, 0).unwrap();
    }
    // Half a second in all, as the hosts see it: a hello is repeated after one.
    for milliseconds in (0..500).step_by(10) {
        let now = begin + Duration::from_millis(milliseconds);
        for client in &mut clients {
            client.service(now);
        }
        server.service(now);
        std::thread::sleep(Duration::from_millis(5));
    }
    let connected = clients.iter().filter(|it| it.connected().is_some());
    assert_eq!(connected.count(), 100);
}

#[test]
fn a_burst_waits_for_the_next_service() {
    for mut pair in [Pair::plain(), Pair::dtls()] {
        let (now, at_server, at_client) = (pair.clock.0, pair.at_server, pair.at_client);
        burst(&mut pair.client, at_client, &mut pair.server, now);
        burst(&mut pair.server, at_server, &mut pair.client, now);
    }
}

/// Sends more packets than a queue of 64 KB holds, or a kernel's buffer of 200 KB.
fn burst(from: &mut Node, peer: PeerId, to: &mut Node, now: Instant) {
    let packet = [7; 1000];
    for _ in 0..120 {
        from.host.send(peer, 0, &packet, Kind::Unsequenced).unwrap();
    }
    from.host.flush();
    std::thread::sleep(Duration::from_millis(50));
    to.service(now);
    assert_eq!(to.take_packets().len(), 120);
}
