//! A listener returns the tokens of the sockets that received datagrams.

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

/// Accepted sockets with their index as token, nothing queued.
fn with_tokens(count: usize) -> (Listener, Vec<UdpSocket>, Vec<Arc<DatagramSocket>>) {
    let (listener, address) = listener();
    let mut clients = Vec::new();
    let mut sockets = Vec::new();
    for token in 0..count as u64 {
        let client = plain_socket();
        client.connect(address).unwrap();
        client.send(b"hello").unwrap();
        let socket = accept(&listener);
        take(&socket);
        socket.set_token(Some(token)).unwrap();
        sockets.push(socket);
        clients.push(client);
    }
    assert_eq!(ready(&listener), [], "nothing is new");
    (listener, clients, sockets)
}

#[test]
fn sockets_that_received_are_listed_once_and_in_order() {
    let (listener, clients, sockets) = with_tokens(5);
    for index in [3, 1, 3, 4, 1] {
        clients[index].send(b"news").unwrap();
    }
    for (index, count) in [(3, 2), (1, 2), (4, 1)] {
        poll_until_queued(&listener, &sockets[index], count);
    }
    assert_eq!(ready(&listener), [3, 1, 4]);
    assert_eq!(ready(&listener), []);
    // A datagram that was listed and not taken is not listed again; the next one is.
    clients[1].send(b"more").unwrap();
    poll_until_queued(&listener, &sockets[1], 3);
    assert_eq!(ready(&listener), [1]);
}

#[test]
fn a_socket_is_listed_for_what_is_queued_already() {
    let (listener, address) = listener();
    let client = plain_socket();
    client.send_to(b"hello", address).unwrap();
    let socket = accept(&listener);
    socket.set_token(Some(u64::MAX)).unwrap();
    socket.set_token(Some(7)).unwrap();
    assert_eq!(ready(&listener), [7]);
    assert_eq!(take(&socket), b"hello");
}

#[test]
fn a_socket_without_a_token_or_closed_or_stopped_is_not_listed() {
    let (listener, clients, sockets) = with_tokens(4);
    for (client, socket) in clients.iter().zip(&sockets) {
        client.send(b"news").unwrap();
        poll_until_queued(&listener, socket, 1);
    }
    sockets[0].set_token(None).unwrap();
    sockets[2].close();
    assert_eq!(sockets[2].set_token(Some(9)), Err(Error::Unconfigured));
    assert_eq!(ready(&listener), [1, 3]);
    clients[0].send(b"unwatched").unwrap();
    poll_until_queued(&listener, &sockets[0], 2);
    assert_eq!(ready(&listener), []);
    clients[1].send(b"news").unwrap();
    poll_until_queued(&listener, &sockets[1], 2);
    listener.stop();
    assert_eq!(ready(&listener), []);
    assert_eq!(
        DatagramSocket::new().set_token(Some(1)),
        Err(Error::Unconfigured)
    );
}

#[test]
fn nothing_that_arrives_while_another_thread_takes_the_list_is_missed() {
    const COUNT: u32 = 3000;
    /// So few in flight that the smallest buffer of a system holds them: the kernel drops none.
    const IN_FLIGHT: u32 = 50;
    let (listener, client, socket) = accepted();
    socket.set_token(Some(1)).unwrap();
    let received = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let _end_the_threads = OnPanic(|| socket.close());
        scope.spawn(|| {
            for number in 0..COUNT {
                while number >= received.load(Ordering::Relaxed) + IN_FLIGHT && socket.is_bound() {
                    std::thread::yield_now();
                }
                client.send(&number.to_be_bytes()).unwrap();
            }
        });
        let polling = scope.spawn(|| {
            while socket.is_bound() {
                listener.poll().unwrap();
                std::thread::yield_now();
            }
        });
        // Receives only when the token is listed.
        let mut next = 0;
        support::eventually("all of them", || {
            for token in ready(&listener) {
                assert_eq!(token, 1);
                let mut datagram = Vec::new();
                while socket.receive(&mut datagram).is_ok() {
                    assert_eq!(datagram, u32::to_be_bytes(next));
                    next += 1;
                    received.store(next, Ordering::Relaxed);
                }
            }
            next == COUNT
        });
        socket.close();
        polling.join().unwrap();
    });
}
