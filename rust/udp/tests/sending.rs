//! Sending by a listener's thread.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use udp::{BindAddress, DatagramSocket, Listener};

const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A listener and so many clients of it, each with the peer that it has there.
fn clients(count: usize) -> (Listener, Vec<(UdpSocket, Arc<DatagramSocket>)>) {
    let listener = Listener::new();
    listener.set_max_pending(count);
    listener.listen(0, BindAddress::Ip(IP)).unwrap();
    let server = SocketAddr::new(IP, listener.local_port());
    let clients = (0..count).map(|_| {
        let client = UdpSocket::bind((IP, 0)).unwrap();
        client.connect(server).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        client.send(b"hello").unwrap();
        client
    });
    let clients: Vec<_> = clients.collect();
    listener.poll().unwrap();
    let mut peers = HashMap::new();
    while let Some(peer) = listener.accept() {
        peers.insert(peer.remote().unwrap(), peer);
    }
    let pairs = clients.into_iter().map(|client| {
        let peer = peers.remove(&client.local_addr().unwrap()).unwrap();
        (client, peer)
    });
    (listener, pairs.collect())
}

fn number(client: &UdpSocket) -> u32 {
    let mut buffer = [0; 2000];
    let length = client.recv(&mut buffer).unwrap();
    assert!(length >= 4);
    u32::from_be_bytes(buffer[..4].try_into().unwrap())
}

#[test]
fn everything_arrives_in_order_whoever_sends_it() {
    let (listener, clients) = clients(50);
    for tick in 0..40 {
        for (_, peer) in &clients {
            peer.send_deferred(&u32::to_be_bytes(2 * tick)).unwrap();
            peer.send_deferred(&u32::to_be_bytes(2 * tick + 1)).unwrap();
        }
        if tick % 3 == 0 {
            // A new tick while the thread may still be at the last one's.
            listener.poll().unwrap();
        }
    }
    for (client, _) in &clients {
        for expected in 0..80 {
            assert_eq!(number(client), expected);
        }
    }
    assert_eq!(listener.unsent(), 0);
}

#[test]
fn what_was_given_is_sent_before_the_listener_stops_and_the_port_is_free_then() {
    for _ in 0..20 {
        let (listener, clients) = clients(30);
        let port = listener.local_port();
        for tick in 0..10 {
            for (_, peer) in &clients {
                peer.send_deferred(&u32::to_be_bytes(tick)).unwrap();
            }
        }
        listener.stop();
        // Without SO_REUSEADDR, which would share it.
        UdpSocket::bind((IP, port)).unwrap();
        for (client, _) in &clients {
            for expected in 0..10 {
                assert_eq!(number(client), expected);
            }
        }
    }
}

#[test]
fn more_than_there_is_room_for_waits_for_the_thread() {
    let (listener, clients) = clients(4);
    /// How long `send_deferred` waits for room before it drops the datagram.
    const LONGEST_WAIT: Duration = Duration::from_millis(100);
    let mut waited_to_the_end = 0;
    let megabytes = 8;
    let mut datagram = vec![7; 1200];
    let count = megabytes * (1 << 20) / 1200;
    std::thread::scope(|scope| {
        // Receivers that keep up, so that the kernel drops nothing that they would miss.
        for (client, _) in &clients {
            scope.spawn(move || {
                client
                    .set_read_timeout(Some(Duration::from_millis(1500)))
                    .unwrap();
                let mut buffer = [0; 2000];
                while client.recv(&mut buffer).is_ok() {}
            });
        }
        for number in 0..count as u32 {
            datagram[..4].copy_from_slice(&number.to_be_bytes());
            let start = Instant::now();
            clients[number as usize % 4]
                .1
                .send_deferred(&datagram)
                .unwrap();
            waited_to_the_end += u64::from(start.elapsed() >= LONGEST_WAIT);
        }
    });
    // None, unless something else keeps the thread from running for so long.
    assert!(listener.unsent() <= waited_to_the_end);
}

#[test]
fn peers_of_several_threads_send_at_once() {
    let (listener, clients) = clients(40);
    std::thread::scope(|scope| {
        for part in clients.chunks(10) {
            scope.spawn(move || {
                for number in 0..50_u32 {
                    for (_, peer) in part {
                        peer.send_deferred(&number.to_be_bytes()).unwrap();
                    }
                }
            });
        }
        for _ in 0..100 {
            listener.poll().unwrap();
            std::thread::yield_now();
        }
    });
    for (client, _) in &clients {
        for expected in 0..50 {
            assert_eq!(number(client), expected);
        }
    }
}
