//! A listener says which peers got something, without a look at the others.

mod support;

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use support::{OnPanic, accept, accepted, listener, plain_socket, poll_until_queued, take};
use udp::{DatagramSocket, Error, Listener};

fn ready(listener: &Listener) -> Vec<u64> {
    let mut tokens = Vec::new();
    listener.take_ready(&mut tokens);
    tokens
}

/// Peers with their index as token, nothing queued.
fn named(count: usize) -> (Listener, Vec<UdpSocket>, Vec<Arc<DatagramSocket>>) {
    let (listener, address) = listener();
    let mut clients = Vec::new();
    let mut peers = Vec::new();
    for token in 0..count as u64 {
        let client = plain_socket();
        client.connect(address).unwrap();
        client.send(b"hello").unwrap();
        let peer = accept(&listener);
        take(&peer);
        peer.set_token(Some(token)).unwrap();
        peers.push(peer);
        clients.push(client);
    }
    assert_eq!(ready(&listener), [], "nothing is new");
    (listener, clients, peers)
}

#[test]
fn those_that_got_something_are_named_once_and_in_order() {
    let (listener, clients, peers) = named(5);
    for index in [3, 1, 3, 4, 1] {
        clients[index].send(b"news").unwrap();
    }
    for (index, count) in [(3, 2), (1, 2), (4, 1)] {
        poll_until_queued(&listener, &peers[index], count);
    }
    assert_eq!(ready(&listener), [3, 1, 4]);
    assert_eq!(ready(&listener), []);
    // What was not read is not new; what comes next is.
    clients[1].send(b"more").unwrap();
    poll_until_queued(&listener, &peers[1], 3);
    assert_eq!(ready(&listener), [1]);
}

#[test]
fn a_peer_is_named_for_what_it_holds_already() {
    let (listener, address) = listener();
    let client = plain_socket();
    client.send_to(b"hello", address).unwrap();
    let peer = accept(&listener);
    peer.set_token(Some(u64::MAX)).unwrap();
    peer.set_token(Some(7)).unwrap();
    assert_eq!(ready(&listener), [7]);
    assert_eq!(take(&peer), b"hello");
}

#[test]
fn a_peer_without_a_token_or_closed_or_stopped_is_not_named() {
    let (listener, clients, peers) = named(4);
    for (client, peer) in clients.iter().zip(&peers) {
        client.send(b"news").unwrap();
        poll_until_queued(&listener, peer, 1);
    }
    peers[0].set_token(None).unwrap();
    peers[2].close();
    assert_eq!(peers[2].set_token(Some(9)), Err(Error::Unconfigured));
    assert_eq!(ready(&listener), [1, 3]);
    clients[0].send(b"unwatched").unwrap();
    poll_until_queued(&listener, &peers[0], 2);
    assert_eq!(ready(&listener), []);
    clients[1].send(b"news").unwrap();
    poll_until_queued(&listener, &peers[1], 2);
    listener.stop();
    assert_eq!(ready(&listener), []);
    assert_eq!(
        DatagramSocket::new().set_token(Some(1)),
        Err(Error::Unconfigured)
    );
}

#[test]
fn nothing_that_comes_while_others_look_is_missed() {
    const COUNT: u32 = 3000;
    /// So few in flight that the smallest buffer of a system holds them: the kernel drops none.
    const IN_FLIGHT: u32 = 50;
    let (listener, client, peer) = accepted();
    peer.set_token(Some(1)).unwrap();
    let received = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let _end_the_threads = OnPanic(|| peer.close());
        scope.spawn(|| {
            for number in 0..COUNT {
                while number >= received.load(Ordering::Relaxed) + IN_FLIGHT && peer.is_bound() {
                    std::thread::yield_now();
                }
                client.send(&number.to_be_bytes()).unwrap();
            }
        });
        let polling = scope.spawn(|| {
            while peer.is_bound() {
                listener.poll().unwrap();
                std::thread::yield_now();
            }
        });
        // Reads only when the peer is listed as ready.
        let mut next = 0;
        support::eventually("all of them", || {
            for token in ready(&listener) {
                assert_eq!(token, 1);
                let mut datagram = Vec::new();
                while peer.receive(&mut datagram).is_ok() {
                    assert_eq!(datagram, u32::to_be_bytes(next));
                    next += 1;
                    received.store(next, Ordering::Relaxed);
                }
            }
            next == COUNT
        });
        peer.close();
        polling.join().unwrap();
    });
}
