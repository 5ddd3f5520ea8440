//! A busy listener's I/O thread reads between two polls. On one processor there is no such thread, and only the rest is
//! checked.

mod support;

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use support::{ON_V4, V4, accept, eventually, plain_socket, take, wait_during};
use udp::{DatagramSocket, Error, Listener};

/// As many as it takes for reading ahead to begin.
const CLIENTS: usize = 64;

/// The receive buffer asked for, in bytes: room for about 80 small datagrams on Linux.
const SMALL: usize = 32 << 10;

struct Crowd {
    listener: Listener,
    clients: Vec<(UdpSocket, Arc<DatagramSocket>)>,
}

impl Crowd {
    /// Clients of a listener with one socket and a small buffer.
    fn new() -> Crowd {
        let listener = Listener::new();
        listener.set_kernel_buffer(SMALL, 1);
        listener.listen(0, ON_V4).unwrap();
        let clients = (0..CLIENTS).map(|_| {
            let client = plain_socket();
            client.connect((V4, listener.local_port())).unwrap();
            client.send(b"hello").unwrap();
            let socket = accept(&listener);
            take(&socket);
            (client, socket)
        });
        let clients = clients.collect();
        Crowd { listener, clients }
    }

    fn send(&self, number: u8) {
        for (client, _) in &self.clients {
            client.send(&[number]).unwrap();
        }
    }

    /// A poll of enough datagrams for reading ahead to begin.
    fn busy_poll(&self) {
        self.send(0);
        self.listener.poll().unwrap();
        for (_, socket) in &self.clients {
            assert_eq!(take(socket), [0]);
        }
    }

    /// All clients send `rounds` datagrams each, more than the socket's buffer holds, with pauses. Returns how many of
    /// them the next poll delivers, after checking each client's order.
    fn received_of_rounds(&self, rounds: u8) -> usize {
        for number in 1..=rounds {
            self.send(number);
            std::thread::sleep(Duration::from_millis(3));
        }
        self.listener.poll().unwrap();
        let mut received = 0;
        let mut datagram = Vec::new();
        for (_, socket) in &self.clients {
            let mut last = 0;
            while socket.receive(&mut datagram).is_ok() {
                assert!(datagram[0] > last, "in order and once");
                last = datagram[0];
                received += 1;
            }
        }
        received
    }
}

fn has_thread() -> bool {
    std::thread::available_parallelism().is_ok_and(|count| count.get() > 1)
}

#[test]
fn a_busy_listener_receives_more_than_the_socket_holds_and_only_when_it_polls() {
    const ROUNDS: u8 = 10;
    let all = usize::from(ROUNDS) * CLIENTS;
    let crowd = Crowd::new();
    let without = crowd.received_of_rounds(ROUNDS);
    assert!(without < all, "the buffer is too small for them");
    if !has_thread() {
        return;
    }
    // Repeated: other programs may keep the thread from running.
    eventually("all of them", || {
        crowd.busy_poll();
        crowd.send(1);
        std::thread::sleep(Duration::from_millis(3));
        for (_, socket) in &crowd.clients {
            assert_eq!(socket.available(), Ok(0), "not polled");
        }
        crowd.listener.poll().unwrap();
        for (_, socket) in &crowd.clients {
            assert_eq!(take(socket), [1]);
        }
        crowd.received_of_rounds(ROUNDS) == all
    });
}

#[test]
fn new_clients_that_were_read_ahead_are_pending_after_the_poll_as_far_as_there_is_room() {
    let crowd = Crowd::new();
    crowd.listener.set_max_pending(3);
    crowd.busy_poll();
    let new_clients: Vec<UdpSocket> = (0..8_u8)
        .map(|number| {
            let client = plain_socket();
            let to = (V4, crowd.listener.local_port());
            client.send_to(&[number], to).unwrap();
            client.send_to(&[number, number], to).unwrap();
            client
        })
        .collect();
    std::thread::sleep(Duration::from_millis(3));
    assert!(!crowd.listener.has_pending(), "not polled");
    // A step of a round reads until no further socket may be pending, and leaves the rest for the next.
    let sockets: Vec<Arc<DatagramSocket>> = new_clients
        .iter()
        .map(|client| {
            assert!(crowd.listener.poll_round(1));
            let socket = crowd.listener.accept().unwrap();
            assert_eq!(socket.remote(), Some(client.local_addr().unwrap()));
            socket
        })
        .collect();
    crowd.listener.poll().unwrap();
    for (socket, number) in sockets.iter().zip(0..) {
        assert_eq!(
            (take(socket), take(socket)),
            (vec![number], vec![number; 2])
        );
    }
    assert_eq!(crowd.listener.refused(), 0);
}

#[test]
fn waiting_ends_for_a_datagram_that_was_read_ahead() {
    let crowd = Crowd::new();
    crowd.busy_poll();
    let (client, socket) = &crowd.clients[0];
    for number in 1..20 {
        client.send(&[number]).unwrap();
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(wait_during(socket, |_| ()), Ok(()));
        crowd.listener.poll().unwrap();
        assert_eq!(take(socket), [number]);
    }
}

#[test]
fn a_listener_stops_while_its_thread_reads_ahead_and_discards_what_it_read() {
    for _ in 0..20 {
        let crowd = Crowd::new();
        let port = crowd.listener.local_port();
        crowd.busy_poll();
        crowd.send(1);
        std::thread::sleep(Duration::from_micros(200));
        crowd.listener.stop();
        UdpSocket::bind((V4, port)).expect("the port is free");
        for (_, socket) in &crowd.clients {
            assert_eq!(socket.receive(&mut Vec::new()), Err(Error::Failed));
        }
        crowd.listener.listen(port, ON_V4).unwrap();
        crowd.listener.poll().unwrap();
        assert!(!crowd.listener.has_pending());
    }
}
