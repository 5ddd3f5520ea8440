//! A client whose server, an authenticated one, is hostile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use endpoint::{HandshakePool, Server, SharedConnection};
use enet::{Kind, MAX_PACKET, MAX_QUEUED, PeerId, SendError};
use testkit::SeededRng;
use testkit::enet::{CHANNELS, Commands, Connect, FRAGMENT};
use udp::{BindAddress, Listener};

use crate::hosts::{Clock, LOCALHOST, Node, server_context};
use crate::memory::held;

const MB: isize = 1 << 20;
/// What may be held beside: a thread keeps up to 2 MB of buffers for the next packets.
const SPARE: isize = 3 * MB;
/// ENet's MTU with DTLS.
const MTU: u32 = 1163;
const SOON: Duration = Duration::from_secs(20);
const TICK: Duration = Duration::from_millis(5);

/// A DTLS server whose ENet datagrams are made by hand, with one client.
struct HostileServer {
    listener: Arc<Listener>,
    server: Server,
    connection: Arc<SharedConnection>,
    received: Vec<Vec<u8>>,
}

impl HostileServer {
    fn new() -> Self {
        let pool = HandshakePool::new(|work| {
            let _ = endpoint::panics::catch("a handshake", work);
        });
        let server = Server::new(Arc::new(pool));
        server.set_up(server_context(), Instant::now()).unwrap();
        let listener = Arc::new(Listener::new());
        listener.listen(0, BindAddress::Ip(LOCALHOST)).unwrap();
        Self {
            listener,
            server,
            connection: Arc::default(),
            received: Vec::new(),
        }
    }

    /// Goes on with the handshake, and receives what the client has sent.
    fn poll(&mut self) {
        let now = Instant::now();
        let _ = self.listener.poll();
        self.server.registry().poll(now, |token| token);
        while let Some(socket) = self.listener.accept() {
            let connection = Arc::<SharedConnection>::default();
            let listener = Some(Arc::downgrade(&self.listener));
            let _ = self.server.accept(&connection, 1, socket, listener, now);
            if connection.is_open() {
                self.connection = connection;
            }
        }
        self.received.clear();
        let received = &mut self.received;
        while self
            .connection
            .take_waiting(|packet| received.push(packet.to_vec()))
            .is_some()
        {}
    }

    /// Sends a datagram to the client, at which the server is peer 0.
    fn send(&self, commands: &Commands) {
        let _ = self.connection.send(&commands.datagram(0));
    }
}

/// The client, and its server.
struct Attack {
    clock: Clock,
    server: HostileServer,
    client: Node,
    at_client: PeerId,
    connect: Connect,
    before: isize,
    peak: isize,
}

impl Attack {
    /// The client has asked for a connection, and has no answer.
    fn new() -> Self {
        let mut server = HostileServer::new();
        let mut client = Node::client();
        let mut clock = Clock::new();
        let address = (LOCALHOST, server.listener.local_port()).into();
        let at_client = client.host.connect(address, 0, 0).unwrap();
        let mut connect = None;
        let is_asked = clock.run(SOON, [&mut client], |[_]| {
            server.poll();
            connect = server.received.iter().find_map(|it| Connect::read(it));
            connect.is_some()
        });
        assert!(is_asked, "{:?}", client.lines);
        Self {
            clock,
            server,
            client,
            at_client,
            connect: connect.unwrap(),
            before: held(),
            peak: 0,
        }
    }

    /// The client is connected.
    fn connected() -> Self {
        let mut attack = Self::new();
        attack.server.send(&Commands::verify_connect(
            CHANNELS.into(),
            MTU,
            &attack.connect,
        ));
        attack.run(100, |_, _| {});
        assert_eq!(attack.client.connected(), Some(attack.at_client));
        attack.before = held();
        attack
    }

    /// Services both for so many ticks; returns how many bytes more were held at the most than before.
    fn run(&mut self, ticks: u32, mut attack: impl FnMut(&mut Self, u32)) -> isize {
        self.peak = held();
        for tick in 0..ticks {
            self.server.poll();
            attack(self, tick);
            self.client.service(self.clock.0);
            self.peak = self.peak.max(held());
            self.client.take_packets();
            self.clock.0 += TICK;
        }
        self.peak - self.before
    }

