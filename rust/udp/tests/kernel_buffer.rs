//! The next poll delivers what all clients sent in a tick, however small the buffers are that the system grants. On
//! systems other than Linux, which grant the size that is asked for, only the rest is checked.

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

/// Linux's default: it grants twice of it, `net.core.rmem_default`.
const DEFAULT: usize = 212_992 / 2;

const TICK: Duration = Duration::from_micros(16_667);

fn small_buffers(address: BindAddress) -> Listener {
    let listener = Listener::new();
    listener.set_kernel_buffer(DEFAULT, 8 << 20);
    listener.listen(0, address).unwrap();
    listener
}

/// As many clients as it takes for the next poll to open more sockets, and their accepted sockets, with nothing queued.
fn crowd(listener: &Listener) -> Vec<(UdpSocket, Arc<DatagramSocket>)> {
    let crowd = (0..65).map(|_| {
        let client = plain_socket();
        client.connect((V4, listener.local_port())).unwrap();
        client.send(b"hello").unwrap();
        let socket = accept(listener);
        take(&socket);
        (client, socket)
    });
    crowd.collect()
}

/// As [`crowd`], after that poll.
fn crowd_on_many_sockets(listener: &Listener) -> Vec<(UdpSocket, Arc<DatagramSocket>)> {
    let crowd = crowd(listener);
    listener.poll().unwrap();
    crowd
}

/// How many datagrams of 1,000 clients a listener receives, if each client sends one a tick, all right after the poll.
/// Checks the order of each client's.
fn received(listener: &Listener, length: usize, ticks: u32) -> u64 {
    const CLIENTS: usize = 1000;
    listener.set_max_pending(CLIENTS);
    listener.listen(0, ON_V4).unwrap();
    let address = SocketAddr::new(V4, listener.local_port());
    let clients: Vec<(UdpSocket, Arc<DatagramSocket>)> = (0..CLIENTS)
        .map(|_| {
            let client = plain_socket();
            client.connect(address).unwrap();
            client.send(b"hello").unwrap();
            let socket = accept(listener);
            take(&socket);
            (client, socket)
        })
        .collect();
    let mut received = 0;
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
        for ((_, socket), last) in clients.iter().zip(&mut last) {
            while socket.receive(&mut into).is_ok() {
                let number = u32::from_be_bytes(into[..4].try_into().unwrap());
                assert!(number > *last, "in order and once");
                *last = number;
                received += 1;
            }
        }
    }
    listener.stop();
    received
}

fn check_a_thousand_clients(ticks: u32) {
    if !SHARES_PORTS {
        return;
    }
    for length in [100, 1200] {
        let listener = Listener::new();
        listener.set_kernel_buffer(DEFAULT, 8 << 20);
        assert_eq!(received(&listener, length, ticks), u64::from(ticks) * 1000);
        // One socket's buffer is too small, as long as nothing is read ahead.
        listener.set_kernel_buffer(DEFAULT, 1);
        assert!(received(&listener, length, 1) < 500);
    }
}

#[test]
fn no_datagram_of_a_thousand_clients_is_lost() {
    check_a_thousand_clients(90);
}

/// `cargo test --release -p udp --test kernel_buffer -- --ignored`
#[test]
#[ignore = "takes 40 seconds"]
fn no_datagram_of_a_thousand_clients_is_lost_in_twenty_seconds() {
    check_a_thousand_clients(1200);
}

#[test]
fn clients_of_both_families_get_a_socket_each_that_sends_from_the_port() {
    let listener = small_buffers(BindAddress::Any);
    let port = listener.local_port();
    let mut sockets = HashMap::new();
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
        let socket = accept(&listener);
        sockets.insert(socket.remote().unwrap(), socket);
        clients.push(client);
    }
    eventually("all datagrams", || {
        listener.poll().unwrap();
        sockets.values().all(|socket| socket.available() == Ok(3))
    });
    for (index, client) in clients.iter().enumerate() {
        let socket = &sockets[&client.local_addr().unwrap()];
        for number in 0..3 {
            assert_eq!(take(socket), [index as u8, number]);
        }
        assert_eq!(socket.local_port(), port);
        socket.send(b"welcome").unwrap();
        // The client is connected: it receives from the port only.
        let mut buffer = [0; 16];
        assert_eq!(client.recv(&mut buffer).unwrap(), 7);
    }
    assert!(!listener.has_pending());
}

