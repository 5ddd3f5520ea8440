//! A server, its clients, and the time, which passes when a test says so.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use dtls::{ClientContext, Identity, Roots, ServerContext, Verification};
use endpoint::{Event, HandshakePool, Receive, Server, SharedConnection, Status, Transport};
use simulated::Network;
use testkit::certificates::{Authority, Leaf};

pub(crate) const HOST: &str = "localhost";
/// How often everything is polled.
const TICK: Duration = Duration::from_millis(20);

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("Test root").unwrap());
static SERVER: LazyLock<ServerContext> = LazyLock::new(|| {
    let identity = AUTHORITY.issue(&Leaf::localhost()).unwrap();
    let (key, chain) = (identity.key_pem().unwrap(), identity.chain_pem().unwrap());
    ServerContext::new(&Identity::from_pem(&key, &chain, None).unwrap()).unwrap()
});
static CLIENT: LazyLock<ClientContext> = LazyLock::new(|| {
    let roots = Roots::from_pem(&AUTHORITY.certificate_pem().unwrap()).unwrap();
    ClientContext::new(Verification::Full(roots)).unwrap()
});

pub(crate) fn server_context() -> ServerContext {
    SERVER.clone()
}

pub(crate) fn client_context() -> ClientContext {
    CLIENT.clone()
}

/// A server with keys. Its pool has this many threads.
pub(crate) fn server(threads: usize, now: Instant) -> Server {
    let pool = HandshakePool::new(|work| work()).with_threads(threads);
    let server = Server::new(Arc::new(pool));
    server.set_up(server_context(), now).unwrap();
    server
}

/// Client number so many, each at an address of its own.
pub(crate) fn client_address(number: u16) -> SocketAddr {
    let [high, low] = number.to_be_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 18, high, low)), 40_000)
}

pub(crate) struct Simulation {
    pub(crate) now: Instant,
    pub(crate) network: Network,
    pub(crate) server: Server,
    /// What the server's owner has, by token. Failed and closed ones are dropped.
    pub(crate) served: Vec<(u64, Arc<SharedConnection>)>,
    pub(crate) server_events: Vec<Event>,
    /// How many transports were accepted.
    pub(crate) accepted: u64,
}

pub(crate) struct Client {
    pub(crate) connection: Arc<SharedConnection>,
    pub(crate) events: Vec<Event>,
}

impl Simulation {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            now,
            network: Network::new(),
            server: server(0, now),
            served: Vec::new(),
            server_events: Vec::new(),
            accepted: 0,
        }
    }

    pub(crate) fn client(&self, address: SocketAddr) -> Client {
        self.client_with(address, HOST, Arc::default())
    }

    pub(crate) fn client_with(
        &self,
        address: SocketAddr,
        host: &str,
        connection: Arc<SharedConnection>,
    ) -> Client {
        let transport = self.network.client(address) as Arc<dyn Transport>;
        let begun = connection.connect(transport, &client_context(), host, self.now);
        begun.unwrap();
        Client {
            connection,
            events: Vec::new(),
        }
    }

    /// Accepts new clients, and polls all that have something to do.
    pub(crate) fn poll_server(&mut self) {
        while let Some(transport) = self.network.accept() {
            let connection = Arc::new(SharedConnection::default());
            self.accepted += 1;
            let token = self.accepted;
            let events = self
                .server
                .accept(&connection, token, transport, None, self.now);
            self.server_events.extend(events);
            self.served.push((token, connection));
        }
        let polled = self.server.registry().poll(self.now, |token| token);
        self.server_events.extend(polled.events);
        self.served.retain(|(_, connection)| {
            matches!(connection.status(), Status::Handshaking | Status::Connected)
        });
    }

    /// Passes time, in which everything is polled.
    pub(crate) fn pass(&mut self, time: Duration, clients: &mut [&mut Client]) {
        let end = self.now + time;
        loop {
            self.poll_server();
            for client in clients.iter_mut() {
                client.events.extend(client.connection.poll(self.now));
            }
            if self.now >= end {
                break;
            }
            self.now = end.min(self.now + TICK);
        }
    }

    /// A client at this address that is connected, and the server's connection to it.
    pub(crate) fn connected(&mut self, address: SocketAddr) -> (Client, Arc<SharedConnection>) {
        let mut client = self.client(address);
        self.pass(Duration::from_millis(200), &mut [&mut client]);
        assert_eq!(client.connection.status(), Status::Connected);
        let (_, served) = self.served.last().unwrap();
        assert_eq!(served.status(), Status::Connected);
        (client, Arc::clone(served))
    }
}

/// The packets that wait at a connection.
pub(crate) fn packets(connection: &Arc<SharedConnection>, now: Instant) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while connection.packet_count() > 0 {
        match connection.receive(now, <[u8]>::to_vec) {
            Receive::Packet(packet, _) => packets.push(packet),
            other => panic!("{other:?}"),
        }
    }
    packets
}

pub(crate) fn is_established(event: &Event) -> bool {
    matches!(event, Event::Established { .. })
}