    /// The server says nothing more: the client gives it up, and frees what it holds.
    fn end(mut self) {
        let limit = Duration::from_secs(60);
        let (clock, client) = (&mut self.clock, &mut self.client);
        assert!(clock.run(limit, [client], |[client]| client.disconnected().is_some()));
        assert_eq!(self.client.disconnected(), Some((self.at_client, 0)));
        let left = held() - self.before;
        assert!(left < SPARE, "{left}");
        assert!(self.client.lines.len() <= 2, "{:?}", self.client.lines);
    }
}

#[test]
fn a_session_whose_server_does_not_answer_a_connect() {
    let mut attack = Attack::new();
    let mut rng = SeededRng::new(3);
    let held = attack.run(200, |attack, _| {
        for _ in 0..20 {
            attack.server.send(&Commands::random(&mut rng));
        }
    });
    // What is known of the packets that are taken for waiting ones.
    assert!(held < SPARE + 3 * MB, "{held}");
    assert_eq!(attack.client.connected(), None);
    attack.end();
}

#[test]
fn answers_without_end() {
    let mut rng = SeededRng::new(4);
    let mut attack = Attack::connected();
    let held = attack.run(200, |attack, _| {
        for _ in 0..20 {
            let (channels, mtu) = (rng.below(300) as u32, rng.below(1 << 32) as u32);
            attack
                .server
                .send(&Commands::verify_connect(channels, mtu, &attack.connect));
        }
        let sent = attack
            .client
            .host
            .send(attack.at_client, 0, &[7; 3000], Kind::Reliable);
        assert_eq!(sent, Ok(()));
    });
    assert!(held < SPARE + 3 * MB, "{held}");
    attack.end();
}

#[test]
fn everything_at_once() {
    let mut attack = Attack::connected();
    let (mut number, mut next) = (0_u16, 0_u32);
    let held = attack.run(400, |attack, tick| {
        let server = &attack.server;
        let channel = (tick % u32::from(CHANNELS)) as u8;
        number = number.wrapping_add(2);
        let total = [MAX_PACKET, 100_000, FRAGMENT + 1][tick as usize % 3];
        server.send(&Commands::default().last_fragment(channel, 40, total));
        server.send(&Commands::default().last_unreliable_fragment(channel, 0, number, total));
        server.send(&Commands::full(|commands, _| {
            next += 1;
            let number = 2 + (next / u32::from(CHANNELS)) as u16;
            commands.reliable((next % u32::from(CHANNELS)) as u8, number, b"gap")
        }));
        server.send(&Commands::full(|commands, at| {
            commands.unreliable(1, 0, number + at, b"")
        }));
        server.send(&Commands::full(|commands, at| {
            commands.unsequenced(2, number + at, b"")
        }));
        server.send(&Commands::full(|commands, at| commands.ping(at)));
        server.send(&Commands::full(|commands, at| {
            commands.bandwidth_limit(at, next << 7, next)
        }));
        server.send(&Commands::full(|commands, at| {
            commands.configure_throttle(at, [0, next, 1 << 31])
        }));
        server.send(&Commands::full(|commands, at| {
            commands.acknowledge(9, at, 0)
        }));
    });
    // ENet's 32 MB of packets that wait, and the one that goes over it.
    assert!(held < 64 * MB + 8 * MB, "{held}");
    attack.end();
}

#[test]
fn a_server_that_acknowledges_nothing() {
    let mut attack = Attack::connected();
    let packet = vec![0; 100_000];
    let mut is_full = false;
    let held = attack.run(200, |attack, _| {
        for _ in 0..20 {
            let host = &mut attack.client.host;
            let sent = host.send(attack.at_client, 0, &packet, Kind::Reliable);
            is_full |= sent == Err(SendError::QueueFull);
        }
    });
    assert!(is_full);
    assert!(held < MAX_QUEUED.cast_signed() + SPARE, "{held}");
    attack.end();
}
