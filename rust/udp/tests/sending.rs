//! Sending by a listener's I/O thread.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use udp::{BindAddress, DatagramSocket, Listener};

const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A listener and `count` clients, each with its accepted socket.
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
    let mut sockets = HashMap::new();
    while let Some(socket) = listener.accept() {
        sockets.insert(socket.remote().unwrap(), socket);
    }
    let pairs = clients.into_iter().map(|client| {
        let socket = sockets.remove(&client.local_addr().unwrap()).unwrap();
        (client, socket)
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
fn everything_arrives_in_order_whether_sent_directly_or_by_the_thread() {
    let (listener, clients) = clients(50);
    for tick in 0..40 {
        for (_, socket) in &clients {
            socket.send_deferred(&u32::to_be_bytes(2 * tick)).unwrap();
            socket
                .send_deferred(&u32::to_be_bytes(2 * tick + 1))
                .unwrap();
        }
        if tick % 3 == 0 {
            // A new tick, perhaps before the thread has sent all of the last one's.
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
fn what_is_queued_is_sent_before_the_listener_stops_and_the_port_is_free_then() {
    for _ in 0..20 {
        let (listener, clients) = clients(30);
        let port = listener.local_port();
        for tick in 0..10 {
            for (_, socket) in &clients {
                socket.send_deferred(&u32::to_be_bytes(tick)).unwrap();
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
fn sockets_of_several_threads_send_at_once() {
    let (listener, clients) = clients(40);
    std::thread::scope(|scope| {
        for part in clients.chunks(10) {
            scope.spawn(move || {
                for number in 0..50_u32 {
                    for (_, socket) in part {
                        socket.send_deferred(&number.to_be_bytes()).unwrap();
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
