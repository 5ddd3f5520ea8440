//! What holds with and without DTLS.

use std::time::Duration;

use enet::{ConnectError, Event, Host, HostError, Kind, NoPeer, SendError, State};

use crate::hosts::{Clock, Node, settings};
use crate::pair::{Pair, SOON};

#[test]
fn packets_of_each_kind_cross_both_ways() {
    for make in Pair::both() {
        let mut pair = make();
        let connect = Event::Connect {
            peer: pair.at_server,
            data: 77,
        };
        assert_eq!(pair.server.events.remove(0), connect);
        assert_eq!(pair.server.host.state(pair.at_server), State::Connected);
        assert_eq!(pair.client.host.state(pair.at_client), State::Connected);
        assert_eq!(pair.server.host.channels(pair.at_server), 8);
        assert_eq!(pair.client.host.channels(pair.at_client), 8);
        let remote = pair.client.host.remote_address(pair.at_client);
        assert_eq!(remote, Some(pair.server.address()));
        let kinds = [
            (Kind::Reliable, 1),
            (Kind::Unreliable, 300),
            (Kind::Unsequenced, 0),
            (Kind::UnreliableFragment, 5000),
            (Kind::Reliable, 5000),
        ];
        for (channel, (kind, length)) in (0_u8..).zip(kinds) {
            let packet = vec![channel; length];
            let (server, client) = (&mut pair.server.host, &mut pair.client.host);
            server.send(pair.at_server, channel, &packet, kind).unwrap();
            client.send(pair.at_client, channel, &packet, kind).unwrap();
        }
        pair.client.events.clear();
        let all = pair.run(|nodes| nodes.iter().all(|node| node.events.len() == kinds.len()));
        assert!(all, "{:?}", pair.client.events.len());
        for node in [&pair.server, &pair.client] {
            for event in &node.events {
                let Event::Receive {
                    channel,
                    packet,
                    kind,
                    ..
                } = event
                else {
                    panic!("{event:?}");
                };
                let (sent, length) = kinds[usize::from(*channel)];
                assert_eq!(*kind, sent);
                assert_eq!(**packet, vec![*channel; length]);
            }
        }
    }
}

#[test]
fn a_megabyte_and_many_small_packets_arrive_in_order() {
    for make in Pair::both() {
        let mut pair = make();
        let large: Vec<u8> = (0..1_u32 << 20).map(|it| (it * 7 / 5) as u8).collect();
        let host = &mut pair.client.host;
        host.send(pair.at_client, 2, &large, Kind::Reliable)
            .unwrap();
        for number in 0..2000_u32 {
            let packet = number.to_be_bytes();
            host.send(pair.at_client, 2, &packet, Kind::Reliable)
                .unwrap();
        }
        let mut arrived = Vec::new();
        let all = pair.run(|[server, _]| {
            arrived.extend(server.take_packets());
            arrived.len() == 2001
        });
        assert!(all, "{}", arrived.len());
        assert!(arrived[0].2 == large);
        for (number, (_, channel, packet)) in (0_u32..).zip(&arrived[1..]) {
            assert_eq!((*channel, &packet[..]), (2, &number.to_be_bytes()[..]));
        }
    }
}

#[test]
fn a_disconnect_brings_its_number_and_the_id_means_none_after_it() {
    for make in Pair::both() {
        let mut pair = make();
        pair.client.host.disconnect(pair.at_client, 42).unwrap();
        let done = pair.run(|nodes| nodes.iter().all(|node| node.disconnected().is_some()));
        assert!(done);
        assert_eq!(pair.server.disconnected(), Some((pair.at_server, 42)));
        let (peer, _) = pair.client.disconnected().unwrap();
        assert_eq!(peer, pair.at_client);
        for (host, peer) in [
            (&mut pair.server.host, pair.at_server),
            (&mut pair.client.host, pair.at_client),
        ] {
            assert_eq!(host.state(peer), State::Disconnected);
            assert_eq!(host.peers().count(), 0);
            assert_eq!(
                host.send(peer, 0, b"x", Kind::Reliable),
                Err(SendError::NoPeer)
            );
            assert_eq!(host.disconnect(peer, 0), Err(NoPeer));
            assert_eq!(host.remote_address(peer), None);
            assert_eq!(host.channels(peer), 0);
        }
        // The place serves the next peer, and the old id still means none.
        pair.server.events.clear();
        pair.client.events.clear();
        let address = pair.server.address();
        let again = pair.client.host.connect(address, 1, 0).unwrap();
        assert_ne!(again, pair.at_client);
        assert!(pair.run(|nodes| nodes.iter().all(|node| node.connected().is_some())));
        assert_eq!(pair.server.host.state(pair.at_server), State::Disconnected);
        assert_eq!(pair.client.host.state(pair.at_client), State::Disconnected);
        assert_eq!(pair.client.host.state(again), State::Connected);
    }
}

#[test]
fn what_is_queued_arrives_before_a_later_disconnect() {
    for make in Pair::both() {
        let mut pair = make();
        let packet = vec![5; 100_000];
        let host = &mut pair.server.host;
        host.send(pair.at_server, 0, &packet, Kind::Reliable)
            .unwrap();
        host.disconnect_later(pair.at_server, 9).unwrap();
        assert!(pair.run(|nodes| nodes.iter().all(|node| node.disconnected().is_some())));
        assert_eq!(pair.client.disconnected(), Some((pair.at_client, 9)));
        let packets = pair.client.take_packets();
        assert_eq!(packets.len(), 1);
        assert!(packets[0].2 == packet);
    }
}

