//! DTLS below ENet.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use enet::{ConnectError, Event, Kind, SetUpError, State};

use crate::hosts::{Clock, LOCALHOST, Node, client_context, server_context};
use crate::pair::{Pair, SOON};

#[test]
fn a_session_is_announced_and_nothing_is_sent_in_plain_text() {
    let pair = Pair::dtls();
    for node in [&pair.server, &pair.client] {
        assert_eq!(node.lines.len(), 1);
        assert!(node.lines[0].starts_with("session established: DTLSv1.2"));
    }
    assert_eq!(pair.server.host.dtls_sessions(), 1);
}

#[test]
fn a_connect_goes_out_when_the_handshake_is_done_and_not_at_the_next_retry() {
    let pair = Pair::dtls();
    let elapsed = pair.connected_after;
    assert!(elapsed < Duration::from_millis(450), "{elapsed:?}");
}

#[test]
fn a_client_may_be_set_up_after_it_has_begun_to_connect() {
    let mut clock = Clock::new();
    let mut server = Node::server(2);
    let mut client = Node::new(1);
    let port = client.host.local_port();
    let peer = client.host.connect(server.address(), 3, 5).unwrap();
    client
        .host
        .set_up_dtls_client(client_context(), "localhost")
        .unwrap();
    assert_eq!(client.host.state(peer), State::Connecting);
    assert_eq!(client.host.local_port(), port);
    let nodes = [&mut server, &mut client];
    assert!(clock.run(SOON, nodes, |nodes| {
        nodes.iter().all(|it| it.connected().is_some())
    }));
    assert_eq!(client.connected(), Some(peer));
    let at_server = server.connected().unwrap();
    assert_eq!(
        server.events,
        [Event::Connect {
            peer: at_server,
            data: 5
        }]
    );
    assert_eq!(client.host.channels(peer), 3);
}

#[test]
fn a_set_up_at_the_wrong_time_changes_nothing() {
    let mut pair = Pair::plain();
    let now = pair.clock.0;
    let server = &mut pair.server.host;
    assert_eq!(
        server.set_up_dtls_server(server_context(), now),
        Err(SetUpError::InUse)
    );
    let client = &mut pair.client.host;
    let late = client.set_up_dtls_client(client_context(), "localhost");
    assert_eq!(late, Err(SetUpError::InUse));
    client
        .send(pair.at_client, 0, b"still plain", Kind::Reliable)
        .unwrap();
    assert!(pair.run(|[server, _]| !server.take_packets().is_empty()));

    let mut server = Node::new(1);
    let port = server.host.local_port();
    server
        .host
        .set_up_dtls_server(server_context(), now)
        .unwrap();
    assert_eq!(server.host.local_port(), port);
    let twice = server.host.set_up_dtls_server(server_context(), now);
    assert_eq!(twice, Err(SetUpError::AlreadySetUp));
    let connected = server.host.connect(pair.client.address(), 1, 0);
    assert_eq!(connected, Err(ConnectError::IsServer));
    let mut client = Node::client();
    let twice = client
        .host
        .set_up_dtls_client(client_context(), "localhost");
    assert_eq!(twice, Err(SetUpError::AlreadySetUp));
}

#[test]
fn a_name_that_cannot_be_verified_is_refused_at_once() {
    let mut client = Node::new(1);
    for name in ["", "local\0host"] {
        let refused = client.host.set_up_dtls_client(client_context(), name);
        assert!(
            matches!(refused, Err(SetUpError::Config(_))),
            "{name:?}: {refused:?}"
        );
    }
    let set_up = client
        .host
        .set_up_dtls_client(client_context(), "localhost");
    assert_eq!(set_up, Ok(()));
}

#[test]
fn a_failed_verification_ends_the_attempt_at_once() {
    let mut clock = Clock::new();
    let mut server = Node::server(2);
    let mut client = Node::new(1);
    client
        .host
        .set_up_dtls_client(client_context(), "another.example")
        .unwrap();
    let peer = client.host.connect(server.address(), 1, 0).unwrap();
    let start = clock.0;
    let nodes = [&mut server, &mut client];
    assert!(clock.run(SOON, nodes, |[_, client]| client.disconnected().is_some()));
    assert_eq!(client.disconnected(), Some((peer, 0)));
    assert!(clock.0 - start < Duration::from_secs(2));
    assert_eq!(client.host.state(peer), State::Disconnected);
    assert!(
        client.lines[0].contains("another.example"),
        "{:?}",
        client.lines
    );
    assert_eq!(server.connected(), None);
}

#[test]
#[cfg_attr(
    windows,
    ignore = "Windows reports no refusals: ENet's own time limit ends the attempt"
)]
fn a_port_without_a_server_ends_the_attempt() {
    let mut clock = Clock::new();
    let mut client = Node::client();
    let nobody = Node::new(1).address();
    client.host.connect(nobody, 1, 0).unwrap();
    assert!(clock.run(SOON, [&mut client], |[client]| {
        client.disconnected().is_some()
    }));
    assert!(
        client.lines[0].starts_with("nobody listens"),
        "{:?}",
        client.lines
    );
    // Another attempt with the same host succeeds.
    let mut server = Node::server(1);
    client.events.clear();
    client.host.connect(server.address(), 1, 0).unwrap();
    let nodes = [&mut server, &mut client];
    assert!(clock.run(SOON, nodes, |[_, client]| client.connected().is_some()));
}

