//! A client, a server and the network between them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use dtls::{
    ClientContext, CookieCheck, CookieJar, Identity, Roots, ServerContext, Session, Status,
    Verification,
};
use testkit::certificates::{Authority, Leaf};

use crate::{clock, dice};

pub(crate) const SERVER_NAME: &str = "localhost";

/// Made once: keys take long.
static AUTHORITY: LazyLock<Authority> =
    LazyLock::new(|| dice::throw(1, || Authority::new("Test root").unwrap()));
static SERVER: LazyLock<testkit::certificates::Identity> =
    LazyLock::new(|| AUTHORITY.issue(&Leaf::localhost()).unwrap());

pub(crate) fn authority() -> &'static Authority {
    &AUTHORITY
}

pub(crate) fn identity(identity: &testkit::certificates::Identity) -> Identity {
    let key = identity.key_pem().unwrap();
    let chain = identity.chain_pem().unwrap();
    Identity::from_pem(&key, &chain, None).unwrap()
}

pub(crate) fn server_context() -> ServerContext {
    ServerContext::new(&identity(&SERVER)).unwrap()
}

pub(crate) fn roots() -> Roots {
    Roots::from_pem(&AUTHORITY.certificate_pem().unwrap()).unwrap()
}

pub(crate) fn client_context() -> ClientContext {
    ClientContext::new(Verification::Full(roots())).unwrap()
}

/// What the network does to datagrams, in percent.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) delayed: u64,
    /// One bit of the datagram is another one, and no checksum tells; per mille.
    pub(crate) damaged: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum To {
    Client,
    Server,
}

/// Makes datagrams of one that a client sent.
type Reshape = Box<dyn FnMut(Vec<u8>) -> Vec<Vec<u8>>>;

pub(crate) struct World {
    pub(crate) client: Session,
    pub(crate) server: Option<Session>,
    pub(crate) jar: CookieJar,
    pub(crate) faults: Faults,
    /// The largest datagram that the network lets pass, in bytes; larger ones vanish.
    pub(crate) path: usize,
    /// Whether the server numbers its records from 1, whichever hello it answers.
    pub(crate) numbers_from_one: bool,
    /// What becomes of a client's datagrams before the network has them.
    pub(crate) reshape: Option<Reshape>,
    /// Every datagram that was sent, whether it arrived or not.
    pub(crate) sent: Vec<(To, Vec<u8>)>,
    /// How often a client that was started again took the place of an established session.
    pub(crate) restarts: u32,
    context: ServerContext,
    began: Instant,
    now: Instant,
    under_way: BTreeMap<(Instant, u64), (To, Vec<u8>)>,
    count: u64,
    random: u64,
}

pub(crate) const CLIENT_ADDRESS: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)),
    40_000,
);
const LATENCY: Duration = Duration::from_millis(20);

impl World {
    pub(crate) fn new() -> Self {
        Self::with(&server_context(), &client_context(), SERVER_NAME)
    }

