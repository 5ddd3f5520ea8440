//! What all clients send in one tick is there at the next poll, however small the buffers are that the system gives.
//! Elsewhere than on Linux and Android, where a socket gets what it asks for, only what is the same everywhere is checked.

mod support;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use support::{
    ON_V4, OnPanic, V4, V6, accept, eventually, has_ipv6_loopback, plain_socket, plain_socket_on,
    take, wait_during,
};
use udp::{BindAddress, DatagramSocket, Error, Listener};

const SHARES_PORTS: bool = cfg!(target_os = "linux");

/// `net.core.rmem_default` is 212,992 bytes, which Linux makes of half as many asked for.
const DEFAULT: usize = 212_992 / 2;

const TICK: Duration = Duration::from_micros(16_667);

fn small_buffers(address: BindAddress) -> Listener {
    let listener = Listener::new();
    listener.set_kernel_buffer(DEFAULT, 8 << 20);
    listener.listen(0, address).unwrap();
    listener
}

/// As many clients as it takes for the port to get more sockets in the next poll, and their peers, with nothing queued.
fn crowd(listener: &Listener) -> Vec<(UdpSocket, Arc<DatagramSocket>)> {
    let crowd = (0..65).map(|_| {
        let client = plain_socket();
        client.connect((V4, listener.local_port())).unwrap();
        client.send(b"hello").unwrap();
        let peer = accept(listener);
        take(&peer);
        (client, peer)
    });
    crowd.collect()
}

/// A crowd, and the sockets that it takes.
fn crowd_on_many_sockets(listener: &Listener) -> Vec<(UdpSocket, Arc<DatagramSocket>)> {
    let crowd = crowd(listener);
    listener.poll().unwrap();
    crowd
}

/// How many of 1,000 clients' datagrams a listener hears, if each sends one in every tick, all at once and right after the
/// poll; each checked to be the next of its client.
fn heard(listener: &Listener, length: usize, ticks: u32) -> u64 {
    const CLIENTS: usize = 1000;
    listener.set_max_pending(CLIENTS);
    listener.listen(0, ON_V4).unwrap();
    let address = SocketAddr::new(V4, listener.local_port());
    let clients: Vec<(UdpSocket, Arc<DatagramSocket>)> = (0..CLIENTS)
        .map(|_| {
            let client = plain_socket();
            client.connect(address).unwrap();
            client.send(b"hello").unwrap();
            let peer = accept(listener);
            take(&peer);
            (client, peer)
        })
        .collect();
    let mut heard = 0;
    let mut last = [0; CLIENTS];
    let mut datagram = vec![0; length];
    let start = Instant::now();
    for tick in 1..=ticks {
        datagram[..4].copy_from_slice(&tick.to_be_bytes());
        for (client, _) in &clients {
            client.send(&datagram).unwrap();
        }
        std::thread::sleep((start + tick * TICK).saturating_duration_since(Instant::now()));
        listener.poll().unwrap();
        let mut into = Vec::new();
        for ((_, peer), last) in clients.iter().zip(&mut last) {
            while peer.receive(&mut into).is_ok() {
                let number = u32::from_be_bytes(into[..4].try_into().unwrap());
                assert!(number > *last, "in order and once");
                *last = number;
                heard += 1;
            }
        }
    }
    listener.stop();
    heard
}

fn check_a_thousand_clients(ticks: u32) {
    if !SHARES_PORTS {
        return;
    }
    for length in [100, 1200] {
        let listener = Listener::new();
        listener.set_kernel_buffer(DEFAULT, 8 << 20);
        assert_eq!(heard(&listener, length, ticks), u64::from(ticks) * 1000);
        // That the buffer is too small for it otherwise, as long as nothing is read ahead.
        listener.set_kernel_buffer(DEFAULT, 1);
        assert!(heard(&listener, length, 1) < 500);
    }
}

#[test]
fn nothing_of_a_thousand_clients_is_lost() {
    check_a_thousand_clients(90);
}