#[test]
fn a_server_that_starts_seconds_after_its_client_is_reached() {
    let mut clock = Clock::new();
    let mut client = Node::client();
    let address = Node::new(1).address();
    client.host.connect(address, 1, 0).unwrap();
    clock.pass(Duration::from_secs(5), [&mut client]);
    assert_eq!((client.disconnected(), client.lines.len()), (None, 0));
    let mut server = Node::server_at(address.port(), 1);
    let nodes = [&mut server, &mut client];
    let connected = clock.run(Duration::from_secs(5), nodes, |[_, client]| {
        client.connected().is_some()
    });
    assert!(connected, "{:?}", client.lines);
}

#[test]
fn a_server_without_dtls_ends_the_attempt_with_a_line() {
    let mut clock = Clock::new();
    let mut server = Node::new(1);
    let mut client = Node::client();
    let peer = client.host.connect(server.address(), 1, 0).unwrap();
    let limit = Duration::from_secs(30);
    assert!(clock.run(limit, [&mut server, &mut client], |[_, client]| {
        client.disconnected().is_some()
    }));
    assert_eq!(client.disconnected(), Some((peer, 0)));
    let [line] = &client.lines[..] else {
        panic!("{:?}", client.lines);
    };
    assert!(line.contains("within 25 seconds"), "{line}");
}

#[test]
fn a_client_that_sends_to_a_closed_server_hears_why_it_was_closed() {
    let mut pair = Pair::dtls();
    pair.client.lines.clear();
    pair.server.host.disconnect_now(pair.at_server, 5).unwrap();
    drop(pair.server);
    // The socket is refused this one, and reports that before what the server has sent.
    let (host, peer) = (&mut pair.client.host, pair.at_client);
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(20));
        host.send(peer, 0, b"too late", Kind::Unsequenced).unwrap();
        host.flush();
    }
    std::thread::sleep(Duration::from_millis(20));
    let ended = pair.clock.run(SOON, [&mut pair.client], |[client]| {
        client.disconnected().is_some()
    });
    assert!(ended);
    assert_eq!(pair.client.disconnected(), Some((peer, 5)));
    assert_eq!(pair.client.lines, [""; 0]);
}

#[test]
fn a_session_is_closed_when_its_peer_is_gone() {
    let mut pair = Pair::dtls();
    pair.client.host.disconnect(pair.at_client, 1).unwrap();
    assert!(pair.run(|nodes| nodes.iter().all(|node| node.disconnected().is_some())));
    pair.pass(Duration::from_millis(50));
    assert_eq!(pair.server.host.dtls_sessions(), 0);
}

#[test]
fn a_reset_peer_learns_of_it_by_the_end_of_its_session() {
    let mut pair = Pair::dtls();
    pair.server.host.reset(pair.at_server).unwrap();
    let start = pair.clock.0;
    assert!(pair.run(|[_, client]| client.disconnected().is_some()));
    assert_eq!(pair.client.disconnected(), Some((pair.at_client, 0)));
    assert!(pair.clock.0 - start < Duration::from_secs(1));
}

#[test]
fn a_host_that_is_dropped_ends_its_peers() {
    let mut pair = Pair::dtls();
    drop(std::mem::replace(&mut pair.server, Node::new(1)));
    let start = pair.clock.0;
    assert!(pair.run(|[_, client]| client.disconnected().is_some()));
    assert!(pair.clock.0 - start < Duration::from_secs(1));
}

#[test]
fn a_handshake_survives_losses() {
    let mut clock = Clock::new();
    for seed in 0..3 {
        let mut server = Node::server(1);
        let mut client = Node::client();
        let faults = testkit::Faults {
            loss: 0.25,
            ..testkit::Faults::default()
        };
        let relay = testkit::relay::Relay::start(server.address(), faults, seed).unwrap();
        client.host.connect(relay.address().unwrap(), 1, 0).unwrap();
        let nodes = [&mut server, &mut client];
        let limit = Duration::from_secs(60);
        let connected = clock.run(limit, nodes, |nodes| {
            // The relay needs real time.
            std::thread::sleep(Duration::from_millis(1));
            nodes.iter().all(|node| node.connected().is_some())
        });
        assert!(
            connected,
            "seed {seed}: {:?} {:?}",
            server.lines, client.lines
        );
    }
}

