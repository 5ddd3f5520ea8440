//! A client's and a server's session on a simulated network.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::{Deref, DerefMut};
use std::sync::LazyLock;
use std::time::Instant;

use dtls::{
    ClientContext, CookieCheck, CookieJar, Identity, Roots, ServerContext, Session, Status,
    Verification,
};
use testkit::certificates::{self, Authority, Leaf};
use testkit::openssl_rng;
use testkit::simulation::End;

use crate::clock;

pub(crate) type Simulation = testkit::simulation::Simulation<Client, Server>;

pub(crate) const SERVER_NAME: &str = "localhost";
pub(crate) const CLIENT_ADDRESS: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), 40_000);

/// Made once: keys take long.
static AUTHORITY: LazyLock<Authority> =
    LazyLock::new(|| openssl_rng::with_seed(1, || Authority::new("Test root").unwrap()));
static SERVER: LazyLock<certificates::Identity> =
    LazyLock::new(|| AUTHORITY.issue(&Leaf::localhost()).unwrap());

pub(crate) fn authority() -> &'static Authority {
    &AUTHORITY
}

pub(crate) fn identity(identity: &certificates::Identity) -> Identity {
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

/// A client that begins its handshake, and a server.
pub(crate) fn start() -> Simulation {
    start_with(&server_context(), &client_context(), SERVER_NAME)
}

/// The same with these contexts; the client expects a server of that name.
pub(crate) fn start_with(server: &ServerContext, client: &ClientContext, name: &str) -> Simulation {
    let now = Instant::now();
    clock::set(clock::BEGINNING);
    let client = Client {
        session: Session::connect(client, name, now).unwrap(),
        reshape: None,
    };
    let server = Server {
        session: None,
        jar: CookieJar::new(now).unwrap(),
        numbers_from_one: false,
        restarts: 0,
        context: server.clone(),
        answers: Vec::new(),
    };
    Simulation::new(client, server, now)
}

/// A client and a server that are connected.
pub(crate) fn connected() -> Simulation {
    let mut simulation = start();
    simulation.run_until_connected();
    simulation
}

/// Takes every packet that waits.
pub(crate) fn taken(session: &mut Session) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| session.next_packet(<[u8]>::to_vec)).collect()
}

/// Makes datagrams of one that a client sent.
type Reshape = Box<dyn FnMut(Vec<u8>) -> Vec<Vec<u8>>>;

pub(crate) struct Client {
    pub(crate) session: Session,
    /// Changes the client's datagrams before the network carries them.
    pub(crate) reshape: Option<Reshape>,
}

impl Deref for Client {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}

impl End for Client {
    fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        self.session.handle_datagram(datagram, now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.session.handle_timeout(now);
    }

    fn timeout(&self) -> Option<Instant> {
        self.session.timeout()
    }

    fn take_datagrams(&mut self) -> Vec<Vec<u8>> {
        let datagrams = drained(&mut self.session);
        match &mut self.reshape {
            Some(reshape) => datagrams.into_iter().flat_map(reshape).collect(),
            None => datagrams,
        }
    }

    fn is_connected(&self) -> bool {
        self.session.status() == Status::Connected
    }

    fn state(&self) -> String {
        format!("{:?} {:?}", self.session.status(), self.session.failure())
    }

    fn send(&mut self, packet: &[u8]) {
        self.session.send(packet).unwrap();
    }

    fn take_packets(&mut self) -> Vec<Vec<u8>> {
        taken(&mut self.session)
    }
}

/// A server for one client: it verifies cookies, and then has a session.
pub(crate) struct Server {
    pub(crate) session: Option<Session>,
    pub(crate) jar: CookieJar,
    /// Whether it numbers its records from 1, whichever hello it answers.
    pub(crate) numbers_from_one: bool,
    /// How often the session of a restarted client took the place of an established one.
    pub(crate) restarts: u32,
    context: ServerContext,
    /// What it sends without a session, or before its present one.
    answers: Vec<Vec<u8>>,
}

impl Server {
    /// Its session, which it must have.
    pub(crate) fn session(&mut self) -> &mut Session {
        self.session.as_mut().expect("the server has a session")
    }

    fn accept(&mut self, datagram: &[u8], now: Instant) {
        if self.verify_cookie(datagram, now)
            && let Ok(session) = Session::accept(&self.context, datagram, now)
        {
            self.session = Some(session);
        }
    }

    /// Whether a hello has a valid cookie; a hello without one is answered with a HelloVerifyRequest.
    fn verify_cookie(&mut self, datagram: &[u8], now: Instant) -> bool {
        match self
            .jar
            .verify_cookie(datagram, CLIENT_ADDRESS, now)
            .unwrap()
        {
            CookieCheck::NotClientHello => false,
            CookieCheck::Unverified(request) => {
                self.answers.push(request.as_bytes().to_vec());
                false
            }
            CookieCheck::Verified => true,
        }
    }

    /// Moves the session's datagrams behind the answers.
    fn collect(&mut self) {
        for mut datagram in self.session.as_mut().map(drained).unwrap_or_default() {
            if self.numbers_from_one {
                number_from_one(&mut datagram);
            }
            self.answers.push(datagram);
        }
    }
}

impl End for Server {
    fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        match &mut self.session {
            Some(session) if session.status() == Status::Failed => self.accept(datagram, now),
            Some(session) if session.is_new_client_hello(datagram) => {
                if session.status() == Status::Handshaking {
                    self.accept(datagram, now);
                } else if self.verify_cookie(datagram, now) {
                    self.session().offer_restart(datagram, now);
                }
            }
            Some(session) => session.handle_datagram(datagram, now),
            None => self.accept(datagram, now),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        let Some(session) = &mut self.session else {
            return;
        };
        session.handle_timeout(now);
        if session.restart_is_due(now) {
            session.accept_restart(&self.context, now).unwrap();
        }
        if session.is_restarted() {
            self.collect();
            self.session = self.session().take_restarted();
            self.restarts += 1;
        }
    }

    fn timeout(&self) -> Option<Instant> {
        self.session.as_ref()?.timeout()
    }

    fn take_datagrams(&mut self) -> Vec<Vec<u8>> {
        self.collect();
        std::mem::take(&mut self.answers)
    }

    fn is_connected(&self) -> bool {
        let status = self.session.as_ref().map(Session::status);
        status == Some(Status::Connected)
    }

    fn state(&self) -> String {
        match &self.session {
            Some(session) => format!("{:?} {:?}", session.status(), session.failure()),
            None => "without a session".to_owned(),
        }
    }

    fn send(&mut self, packet: &[u8]) {
        self.session().send(packet).unwrap();
    }

    fn take_packets(&mut self) -> Vec<Vec<u8>> {
        taken(self.session())
    }
}

fn drained(session: &mut Session) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    session.drain_datagrams(|datagram| datagrams.push(datagram.to_vec()));
    datagrams
}

/// Sets the record numbers of epoch 0 back: those of attempts are 65,536 apart.
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
