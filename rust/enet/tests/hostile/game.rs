//! A server with honest clients, whose packets must arrive whatever others do.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use enet::{Kind, PeerId};

use crate::hosts::{Clock, Node};
use crate::memory::held;

const HONEST: usize = 2;
/// How many peers the server may have.
pub(crate) const PEERS: usize = 16;
/// How much time passes in a tick, unless a test changes it.
const TICK: Duration = Duration::from_millis(5);
/// How long an answer may take, in the test's time and in the system's, whose threads send and receive: a repetition,
/// should the system lose a datagram.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// The server, and clients that send it a numbered packet in each tick, which it answers.
pub(crate) struct Game {
    pub(crate) clock: Clock,
    pub(crate) server: Node,
    /// How much time passes in a tick.
    pub(crate) tick: Duration,
    honest: Vec<Honest>,
    /// Packets of others that the server has received.
    pub(crate) others: usize,
    /// The bytes that were held when the game began, and the most since an attack did.
    before: isize,
    peak: isize,
}

struct Honest {
    node: Node,
    at_client: PeerId,
    at_server: PeerId,
    /// When those were sent that are not answered, in the test's time and in the system's.
    waiting: VecDeque<(Instant, Instant)>,
    sent: u32,
    arrived: u32,
    answered: u32,
}

impl Game {
    pub(crate) fn new() -> Self {
        let mut clock = Clock::new();
        let mut server = Node::server(PEERS);
        let mut honest = Vec::new();
        while honest.len() < HONEST {
            let mut node = Node::client();
            let at_client = node.host.connect(server.address(), 2, 0).unwrap();
            server.events.clear();
            let limit = Duration::from_secs(20);
            let is_connected = clock.run(limit, [&mut server, &mut node], |[server, node]| {
                server.connected().is_some() && node.connected().is_some()
            });
            assert!(is_connected);
            honest.push(Honest {
                node,
                at_client,
                at_server: server.connected().unwrap(),
                waiting: VecDeque::new(),
                sent: 0,
                arrived: 0,
                answered: 0,
            });
        }
        let mut game = Self {
            clock,
            server,
            tick: TICK,
            honest,
            others: 0,
            peak: 0,
            before: 0,
        };
        // What is allocated once, such as buffers.
        game.play(100, |_, _| {});
        game.before = held();
        game
    }

    /// Plays for so many ticks; `attack` is called in each. Returns how many bytes more were held at the most than when the
    /// game began, its clients' and the attacker's included.
    pub(crate) fn play(&mut self, ticks: u32, mut attack: impl FnMut(&mut Self, u32)) -> isize {
        self.peak = held();
        for tick in 0..ticks {
            for honest in &mut self.honest {
                honest.send(self.clock.0);
            }
            attack(self, tick);
            self.tick();
        }
        self.peak - self.before
    }

    fn tick(&mut self) {
        let now = self.clock.0;
        for honest in &mut self.honest {
            honest.node.service(now);
        }
        self.server.service(now);
        // Before the packets are taken.
        self.peak = self.peak.max(held());
        for (peer, channel, packet) in self.server.take_packets() {
            let Some(honest) = self.honest.iter_mut().find(|it| it.at_server == peer) else {
                self.others += 1;
                continue;
            };
            assert_eq!(
                (channel, &packet[..]),
                (0, &honest.arrived.to_be_bytes()[..])
            );
            honest.arrived += 1;
            self.server
                .host
                .send(peer, 1, &packet, Kind::Reliable)
                .unwrap();
        }
        self.server.host.flush();
        for honest in &mut self.honest {
            honest.node.service(now);
            honest.take(now);
        }
        self.clock.0 += self.tick;
    }

    /// Bytes that are held more than when the game began.
    pub(crate) fn held(&self) -> isize {
        held() - self.before
    }

    /// Plays on without an attack, for a second and until all was answered.
    pub(crate) fn end(&mut self) {
        self.play(200, |_, _| {});
        let is_done = |it: &Honest| it.sent > 0 && it.answered == it.sent;
        // An answer that is late ends it.
        while !self.honest.iter().all(is_done) {
            self.tick();
        }
    }

    /// The peers of the server beside the honest clients.
    pub(crate) fn other_peers(&self) -> Vec<PeerId> {
        let is_honest = |peer: &PeerId| self.honest.iter().any(|it| it.at_server == *peer);
        self.server
            .host
            .peers()
            .filter(|it| !is_honest(it))
            .collect()
    }

    /// How many sessions the server has beside those of the honest clients.
    pub(crate) fn other_sessions(&self) -> usize {
        self.server.host.dtls_sessions() - HONEST
    }
}

impl Honest {
    fn send(&mut self, now: Instant) {
        let packet = self.sent.to_be_bytes();
        self.node
            .host
            .send(self.at_client, 0, &packet, Kind::Reliable)
            .unwrap();
        self.waiting.push_back((now, Instant::now()));
        self.sent += 1;
    }

    fn take(&mut self, now: Instant) {
        for (_, channel, packet) in self.node.take_packets() {
            if channel != 1 {
                continue;
            }
            assert_eq!(packet, self.answered.to_be_bytes());
            self.answered += 1;
            self.waiting.pop_front();
        }
        if let Some((sent, sent_really)) = self.waiting.front() {
            let is_late = now - *sent > ANSWER_LIMIT && sent_really.elapsed() > ANSWER_LIMIT;
            assert!(!is_late, "{} is not answered", self.answered);
        }
    }
}