#[test]
fn waiting_and_stopping_apply_to_every_socket_of_the_port() {
    let listener = small_buffers(ON_V4);
    let port = listener.local_port();
    let mut crowd = crowd_on_many_sockets(&listener);
    let (_client, socket) = crowd.remove(0);
    for _ in 0..20 {
        // The kernel chooses a socket for each.
        let other = plain_socket();
        let waited = wait_during(&socket, |_| {
            std::thread::sleep(Duration::from_millis(2));
            other.send_to(b"wake up", (V4, port)).unwrap();
        });
        assert_eq!(waited, Ok(()));
        take(&accept(&listener));
    }
    listener.stop();
    let again = DatagramSocket::new();
    assert_eq!(again.bind(port, ON_V4, 1024), Ok(()), "the port is free");
    assert_eq!(socket.wait(), Err(Error::Unconfigured));
}

#[test]
fn a_broadcast_is_received_once() {
    if !SHARES_PORTS {
        return;
    }
    let broadcast = IpAddr::V4(Ipv4Addr::new(127, 255, 255, 255));
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
            .send_to(b"anybody?", (broadcast, listener.local_port()))
            .unwrap();
        let socket = accept(&listener);
        std::thread::sleep(Duration::from_millis(20));
        listener.poll().unwrap();
        assert_eq!(socket.available(), Ok(1));
        // From the same socket to this address.
        client.send_to(b"you", (V4, listener.local_port())).unwrap();
        eventually("the second", || {
            listener.poll().unwrap();
            socket.available() == Ok(2)
        });
        assert_eq!(take(&socket), b"anybody?");
        assert_eq!(take(&socket), b"you");
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
        let mut sockets = Vec::new();
        let mut datagram = Vec::new();
        eventually("datagrams of every client", || {
            while let Some(socket) = listener.accept() {
                sockets.push((socket, 0));
            }
            for (socket, last) in &mut sockets {
                while socket.receive(&mut datagram).is_ok() {
                    let number = u32::from_be_bytes(datagram[..].try_into().unwrap());
                    assert!(number > *last, "{number} after {last}");
                    *last = number;
                }
            }
            sockets.len() == CLIENTS && sockets.iter().all(|(_, last)| *last >= EACH)
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
        let socket = accept(&listener);
        take(&socket);
        (client, socket)
    };
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| join()).collect();
    let send = |clients: &[(UdpSocket, Arc<DatagramSocket>)], number: u8| {
        for (client, _) in clients {
            client.send(&[number]).unwrap();
        }
    };
    // Enough in one poll for reading ahead to begin.
    send(&clients, 0);
    listener.poll().unwrap();
    for (_, socket) in &clients {
        assert_eq!(take(socket), [0]);
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
    for (_, socket) in &clients {
        let mut last = 0;
        while socket.receive(&mut datagram).is_ok() {
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
    let new_client = plain_socket();
    new_client
        .send_to(b"hello", (V4, listener.local_port()))
        .unwrap();
    for (client, _) in &crowd {
        client.send(&[1]).unwrap();
    }
    std::thread::sleep(Duration::from_millis(20));
    // It opens the sockets, and stops reading at the new client.
    assert!(listener.poll_round(1));
    for (client, socket) in &crowd {
        assert_eq!(socket.has_datagrams(), Ok(false));
        client.send(&[2]).unwrap();
    }
    eventually("both datagrams of all", || {
        listener.poll().unwrap();
        crowd.iter().all(|(_, socket)| socket.available() == Ok(2))
    });
    for (_, socket) in &crowd {
        assert_eq!((take(socket), take(socket)), (vec![1], vec![2]));
    }
}
