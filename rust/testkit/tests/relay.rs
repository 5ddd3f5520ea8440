//! The relay on real sockets.

use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use testkit::relay::{Counts, MAX_UDP_PAYLOAD, Relay};
use testkit::{Faults, To};

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    socket
}

/// Sends numbered datagrams through a relay; the result is what arrived, in order, and what was counted.
fn pass(faults: Faults) -> (Vec<Vec<u8>>, Counts) {
    const COUNT: usize = 200;
    let (server, client) = (socket(), socket());
    let relay = Relay::start(server.local_addr().unwrap(), faults, 5).unwrap();
    let mut expected = 0;
    for number in 0..COUNT {
        // The start of an encrypted record of application data.
        let mut datagram = vec![23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4];
        datagram.extend((number as u32).to_be_bytes());
        client.send_to(&datagram, relay.address().unwrap()).unwrap();
        thread::sleep(Duration::from_micros(200));
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut counts = Counts::default();
    while Instant::now() < deadline {
        counts = relay.data().to_server;
        if counts.arrived == COUNT as u64 {
            expected = (counts.arrived - counts.lost + counts.doubled) as usize;
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let mut buffer = vec![0; MAX_UDP_PAYLOAD];
    let arrived = (0..expected)
        .map(|_| {
            let size = server.recv(&mut buffer).unwrap();
            buffer[..size].to_vec()
        })
        .collect();
    while relay.flows()[0].delayed() > 0 {
        assert!(Instant::now() < deadline, "a datagram is delayed for ever");
        thread::sleep(Duration::from_millis(1));
    }
    (arrived, counts)
}

#[test]
fn without_faults_everything_passes_in_order() {
    let (arrived, counts) = pass(Faults::default());
    assert_eq!(counts.passed(), 200);
    assert!(arrived.is_sorted());
    assert_eq!(arrived.len(), 200);
}

#[test]
fn faults_are_counted_as_they_happen_and_a_seed_repeats_them() {
    let faults = Faults {
        loss: 0.1,
        duplication: 0.1,
        reordering: 0.2,
        corruption: 0.1,
        delay: 5..=30,
    };
    let (mut arrived, counts) = pass(faults.clone());
    for count in [
        counts.lost,
        counts.doubled,
        counts.delayed,
        counts.corrupted,
    ] {
        assert!((5..100).contains(&count), "{counts:?}");
    }
    assert!(!arrived.is_sorted());
    let (mut again, counts_again) = pass(faults);
    assert_eq!(counts_again, counts);
    arrived.sort();
    again.sort();
    assert_eq!(again, arrived);
    arrived.dedup();
    assert_eq!(arrived.len() as u64, counts.arrived - counts.lost);
}

#[test]
fn answers_go_to_their_clients_and_a_forgotten_client_stays_counted() {
    let (server, one, other) = (socket(), socket(), socket());
    let relay = Relay::start(server.local_addr().unwrap(), Faults::default(), 0).unwrap();
    let mut buffer = vec![0; MAX_UDP_PAYLOAD];
    for (client, text) in [(&one, "one"), (&other, "other")] {
        client
            .send_to(text.as_bytes(), relay.address().unwrap())
            .unwrap();
        let (size, from) = server.recv_from(&mut buffer).unwrap();
        server.send_to(&buffer[..size], from).unwrap();
        let size = client.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..size], text.as_bytes());
    }
    let before = relay.all();
    assert_eq!(before.both().arrived, 4);
    relay.forget(one.local_addr().unwrap());
    assert_eq!(relay.all(), before);
    assert_eq!(relay.flows().len(), 1);
    assert!(relay.flow(one.local_addr().unwrap()).is_none());
}

#[test]
fn datagrams_of_every_size_pass_both_ways_and_are_captured_in_order() {
    let (server, client) = (socket(), socket());
    let relay = Relay::capture(server.local_addr().unwrap()).unwrap();
    let address = relay.address().unwrap();
    let mut buffer = vec![0; MAX_UDP_PAYLOAD];
    let sizes = [0, 1, 1_200, MAX_UDP_PAYLOAD];
    for size in sizes {
        let sent = vec![7; size];
        client.send_to(&sent, address).unwrap();
        let (received, from) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(buffer[..received], sent);
        server.send_to(&buffer[..received], from).unwrap();
        let (received, from) = client.recv_from(&mut buffer).unwrap();
        assert_eq!((received, from), (size, address));
    }
    let captured = relay.flows()[0].captured();
    let expected = sizes.map(|size| [(To::Server, size), (To::Client, size)]);
    let seen: Vec<(To, usize)> = captured.iter().map(|it| (it.to, it.bytes.len())).collect();
    assert_eq!(seen, expected.concat());
    assert!(captured.is_sorted_by_key(|datagram| datagram.at));
}
