//! The documented scripts never poll: `while server.is_connection_available(): take_connection()`. `poll_round` polls,
//! once a round, so that the loop accepts every client and still ends within a frame during a flood of new addresses.

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use support::{OnPanic, V4, eventually, listener, plain_socket, take};
use udp::Listener;

/// The documented loop in one frame. Returns how many sockets it accepted.
fn frame(listener: &Listener, tick: u64) -> usize {
    let mut taken = 0;
    while listener.poll_round(tick) {
        assert!(listener.accept().is_some(), "true means one is there");
        taken += 1;
        assert!(taken < 10_000, "the loop does not end");
    }
    taken
}

/// A socket on an address of its own where the machine has all of 127.0.0.0/8, else on a port of its own.
fn socket_at(index: usize) -> UdpSocket {
    let ip = if cfg!(target_os = "linux") {
        IpAddr::V4(Ipv4Addr::new(127, 1, (index >> 8) as u8, index as u8))
    } else {
        V4
    };
    UdpSocket::bind((ip, 0)).unwrap()
}

#[test]
fn a_while_loop_without_poll_accepts_every_client() {
    let (listener, address) = listener();
    let clients: Vec<UdpSocket> = (0..5).map(|_| plain_socket()).collect();
    for client in &clients {
        client.send_to(b"hello", address).unwrap();
    }
    let mut tick = 0;
    let mut taken = 0;
    eventually("all clients", || {
        tick += 1;
        taken += frame(&listener, tick);
        taken == clients.len()
    });
}

#[test]
fn the_loop_ends_with_what_one_poll_found_and_the_next_loop_polls_again() {
    let (listener, address) = listener();
    let clients: Vec<UdpSocket> = (0..3).map(|_| plain_socket()).collect();
    clients[0].send_to(b"one", address).unwrap();
    eventually("the first", || listener.poll_round(7));
    // These arrive while the loop is running.
    clients[1].send_to(b"two", address).unwrap();
    clients[2].send_to(b"three", address).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(take(&listener.accept().unwrap()), b"one");
    assert!(!listener.poll_round(7), "the round has ended");
    assert_eq!(frame(&listener, 7), 2, "a second loop in the frame polls");
}

#[test]
fn clients_that_arrive_at_once_are_accepted_in_one_frame_though_few_may_be_pending() {
    const COUNT: usize = 60;
    let (listener, address) = listener();
    let clients: Vec<UdpSocket> = (0..COUNT).map(|_| plain_socket()).collect();
    for client in &clients {
        client.send_to(b"hello", address).unwrap();
    }
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(listener.max_pending(), 16);
    assert_eq!(frame(&listener, 1), COUNT);
    assert_eq!(listener.refused(), 0);
}

#[test]
fn an_if_once_a_frame_polls_in_every_frame() {
    let (listener, address) = listener();
    let first = plain_socket();
    let second = plain_socket();
    first.send_to(b"hello", address).unwrap();
    second.send_to(b"hello", address).unwrap();
    eventually("both", || {
        listener.poll().unwrap();
        first.send_to(b"more", address).unwrap();
        listener.poll_round(0)
    });
    let socket = listener.accept().unwrap();
    // Another is pending, so each result is true; the accepted one receives all the same.
    for tick in 1..10 {
        let mut into = Vec::new();
        while socket.receive(&mut into).is_ok() {}
        first.send_to(&[tick as u8], address).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        assert!(listener.poll_round(tick));
        assert_eq!(take(&socket), [tick as u8]);
    }
}

#[test]
fn accepted_sockets_receive_by_poll_round_alone() {
    let (listener, address) = listener();
    let client = plain_socket();
    client.connect(address).unwrap();
    client.send(b"hello").unwrap();
    let mut tick = 0;
    eventually("the client", || {
        tick += 1;
        listener.poll_round(tick)
    });
    let socket = listener.accept().unwrap();
    take(&socket);
    client.send(b"and more").unwrap();
    eventually("the packet", || {
        tick += 1;
        assert!(!listener.poll_round(tick));
        socket.available() == Ok(1)
    });
}

#[test]
fn a_flood_of_new_addresses_does_not_keep_the_loop_from_ending() {
    const FRAMES: u64 = 200;
    const FRAMES_AT_MOST: u64 = 60_000;
    let (listener, address) = listener();
    let stop = AtomicBool::new(false);
    let sent = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let _end_the_flood = OnPanic(|| stop.store(true, Ordering::Relaxed));
        // Every datagram comes from a socket of its own: with 127.1.x.y and a fresh port each, a new address.
        scope.spawn(|| {
            for index in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let _ = socket_at(index % 60_000).send_to(b"flood", address);
                sent.fetch_add(1, Ordering::Relaxed);
            }
        });
        eventually("the flood", || sent.load(Ordering::Relaxed) > 100);
        let mut accepted = Vec::new();
        for tick in 0.. {
            // As many frames as it takes to see that the flood is larger than what may be pending.
            if tick >= FRAMES && accepted.len() > 100 && listener.refused() > 0 {
                break;
            }
            assert!(tick < FRAMES_AT_MOST, "there was no flood");
            let before = accepted.len();
            while listener.poll_round(tick) {
                accepted.extend(listener.accept());
                let taken = accepted.len() - before;
                assert!(taken <= 4 * listener.max_pending(), "the loop does not end");
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_thousand_addresses_get_a_socket_each() {
    const COUNT: usize = 1000;
    let (listener, address) = listener();
    listener.set_max_pending(COUNT);
    let clients: Vec<UdpSocket> = (0..COUNT).map(socket_at).collect();
    let mut sockets = std::collections::HashMap::new();
    for (index, client) in clients.iter().enumerate() {
        client.send_to(&index.to_be_bytes(), address).unwrap();
        for socket in
            std::iter::from_fn(|| listener.poll_round(index as u64).then(|| listener.accept()))
        {
            let socket = socket.unwrap();
            sockets.insert(socket.remote().unwrap(), socket);
        }
    }
    eventually("a socket for each", || {
        listener.poll().unwrap();
        while let Some(socket) = listener.accept() {
            sockets.insert(socket.remote().unwrap(), socket);
        }
        sockets.len() == COUNT
    });
    for (index, client) in clients.iter().enumerate() {
        let from: SocketAddr = client.local_addr().unwrap();
        assert_eq!(take(&sockets[&from]), index.to_be_bytes());
    }
    // Stopping closes all of them.
    listener.stop();
    assert!(sockets.values().all(|socket| !socket.is_bound()));
}
