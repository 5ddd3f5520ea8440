//! Sockets on the loopback, threads, and real time.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use endpoint::{Event, SendError, Server, SharedConnection, Status};
use udp::{BindAddress, DatagramSocket, Listener};

use crate::simulation::{HOST, client_context, is_established, packets, server};

const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const TIME_LIMIT: Duration = Duration::from_secs(30);

struct Host {
    listener: Arc<Listener>,
    server: Server,
    served: Vec<(u64, Arc<SharedConnection>)>,
    events: Vec<Event>,
}

impl Host {
    fn new(threads: usize) -> Self {
        let listener = Arc::new(Listener::new());
        listener.set_max_pending(1000);
        listener.listen(0, BindAddress::Ip(IP)).unwrap();
        Self {
            listener,
            server: server(threads, Instant::now()),
            served: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Accepts, and polls the registry; the tokens of those with news.
    fn poll(&mut self) -> Vec<u64> {
        self.listener.poll().unwrap();
        while let Some(peer) = self.listener.accept() {
            let connection = Arc::new(SharedConnection::default());
            let token = self.served.last().map_or(0, |(token, _)| token + 1);
            let listener = Some(Arc::downgrade(&self.listener));
            let now = Instant::now();
            let events = self.server.accept(&connection, token, peer, listener, now);
            self.events.extend(events);
            if connection.status() == Status::Handshaking {
                self.served.push((token, connection));
            }
        }
        let polled = self.server.registry().poll(Instant::now(), |token| token);
        self.events.extend(polled.events);
        polled.changed
    }

    fn connect(&self) -> (Arc<DatagramSocket>, Arc<SharedConnection>) {
        let peer = Arc::new(DatagramSocket::new());
        peer.connect(IP, self.listener.local_port()).unwrap();
        let connection = Arc::new(SharedConnection::default());
        let transport = Arc::clone(&peer) as _;
        let begun = connection.connect(transport, &client_context(), HOST, Instant::now());
        begun.unwrap();
        (peer, connection)
    }

    /// Polls everything until `is_done`.
    fn run(&mut self, clients: &[Arc<SharedConnection>], mut is_done: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + TIME_LIMIT;
        while !is_done(self) {
            assert!(Instant::now() < deadline, "not done in time");
            self.poll();
            for client in clients {
                client.poll(Instant::now());
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn connected(&self) -> usize {
        let is_connected = |it: &&(u64, Arc<SharedConnection>)| it.1.status() == Status::Connected;
        self.served.iter().filter(is_connected).count()
    }
}

fn are_connected(connections: &[Arc<SharedConnection>]) -> bool {
    let is_connected = |it: &Arc<SharedConnection>| it.status() == Status::Connected;
    connections.iter().all(is_connected)
}

#[test]
fn a_crowd_connects_with_and_without_threads() {
    const CLIENTS: usize = 60;
    for threads in [0, 2] {
        let mut host = Host::new(threads);
        let clients: Vec<_> = (0..CLIENTS).map(|_| host.connect().1).collect();
        host.run(&clients, |host| {
            are_connected(&clients) && host.connected() == CLIENTS
        });
        // A thread's events come with the next poll.
        host.run(&clients, |host| {
            host.events.iter().filter(|it| is_established(it)).count() == CLIENTS
        });
        assert_eq!(host.events.len(), CLIENTS, "{:?}", host.events);
        for client in &clients {
            client.send(b"hello").unwrap();
        }
        host.run(&clients, |host| {
            host.served.iter().all(|(_, it)| it.packet_count() == 1)
        });
    }
}

#[test]
fn connections_at_rest_have_nothing_to_do_until_a_datagram_arrives() {
    let mut host = Host::new(0);
    let clients = [host.connect().1, host.connect().1];
    host.run(&clients, |host| {
        are_connected(&clients) && host.connected() == 2
    });
    host.poll();
    assert!(host.served.iter().all(|(_, it)| it.has_nothing_to_do()));
    clients[0].send(b"packet").unwrap();
    let mut named = Vec::new();
    let deadline = Instant::now() + TIME_LIMIT;
    while named.is_empty() && Instant::now() < deadline {
        named = host.poll();
    }
    let [token] = named[..] else {
        panic!("{named:?}");
    };
    let at = host.served.iter().position(|(it, _)| *it == token).unwrap();
    let (_, served) = &host.served[at];
    assert_eq!(packets(served, Instant::now()), [b"packet"]);
    assert_eq!(host.poll(), []);
}

#[test]
fn a_client_that_restarts_on_the_same_port_gets_a_new_connection() {
    let mut host = Host::new(0);
    let (peer, old) = host.connect();
    let clients = [Arc::clone(&old)];
    host.run(&clients, |host| {
        are_connected(&clients) && host.connected() == 1
    });
    // The process is killed, and the next one gets the same port: nothing is sent at the end of the old connection.
    std::mem::forget(old);
    let new = Arc::new(SharedConnection::default());
    let begun = new.connect(peer, &client_context(), HOST, Instant::now());
    begun.unwrap();
    let clients = [new];
    host.run(&clients, |host| {
        are_connected(&clients) && host.served.len() == 2 && host.connected() == 1
    });
    assert_eq!(host.served[0].1.status(), Status::Disconnected);
    clients[0].send(b"again").unwrap();
    host.run(&clients, |host| host.served[1].1.packet_count() == 1);
}

#[test]
fn a_stopped_listener_ends_its_connections() {
    let mut host = Host::new(0);
    let clients = [host.connect().1];
    host.run(&clients, |host| {
        are_connected(&clients) && host.connected() == 1
    });
    host.listener.stop();
    let (_, served) = &host.served[0];
    let events = served.poll(Instant::now());
    assert!(matches!(events[..], [Event::TransportBroken { .. }]));
    assert_eq!(served.status(), Status::Failed);
}

#[test]
fn threads_share_connections_and_a_server() {
    const CLIENTS: usize = 8;
    const PACKETS: usize = 200;
    let mut host = Host::new(2);
    let clients: Vec<_> = (0..CLIENTS).map(|_| host.connect().1).collect();
    host.run(&clients, |host| {
        are_connected(&clients) && host.connected() == CLIENTS
    });
    let is_over = AtomicBool::new(false);
    let received = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    // Read by several threads at once, while others send and receive.
                    for client in &clients {
                        client.poll(Instant::now());
                        assert_eq!(client.status(), Status::Connected);
                        assert!(client.cipher().is_some());
                    }
                    thread::yield_now();
                }
            });
        }
        for client in &clients {
            scope.spawn(move || {
                for number in 0..PACKETS {
                    client.send(&number.to_be_bytes()).unwrap();
                    thread::sleep(Duration::from_micros(100));
                }
            });
        }
        let mut received = vec![Vec::new(); CLIENTS];
        let deadline = Instant::now() + TIME_LIMIT;
        while received.iter().map(Vec::len).sum::<usize>() < CLIENTS * PACKETS
            && Instant::now() < deadline
        {
            host.poll();
            for (received, (_, served)) in received.iter_mut().zip(&host.served) {
                received.extend(packets(served, Instant::now()));
            }
        }
        is_over.store(true, Ordering::Relaxed);
        received
    });
    let expected: Vec<_> = (0..PACKETS).map(|it| it.to_be_bytes().to_vec()).collect();
    for received in received {
        assert_eq!(
            received, expected,
            "in order, and none is lost on the loopback"
        );
    }
}

#[test]
fn a_panic_ends_the_connection_that_it_happened_in_and_no_other() {
    let mut host = Host::new(0);
    let clients = [host.connect().1, host.connect().1];
    host.run(&clients, |host| {
        are_connected(&clients) && host.connected() == 2
    });
    for client in &clients {
        client.send(b"packet").unwrap();
    }
    host.run(&clients, |host| {
        host.served.iter().all(|(_, it)| it.packet_count() == 1)
    });
    let (_, served) = &host.served[0];
    let inner = Arc::clone(served);
    let panicked = thread::spawn(move || {
        inner.receive(Instant::now(), |_| panic!("as the test asks for"));
    });
    assert!(panicked.join().is_err());
    let sent = served.send(b"packet");
    assert_eq!(sent, Err(SendError::NotConnected));
    assert_eq!(served.status(), Status::Failed);
    assert_eq!(packets(&host.served[1].1, Instant::now()), [b"packet"]);
}
