//! A server and its clients on a network whose events the input lists: accept, restarts, closes and limits, as
//! [`endpoint`] implements them for a game.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use endpoint::{HandshakePool, Receive, Server, SharedConnection, Status, Transport};
use simulated::Network;
use testkit::{Clock, To};

use crate::credentials;
use crate::packets::Ledger;
use crate::random::{self, Stream};
use crate::sides;
use crate::steps::Bytes;

/// Events beyond this many only take time.
const MOST_EVENTS: usize = 300;
/// Datagrams that the network carries at once and remembers.
const MOST_DATAGRAMS: usize = 200;
const CLIENTS: usize = 3;
/// How many time-outs of a connection may be due at one time.
const MOST_DUE: usize = 8;
/// More connections than a run has datagrams to begin them with.
const MOST_ACCEPTED: u64 = (MOST_EVENTS + MOST_DATAGRAMS) as u64 * 4;

/// What an event's byte, modulo [`event::COUNT`], does; all others carry the datagram that is under way longest.
pub(crate) mod event {
    pub(crate) const CONNECT: u8 = 16;
    pub(crate) const DROP: u8 = 17;
    pub(crate) const DOUBLE: u8 = 18;
    pub(crate) const FLIP: u8 = 19;
    pub(crate) const CUT: u8 = 20;
    pub(crate) const DELAY: u8 = 21;
    pub(crate) const REPLAY: u8 = 22;
    pub(crate) const FORGE: u8 = 23;
    pub(crate) const INJECT: u8 = 24;
    pub(crate) const WAIT: u8 = 25;
    pub(crate) const SEND: u8 = 26;
    pub(crate) const ANSWER: u8 = 27;
    pub(crate) const CLOSE: u8 = 28;
    pub(crate) const CLOSE_SERVED: u8 = 29;
    pub(crate) const SETTLE: u8 = 30;
    pub(crate) const TAKE: u8 = 31;
    pub(crate) const COUNT: u8 = 32;
}

/// A datagram between the server and the client at this address.
type Datagram = (To, SocketAddr, Vec<u8>);

struct Client {
    address: SocketAddr,
    connection: Option<Arc<SharedConnection>>,
    to_client: Ledger,
    to_server: Ledger,
}

struct Served {
    client: usize,
    connection: Arc<SharedConnection>,
}

struct Endpoints {
    clock: Clock,
    network: Network,
    under_way: Arc<Mutex<VecDeque<Datagram>>>,
    /// Every datagram that arrived, as it was sent.
    history: Vec<Datagram>,
    server: Server,
    served: Vec<Served>,
    accepted: u64,
    clients: Vec<Client>,
    /// How many packets both sides took.
    taken: usize,
}