#[test]
fn refused_new_connections_get_no_answer_and_old_ones_go_on() {
    let mut pair = Pair::dtls();
    pair.server.host.refuse_new_connections(true);
    let mut other = Node::client();
    other.host.connect(pair.server.address(), 1, 0).unwrap();
    let nodes = [&mut pair.server, &mut pair.client, &mut other];
    pair.clock.pass(Duration::from_secs(3), nodes);
    assert_eq!(other.connected(), None);
    assert_eq!(pair.server.host.dtls_sessions(), 1);
    assert_eq!(pair.client.host.state(pair.at_client), State::Connected);
    pair.server.host.refuse_new_connections(false);
    let nodes = [&mut pair.server, &mut pair.client, &mut other];
    assert!(
        pair.clock
            .run(SOON, nodes, |[_, _, other]| other.connected().is_some())
    );
}

#[test]
fn a_session_that_is_not_used_is_closed() {
    // A DTLS client that speaks no ENet.
    let mut server = Node::server(1);
    let socket = std::sync::Arc::new(udp::DatagramSocket::new());
    socket.connect(LOCALHOST, server.host.local_port()).unwrap();
    let client = std::sync::Arc::<endpoint::SharedConnection>::default();
    let mut clock = Clock::new();
    client
        .connect(socket, &client_context(), "localhost", clock.0)
        .unwrap();
    let connected = clock.run(SOON, [&mut server], |_| {
        let _ = client.poll(Instant::now());
        client.status() == endpoint::Status::Connected
    });
    assert!(connected);
    client.send(b"no ENet").unwrap();
    clock.pass(Duration::from_secs(5), [&mut server]);
    assert_eq!(server.host.dtls_sessions(), 1);
    clock.pass(Duration::from_secs(8), [&mut server]);
    assert_eq!(server.host.dtls_sessions(), 0);
    assert_eq!(server.events, []);
}

#[test]
fn plain_text_from_others_changes_nothing() {
    let mut pair = Pair::dtls();
    let other = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    let connect = {
        let mut bytes = vec![0; 50];
        bytes[..4].copy_from_slice(&[0x0f, 0xff, 0x82, 0xff]);
        bytes
    };
    for _ in 0..100 {
        other.send_to(&connect, pair.server.address()).unwrap();
        other.send_to(&connect, pair.client.address()).unwrap();
    }
    pair.pass(Duration::from_secs(1));
    assert_eq!(pair.server.host.peers().count(), 1);
    let from = other.local_addr().unwrap();
    let line = format!("client {from}: not answered, since what it sent is not DTLS");
    let lines = &pair.server.lines;
    assert!(lines.iter().any(|it| it.starts_with(&line)), "{lines:?}");
    pair.client
        .host
        .send(pair.at_client, 0, b"x", Kind::Reliable)
        .unwrap();
    assert!(pair.run(|[server, _]| !server.take_packets().is_empty()));
}

#[test]
fn a_session_cannot_take_all_peers_of_a_server() {
    const PEERS: usize = 4;
    let mut server = Node::server(PEERS);
    let socket = std::sync::Arc::new(udp::DatagramSocket::new());
    socket.connect(LOCALHOST, server.host.local_port()).unwrap();
    let greedy = std::sync::Arc::<endpoint::SharedConnection>::default();
    let mut clock = Clock::new();
    greedy
        .connect(socket, &client_context(), "localhost", clock.0)
        .unwrap();
    let connected = clock.run(SOON, [&mut server], |_| {
        let _ = greedy.poll(Instant::now());
        greedy.status() == endpoint::Status::Connected
    });
    assert!(connected);
    for id in 0..10 * PEERS as u32 {
        greedy.send(&connect_with(id)).unwrap();
        clock.pass(Duration::from_millis(20), [&mut server]);
    }
    let mut client = Node::client();
    client.host.connect(server.address(), 1, 0).unwrap();
    let nodes = [&mut server, &mut client];
    assert!(clock.run(SOON, nodes, |[_, client]| client.connected().is_some()));
}

/// ENet's datagram that asks for a connection with this id.
fn connect_with(id: u32) -> Vec<u8> {
    let mut datagram = vec![0x8f, 0xff, 0, 0, 0x82, 0xff, 0, 1, 0, 0, 0xff, 0xff];
    // MTU, window, channels, two bandwidths, and three numbers of the throttle.
    for number in [1200_u32, 65_536, 1, 0, 0, 5000, 2, 2, id, 0] {
        datagram.extend(number.to_be_bytes());
    }
    datagram
}

#[test]
fn a_packet_of_more_fragments_than_get_through_is_refused() {
    const FRAGMENT: usize = 1135;
    let mut pair = Pair::dtls();
    let host = &mut pair.client.host;
    assert_eq!(host.largest_whole_packet(), FRAGMENT);
    let mut send = |size| host.send(pair.at_client, 0, &vec![0; size], Kind::Reliable);
    assert_eq!(send(24_601 * FRAGMENT + 1), Err(enet::SendError::TooLarge));
    assert_eq!(send(24_601 * FRAGMENT), Ok(()));
    // Without DTLS, datagrams are larger, and the largest packet has as many.
    let mut pair = Pair::plain();
    let largest = vec![0; enet::MAX_PACKET];
    let host = &mut pair.client.host;
    let sent = host.send(pair.at_client, 0, &largest, Kind::Reliable);
    assert_eq!(sent, Ok(()));
}