    pub(crate) fn with(server: &ServerContext, client: &ClientContext, name: &str) -> Self {
        let now = Instant::now();
        clock::set(clock::BEGINNING);
        Self {
            client: Session::connect(client, name, now).unwrap(),
            server: None,
            jar: CookieJar::new(now).unwrap(),
            faults: Faults::default(),
            path: usize::MAX,
            numbers_from_one: false,
            reshape: None,
            sent: Vec::new(),
            restarts: 0,
            context: server.clone(),
            began: now,
            now,
            under_way: BTreeMap::new(),
            count: 0,
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// A world whose two sides are connected.
    pub(crate) fn connected() -> Self {
        let mut world = Self::new();
        world.run_until_connected();
        world
    }

    pub(crate) fn seed(&mut self, seed: u64) {
        self.random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    }

    /// Numbers drawn from a seed, other ones than the network's.
    pub(crate) fn numbers(seed: u64) -> impl FnMut() -> u64 {
        let mut random = seed.wrapping_mul(0xd134_2543_de82_ef95) | 1;
        move || {
            random = step(random);
            random >> 11
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.began
    }

    pub(crate) fn server(&mut self) -> &mut Session {
        self.server.as_mut().expect("the server has a session")
    }

    pub(crate) fn both_connected(&self) -> bool {
        let server = self.server.as_ref().map(Session::status);
        self.client.status() == Status::Connected && server == Some(Status::Connected)
    }

    pub(crate) fn run_until_connected(&mut self) {
        self.run(Duration::from_secs(70), World::both_connected);
        assert!(
            self.both_connected(),
            "client {:?} {:?}, server {:?} {:?}",
            self.client.status(),
            self.client.failure(),
            self.server.as_ref().map(Session::status),
            self.server.as_ref().and_then(Session::failure),
        );
    }

    /// Lets everything happen that is under way or due, for so long or until it is `done`.
    pub(crate) fn run(&mut self, time: Duration, done: impl Fn(&Self) -> bool) {
        let end = self.now + time;
        loop {
            self.collect();
            if done(self) {
                return;
            }
            let arrival = self.under_way.keys().next().map(|&(at, _)| at);
            let timeouts = [Some(&self.client), self.server.as_ref()]
                .into_iter()
                .flatten()
                .filter_map(Session::timeout);
            let Some(next) = timeouts.chain(arrival).min().filter(|&next| next <= end) else {
                self.set_time(end);
                return;
            };
            self.set_time(next.max(self.now));
            self.arrive();
            self.handle_timeouts();
        }
    }

    /// Lets everything that is under way arrive and be answered.
    pub(crate) fn settle(&mut self) {
        self.run(Duration::from_secs(1), |_| false);
    }

    /// Puts a datagram on its way, as anyone could.
    pub(crate) fn inject(&mut self, to: To, datagram: &[u8]) {
        self.count += 1;
        let key = (self.now, self.count);
        self.under_way.insert(key, (to, datagram.to_vec()));
    }

    /// Changes datagrams that have not arrived yet.
    pub(crate) fn change_under_way(&mut self, mut change: impl FnMut(To, &mut Vec<u8>)) {
        self.collect();
        for (to, datagram) in self.under_way.values_mut() {
            change(*to, datagram);
        }
    }

    /// Loses every datagram that has not arrived yet.
    pub(crate) fn drop_all_under_way(&mut self) {
        self.collect();
        self.under_way.clear();
    }

    fn set_time(&mut self, now: Instant) {
        self.now = now;
    }

    /// Takes what both sides want to send, and lets the network do its worst.
    fn collect(&mut self) {
        let mut outgoing = Vec::new();
        self.client
            .drain_datagrams(|datagram| outgoing.push((To::Server, datagram.to_vec())));
        if let Some(reshape) = &mut self.reshape {
            let whole = outgoing.drain(..).map(|(_, datagram)| datagram);
            let reshaped: Vec<_> = whole.flat_map(reshape).collect();
            outgoing.extend(reshaped.into_iter().map(|datagram| (To::Server, datagram)));
        }
        if let Some(server) = &mut self.server {
            server.drain_datagrams(|datagram| {
                let mut datagram = datagram.to_vec();
                if self.numbers_from_one {
                    number_from_one(&mut datagram);
                }
                outgoing.push((To::Client, datagram));
            });
        }
        for (to, datagram) in outgoing {
            self.send(to, datagram);
        }
    }

    fn send(&mut self, to: To, datagram: Vec<u8>) {
        self.sent.push((to, datagram.clone()));
        if datagram.len() > self.path {
            return;
        }
        let copies = if self.chance(self.faults.doubled) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            if self.chance(self.faults.lost) {
                continue;
            }
            let mut latency = LATENCY;
            if self.chance(self.faults.delayed) {
                latency += Duration::from_millis(self.next() % 200);
            }
            self.count += 1;
            let mut copy = datagram.clone();
            if self.next() % 1000 < self.faults.damaged {
                let bit = self.next() as usize % (copy.len() * 8);
                copy[bit / 8] ^= 1 << (bit % 8);
            }
            let key = (self.now + latency, self.count);
            self.under_way.insert(key, (to, copy));
        }
    }

    fn arrive(&mut self) {
        while let Some(entry) = self.under_way.first_entry() {
            if entry.key().0 > self.now {
                return;
            }
            let (to, datagram) = entry.remove();
            match to {
                To::Client => self.client.handle_datagram(&datagram, self.now),
                To::Server => self.reach_server(datagram),
            }
            // Both are called after every datagram, as an application's poll does.
            self.handle_timeouts();
            self.collect();
        }
    }

    /// Does what is due, as an application's poll does.
    fn handle_timeouts(&mut self) {
        self.client.handle_timeout(self.now);
        let Some(server) = &mut self.server else {
            return;
        };
        server.handle_timeout(self.now);
        if server.restart_is_due(self.now) {
            server.accept_restart(&self.context, self.now).unwrap();
        }
        if server.is_restarted() {
            self.collect();
            self.server = self.server().take_restarted();
            self.restarts += 1;
        }
    }

    /// What a server does with a datagram: its session's, or an unverified client's.
    fn reach_server(&mut self, datagram: Vec<u8>) {
        match &mut self.server {
            Some(session) if session.status() == Status::Failed => self.accept_hello(datagram),
            Some(session) if session.is_new_client_hello(&datagram) => {
                if session.status() == Status::Handshaking {
                    self.accept_hello(datagram);
                } else if self.verify_cookie(&datagram) {
                    let now = self.now;
                    self.server().offer_restart(&datagram, now);
                }
            }
            Some(session) => session.handle_datagram(&datagram, self.now),
            None => self.accept_hello(datagram),
        }
    }

    fn accept_hello(&mut self, datagram: Vec<u8>) {
        if self.verify_cookie(&datagram)
            && let Ok(session) = Session::accept(&self.context, &datagram, self.now)
        {
            self.server = Some(session);
        }
    }

    /// Whether a hello has a cookie that holds; answers it if it has none.
    fn verify_cookie(&mut self, datagram: &[u8]) -> bool {
        match self
            .jar
            .verify_cookie(datagram, CLIENT_ADDRESS, self.now)
            .unwrap()
        {
            CookieCheck::NotClientHello => false,
            CookieCheck::Unverified(request) => {
                self.send(To::Client, request.as_bytes().to_vec());
                false
            }
            CookieCheck::Verified => true,
        }
    }

    fn chance(&mut self, percent: u64) -> bool {
        percent > 0 && self.next() % 100 < percent
    }

    /// The next of the network's random numbers: the same seed gives the same run.
    pub(crate) fn next(&mut self) -> u64 {
        self.random = step(self.random);
        self.random >> 11
    }
}

/// Attempts are 65,536 numbers apart.
fn number_from_one(datagram: &mut [u8]) {
    let mut start = 0;
    while start < datagram.len() {
        let record = &mut datagram[start..];
        if record[3..5] == [0, 0] {
            record[5..9].fill(0);
        }
        start += 13 + usize::from(u16::from_be_bytes([record[11], record[12]]));
    }
}

/// A xorshift generator.
pub(crate) fn step(mut random: u64) -> u64 {
    random ^= random << 13;
    random ^= random >> 7;
    random ^ (random << 17)
}

/// Takes every packet that waits.
pub(crate) fn taken(session: &mut Session) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| session.next_packet(<[u8]>::to_vec)).collect()
}