/// `cargo test --release -p udp --test kernel_buffer -- --ignored`
#[test]
#[ignore = "takes 40 seconds"]
fn nothing_of_a_thousand_clients_is_lost_in_twenty_seconds() {
    check_a_thousand_clients(1200);
}

#[test]
fn clients_of_both_families_are_told_apart_and_answered_from_the_port() {
    let listener = small_buffers(BindAddress::Any);
    let port = listener.local_port();
    let mut peers = HashMap::new();
    let mut clients = Vec::new();
    for index in 0..100_u8 {
        let ip = if index % 2 == 0 && has_ipv6_loopback() {
            V6
        } else {
            V4
        };
        let client = plain_socket_on(ip);
        client.connect((ip, port)).unwrap();
        for number in 0..3 {
            client.send(&[index, number]).unwrap();
        }
        let peer = accept(&listener);
        peers.insert(peer.remote().unwrap(), peer);
        clients.push(client);
    }
    eventually("all datagrams", || {
        listener.poll().unwrap();
        peers.values().all(|peer| peer.available() == Ok(3))
    });
    for (index, client) in clients.iter().enumerate() {
        let peer = &peers[&client.local_addr().unwrap()];
        for number in 0..3 {
            assert_eq!(take(peer), [index as u8, number]);
        }
        assert_eq!(peer.local_port(), port);
        peer.send(b"welcome").unwrap();
        // Connected: from anywhere else it would not arrive.
        let mut buffer = [0; 16];
        assert_eq!(client.recv(&mut buffer).unwrap(), 7);
    }
    assert!(!listener.has_pending());
}

#[test]
fn waiting_and_stopping_concern_every_socket_of_the_port() {
    let listener = small_buffers(ON_V4);
    let port = listener.local_port();
    let mut crowd = crowd_on_many_sockets(&listener);
    let (_client, peer) = crowd.remove(0);
    for _ in 0..20 {
        // Each comes to a socket of its own.
        let other = plain_socket();
        let waited = wait_during(&peer, |_| {
            std::thread::sleep(Duration::from_millis(2));
            other.send_to(b"wake up", (V4, port)).unwrap();
        });
        assert_eq!(waited, Ok(()));
        take(&accept(&listener));
    }
    listener.stop();
    let again = DatagramSocket::new();
    assert_eq!(again.bind(port, ON_V4, 1024), Ok(()), "the port is free");
    assert_eq!(peer.wait(), Err(Error::Unconfigured));
}

#[test]
fn what_is_sent_to_everybody_is_heard_once() {
    if !SHARES_PORTS {
        return;
    }
    let everybody = IpAddr::V4(Ipv4Addr::new(127, 255, 255, 255));
    for address in [
        BindAddress::Any,
        BindAddress::Ip(Ipv4Addr::UNSPECIFIED.into()),
    ] {
        let listener = small_buffers(address);
        listener.set_max_pending(100);
        let _crowd = crowd_on_many_sockets(&listener);
        let client = plain_socket();
        client.set_broadcast(true).unwrap();
        client
            .send_to(b"anybody?", (everybody, listener.local_port()))
            .unwrap();
        let peer = accept(&listener);
        std::thread::sleep(Duration::from_millis(20));
        listener.poll().unwrap();
        assert_eq!(peer.available(), Ok(1));
        // From the same socket to this machine alone.
        client.send_to(b"you", (V4, listener.local_port())).unwrap();
        eventually("the second", || {
            listener.poll().unwrap();
            peer.available() == Ok(2)
        });
        assert_eq!(take(&peer), b"anybody?");
        assert_eq!(take(&peer), b"you");
    }
}