impl Endpoints {
    fn new() -> Self {
        let clock = sides::begin_run();
        random::select(Stream::Server);
        let pool = HandshakePool::new(|work| work()).with_threads(0);
        let server = Server::new(Arc::new(pool));
        let set_up = server.set_up(credentials::server_context().clone(), clock.now());
        set_up.expect("a server is set up");
        let network = Network::new();
        let under_way = Arc::new(Mutex::new(VecDeque::new()));
        let queue = Arc::clone(&under_way);
        network.set_filter(move |to, client, datagram| {
            let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.len() < MOST_DATAGRAMS {
                queue.push_back((to, client, datagram.to_vec()));
            }
            true
        });
        let clients = (0..CLIENTS).map(|number| Client {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 18, 0, number as u8)), 40_000),
            connection: None,
            to_client: Ledger::default(),
            to_server: Ledger::default(),
        });
        Self {
            clock,
            network,
            under_way,
            history: Vec::new(),
            server,
            served: Vec::new(),
            accepted: 0,
            clients: clients.collect(),
            taken: 0,
        }
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Datagram>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a client's connection. One that it has ends as with its process: nothing is sent.
    fn connect(&mut self, which: usize) {
        random::select(Stream::Client);
        let before = self.queue().len();
        self.clients[which].connection = None;
        self.queue().truncate(before);
        let address = self.clients[which].address;
        let connection = Arc::new(SharedConnection::default());
        drop(self.network.take_at_client(address));
        let transport = self.network.client(address);
        let (context, name) = (credentials::client_context(), credentials::SERVER_NAME);
        let begun = connection.connect(transport, context, name, self.clock.now());
        begun.expect("a client begins");
        self.clients[which].connection = Some(connection);
    }

    /// What a server's frame does: accepts, and polls what has something to do.
    fn poll_server(&mut self) {
        random::select(Stream::Server);
        let now = self.clock.now();
        while let Some(transport) = self.network.accept() {
            let address = transport.remote();
            let of_client = |it: &Client| Some(it.address) == address;
            let client = self.clients.iter().position(of_client);
            let client = client.expect("datagrams come from clients' addresses alone");
            self.accepted += 1;
            assert!(
                self.accepted < MOST_ACCEPTED,
                "one datagram begins one connection"
            );
            let connection = Arc::new(SharedConnection::default());
            let token = self.accepted;
            drop(self.server.accept(&connection, token, transport, None, now));
            if connection.status() == Status::Handshaking {
                self.served.push(Served { client, connection });
            }
        }
        let polled = self.server.registry().poll(now, |token| token);
        assert!(polled.changed.len() <= self.served.len());
        self.served.retain(|it| {
            matches!(
                it.connection.status(),
                Status::Handshaking | Status::Connected
            )
        });
    }

    fn poll_client(&mut self, which: usize) {
        random::select(Stream::Client);
        if let Some(connection) = &self.clients[which].connection {
            let before = connection.status();
            drop(connection.poll(self.clock.now()));
            let is_over = !matches!(before, Status::Handshaking | Status::Connected);
            assert!(!is_over || connection.status() == before, "it stays ended");
        }
    }

    fn deliver(&mut self, to: To, client: SocketAddr, datagram: &[u8]) {
        self.network.deliver(to, client, datagram);
        match to {
            To::Server => self.poll_server(),
            To::Client => {
                let which = self.clients.iter().position(|it| it.address == client);
                self.poll_client(which.expect("a client's address"));
            }
        }
    }

    /// Carries the oldest datagram; whether there was one.
    fn carry(&mut self) -> bool {
        let next = self.queue().pop_front();
        let Some((to, client, datagram)) = next else {
            return false;
        };
        self.deliver(to, client, &datagram);
        if self.history.len() < MOST_DATAGRAMS {
            self.history.push((to, client, datagram));
        }
        true
    }

    fn settle(&mut self) {
        for _ in 0..MOST_DATAGRAMS {
            if !self.carry() {
                return;
            }
        }
    }

    fn wait(&mut self, by: Duration) {
        self.clock.advance(by);
        for _ in 0..MOST_DUE {
            self.poll_server();
            (0..CLIENTS).for_each(|which| self.poll_client(which));
        }
    }

    /// Sends a client's packet.
    fn send(&mut self, which: usize, length: usize) {
        random::select(Stream::Client);
        let client = &mut self.clients[which];
        if let Some(connection) = &client.connection {
            let packet = client.to_server.next(length);
            if connection.send(&packet).is_ok() {
                client.to_server.sent(&packet);
            }
        }
    }

    /// Sends a packet to a client, on the newest connection that the server has with it.
    fn answer(&mut self, which: usize, length: usize) {
        random::select(Stream::Server);
        let mut newest_first = self.served.iter().rev();
        if let Some(served) = newest_first.find(|it| it.client == which) {
            let ledger = &mut self.clients[which].to_client;
            let packet = ledger.next(length);
            if served.connection.send(&packet).is_ok() {
                ledger.sent(&packet);
            }
        }
    }

    /// Takes every packet that waits; each must be one that was sent to the other end of that very connection.
    fn take(&mut self) {
        for served in &self.served {
            let ledger = &mut self.clients[served.client].to_server;
            self.taken += take(&served.connection, ledger, self.clock);
        }
        for client in &mut self.clients {
            if let Some(connection) = &client.connection {
                self.taken += take(connection, &mut client.to_client, self.clock);
            }
        }
    }

    fn act(&mut self, input: &mut Bytes<'_>) {
        match input.byte() % event::COUNT {
            event::CONNECT => self.connect(client(input)),
            event::DROP => drop(self.queue().pop_front()),
            event::DOUBLE => {
                let next = self.queue().front().cloned();
                if let Some((to, client, datagram)) = next {
                    self.carry();
                    self.deliver(to, client, &datagram);
                }
            }
            event::FLIP => {
                let bit = input.number();
                self.change_next(|datagram| {
                    let bit = bit % (datagram.len() * 8);
                    datagram[bit / 8] ^= 1 << (bit % 8);
                });
            }
            event::CUT => {
                let length = input.number();
                self.change_next(|datagram| datagram.truncate(length % datagram.len()));
            }
            event::DELAY => {
                let mut queue = self.queue();
                if let Some(next) = queue.pop_front() {
                    queue.push_back(next);
                }
            }
            event::REPLAY => {
                if let Some((to, client, datagram)) = self.remembered(input.byte()) {
                    self.deliver(to, client, &datagram);
                }
            }
            event::FORGE => {
                let remembered = self.remembered(input.byte());
                let (to, address) = (receiver(input), self.clients[client(input)].address);
                if let Some((_, _, datagram)) = remembered {
                    self.deliver(to, address, &datagram);
                }
            }
            event::INJECT => {
                let (to, address) = (receiver(input), self.clients[client(input)].address);
                let datagram = input.string();
                self.deliver(to, address, datagram);
            }
            event::WAIT => self.wait(Duration::from_millis(100) * u32::from(input.byte())),
            event::SEND => {
                let which = client(input);
                self.send(which, input.number());
            }
            event::ANSWER => {
                let which = client(input);
                self.answer(which, input.number());
            }
            event::CLOSE => {
                random::select(Stream::Client);
                if let Some(connection) = &self.clients[client(input)].connection {
                    connection.disconnect(self.clock.now());
                    assert_eq!(connection.packet_count(), 0);
                }
            }
            event::CLOSE_SERVED => {
                random::select(Stream::Server);
                let which = client(input);
                if let Some(served) = self.served.iter().rev().find(|it| it.client == which) {
                    served.connection.disconnect(self.clock.now());
                }
            }
            event::SETTLE => self.settle(),
            event::TAKE => self.take(),
            _ => drop(self.carry()),
        }
    }

    fn remembered(&self, place: u8) -> Option<Datagram> {
        let count = self.history.len().max(1);
        self.history.get(usize::from(place) % count).cloned()
    }

    /// Delivers the oldest datagram in another form.
    fn change_next(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        let next = self.queue().pop_front();
        if let Some((to, client, mut datagram)) = next {
            if !datagram.is_empty() {
                change(&mut datagram);
            }
            self.deliver(to, client, &datagram);
        }
    }
}