#[test]
fn disconnect_now_tells_the_other_side_once_and_makes_no_event_here() {
    for make in Pair::both() {
        let mut pair = make();
        pair.server.host.disconnect_now(pair.at_server, 3).unwrap();
        assert_eq!(pair.server.host.state(pair.at_server), State::Disconnected);
        assert!(pair.run(|[_, client]| client.disconnected().is_some()));
        assert_eq!(pair.client.disconnected(), Some((pair.at_client, 3)));
        assert_eq!(pair.server.disconnected(), None);
    }
}

#[test]
fn a_full_server_refuses_with_a_number() {
    for make in [Node::new, Node::server] {
        let mut pair = Pair::connect(make(1), client_for(make(1)));
        let mut other = client_for(make(1));
        other.host.connect(pair.server.address(), 1, 0).unwrap();
        let nodes = [&mut pair.server, &mut pair.client, &mut other];
        let start = pair.clock.0;
        let refused = pair
            .clock
            .run(SOON, nodes, |[_, _, other]| other.disconnected().is_some());
        assert!(refused);
        assert_eq!(other.disconnected().unwrap().1, enet::SERVER_IS_FULL);
        assert!(pair.clock.0 - start < Duration::from_secs(2));
        assert_eq!(pair.server.host.peers().count(), 1);
        assert_eq!(pair.client.host.state(pair.at_client), State::Connected);
        // Room again: the next attempt succeeds.
        pair.client.host.disconnect_now(pair.at_client, 0).unwrap();
        pair.pass(Duration::from_millis(50));
        other.events.clear();
        other.host.connect(pair.server.address(), 1, 0).unwrap();
        let nodes = [&mut pair.server, &mut other];
        assert!(
            pair.clock
                .run(SOON, nodes, |[_, other]| other.connected().is_some())
        );
    }
}

/// A client for a server like this one.
fn client_for(server: Node) -> Node {
    match server.host.dtls_server() {
        Some(_) => Node::client(),
        None => Node::new(1),
    }
}

#[test]
fn fewer_channels_at_the_server_are_what_both_sides_have() {
    for (make, client) in [
        (
            Node::new as fn(usize) -> Node,
            (|| Node::new(1)) as fn() -> Node,
        ),
        (Node::server, Node::client),
    ] {
        let mut server = make(2);
        server.host.set_channel_limit(2);
        let mut pair = Pair::connect(server, client());
        assert_eq!(pair.client.host.channels(pair.at_client), 2);
        assert_eq!(pair.server.host.channels(pair.at_server), 2);
        let host = &mut pair.client.host;
        let sent = host.send(pair.at_client, 2, b"x", Kind::Reliable);
        assert_eq!(sent, Err(SendError::NoChannel));
        host.broadcast(2, b"nobody has this channel", Kind::Reliable);
        host.broadcast(1, b"x", Kind::Reliable);
        assert!(pair.run(|[server, _]| !server.take_packets().is_empty()));
        assert_eq!(pair.client.host.state(pair.at_client), State::Connected);
    }
}

#[test]
fn compressed_hosts_understand_each_other_and_send_less() {
    for make in Pair::both() {
        let mut pair = make();
        pair.server.host.use_range_coder();
        pair.client.host.use_range_coder();
        let packet = vec![65; 50_000];
        let host = &mut pair.client.host;
        host.pop_statistic(enet::Statistic::SentData);
        host.send(pair.at_client, 0, &packet, Kind::Reliable)
            .unwrap();
        let mut arrived = Vec::new();
        assert!(pair.run(|[server, _]| {
            arrived.extend(server.take_packets());
            !arrived.is_empty()
        }));
        assert!(arrived[0].2 == packet);
        let sent = pair.client.host.pop_statistic(enet::Statistic::SentData);
        assert!(sent < 25_000, "{sent}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = |peers, channels| {
        let mut settings = settings(peers);
        settings.channel_limit = channels;
        Host::new(&settings).err()
    };
    assert_eq!(refused(0, 0), Some(HostError::PeerLimit));
    assert_eq!(refused(4096, 0), Some(HostError::PeerLimit));
    assert_eq!(refused(1, 256), Some(HostError::ChannelLimit));
    let mut settings = settings(1);
    let taken = Host::new(&settings).unwrap();
    settings.port = taken.local_port();
    let error = Host::new(&settings).err();
    assert_eq!(error, Some(HostError::Socket(udp::Error::Unavailable)));

    let mut pair = Pair::plain();
    let host = &mut pair.client.host;
    let address = pair.server.address();
    assert_eq!(host.connect(address, 1, 0), Err(ConnectError::NoRoom));
    let large = vec![0; enet::MAX_PACKET + 1];
    let sent = host.send(pair.at_client, 0, &large, Kind::Reliable);
    assert_eq!(sent, Err(SendError::TooLarge));
}

#[test]
fn a_server_that_does_not_answer_ends_the_attempt() {
    let mut clock = Clock::new();
    let mut client = Node::new(1);
    let nobody = Node::new(1).address();
    let peer = client.host.connect(nobody, 1, 0).unwrap();
    let limit = Duration::from_secs(60);
    assert!(clock.run(limit, [&mut client], |[client]| {
        client.disconnected().is_some()
    }));
    assert_eq!(client.disconnected(), Some((peer, 0)));
}