#[test]
fn several_threads_that_poll_keep_every_clients_order() {
    // The sockets are opened while the clients send.
    const CLIENTS: usize = 80;
    const EACH: u32 = 300;
    let listener = small_buffers(ON_V4);
    listener.set_max_pending(CLIENTS);
    let address = SocketAddr::new(V4, listener.local_port());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end_the_threads = OnPanic(|| stop.store(true, Ordering::Relaxed));
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    listener.poll().unwrap();
                    std::thread::yield_now();
                }
            });
        }
        scope.spawn(|| {
            let clients: Vec<UdpSocket> = (0..CLIENTS).map(|_| plain_socket()).collect();
            // The kernel drops datagrams if the pollers do not run for a while, so it sends until enough have arrived.
            for number in 1_u32.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                for client in &clients {
                    client.send_to(&number.to_be_bytes(), address).unwrap();
                }
                // Half of a socket's buffer, should all clients share it, has to be read by then.
                std::thread::sleep(Duration::from_micros(500));
            }
        });
        let mut peers = Vec::new();
        let mut datagram = Vec::new();
        eventually("datagrams of every client", || {
            while let Some(peer) = listener.accept() {
                peers.push((peer, 0));
            }
            for (peer, last) in &mut peers {
                while peer.receive(&mut datagram).is_ok() {
                    let number = u32::from_be_bytes(datagram[..].try_into().unwrap());
                    assert!(number > *last, "{number} after {last}");
                    *last = number;
                }
            }
            peers.len() == CLIENTS && peers.iter().all(|(_, last)| *last >= EACH)
        });
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn more_than_a_poll_reads_of_one_socket_stays_in_order_while_the_port_gets_more_sockets() {
    const CLIENTS: usize = 64;
    let listener = small_buffers(ON_V4);
    let address = (V4, listener.local_port());
    let join = || {
        let client = plain_socket();
        client.connect(address).unwrap();
        client.send(b"hello").unwrap();
        let peer = accept(&listener);
        take(&peer);
        (client, peer)
    };
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| join()).collect();
    let send = |clients: &[(UdpSocket, Arc<DatagramSocket>)], number: u8| {
        for (client, _) in clients {
            client.send(&[number]).unwrap();
        }
    };
    // So many in one poll that the listener's thread reads ahead from then on.
    send(&clients, 0);
    listener.poll().unwrap();
    for (_, peer) in &clients {
        assert_eq!(take(peer), [0]);
    }
    // The next poll opens the sockets. Until then the thread reads 1,024 datagrams, and the others stay in the kernel.
    clients.push(join());
    for number in 1..=19 {
        send(&clients, number);
        std::thread::sleep(Duration::from_millis(1));
    }
    listener.poll().unwrap();
    for number in 20..=22 {
        send(&clients, number);
        std::thread::sleep(Duration::from_millis(2));
    }
    listener.poll().unwrap();
    let mut datagram = Vec::new();
    for (_, peer) in &clients {
        let mut last = 0;
        while peer.receive(&mut datagram).is_ok() {
            assert!(datagram[0] > last, "{} after {last}", datagram[0]);
            last = datagram[0];
        }
    }
}

#[test]
fn what_came_before_the_port_got_more_sockets_is_read_first() {
    let listener = small_buffers(ON_V4);
    let crowd = crowd(&listener);
    listener.set_max_pending(1);
    let stranger = plain_socket();
    stranger
        .send_to(b"hello", (V4, listener.local_port()))
        .unwrap();
    for (client, _) in &crowd {
        client.send(&[1]).unwrap();
    }
    std::thread::sleep(Duration::from_millis(20));
    // It opens the sockets, and stops reading at the stranger.
    assert!(listener.poll_round(1));
    for (client, peer) in &crowd {
        assert_eq!(peer.has_datagrams(), Ok(false));
        client.send(&[2]).unwrap();
    }
    eventually("both datagrams of all", || {
        listener.poll().unwrap();
        crowd.iter().all(|(_, peer)| peer.available() == Ok(2))
    });
    for (_, peer) in &crowd {
        assert_eq!((take(peer), take(peer)), (vec![1], vec![2]));
    }
}