fn client(input: &mut Bytes<'_>) -> usize {
    usize::from(input.byte()) % CLIENTS
}

fn receiver(input: &mut Bytes<'_>) -> To {
    if input.byte().is_multiple_of(2) {
        To::Client
    } else {
        To::Server
    }
}

fn take(connection: &Arc<SharedConnection>, ledger: &mut Ledger, clock: Clock) -> usize {
    let mut count = 0;
    while connection.packet_count() > 0 {
        match connection.receive(clock.now(), <[u8]>::to_vec) {
            Receive::Packet(packet, _) => ledger.arrived(&packet),
            Receive::Ended(_) | Receive::NotConnected => break,
        }
        count += 1;
    }
    count
}

pub(crate) fn run(input: &[u8]) {
    run_input(input);
}

/// How many packets were taken, by both sides.
pub(crate) fn run_input(input: &[u8]) -> usize {
    let mut endpoints = Endpoints::new();
    let mut input = Bytes(input);
    for _ in 0..MOST_EVENTS {
        if input.is_empty() {
            break;
        }
        endpoints.act(&mut input);
    }
    endpoints.settle();
    endpoints.take();
    endpoints.wait(Duration::from_secs(61));
    let clients = endpoints.clients.iter();
    let connections = clients.flat_map(|client| &client.connection);
    let served = endpoints.served.iter().map(|served| &served.connection);
    for connection in connections.chain(served) {
        let status = connection.status();
        assert_ne!(status, Status::Handshaking, "a handshake has an end");
    }
    endpoints.taken
}
