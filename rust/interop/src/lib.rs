//! This project's sessions as ends of a simulation, for tests against other implementations of DTLS.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use dtls::{ClientContext, CookieCheck, CookieJar, ServerContext, Session, Status};
use testkit::simulation::End;

const CLIENT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), 40_000);

/// A client.
pub struct Client(Session);

impl Client {
    /// A client that begins its handshake with a server of that name.
    ///
    /// # Panics
    /// If OpenSSL refuses.
    pub fn new(context: &ClientContext, server_name: &str, now: Instant) -> Self {
        Self(Session::connect(context, server_name, now).expect("a session"))
    }
}

impl End for Client {
    fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        self.0.handle_datagram(datagram, now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }

    fn timeout(&self) -> Option<Instant> {
        self.0.timeout()
    }

    fn take_datagrams(&mut self) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        self.0
            .drain_datagrams(|datagram| datagrams.push(datagram.to_vec()));
        datagrams
    }

    fn is_connected(&self) -> bool {
        self.0.status() == Status::Connected
    }

    fn state(&self) -> String {
        format!("ours: {:?} {:?}", self.0.status(), self.0.failure())
    }

    fn send(&mut self, packet: &[u8]) {
        self.0.send(packet).expect("a connected session sends");
    }

    fn take_packets(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.0.next_packet(<[u8]>::to_vec)).collect()
    }
}

/// A server for one client: it verifies cookies, and then has a session.
pub struct Server {
    context: ServerContext,
    jar: CookieJar,
    session: Option<Client>,
    answers: Vec<Vec<u8>>,
}

impl Server {
    /// A server without a client.
    ///
    /// # Panics
    /// If OpenSSL gives no random numbers.
    pub fn new(context: ServerContext, now: Instant) -> Self {
        Self {
            context,
            jar: CookieJar::new(now).expect("random numbers"),
            session: None,
            answers: Vec::new(),
        }
    }
}

impl End for Server {
    fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        if let Some(session) = &mut self.session
            && !session.0.is_new_client_hello(datagram)
        {
            return session.handle_datagram(datagram, now);
        }
        match self.jar.verify_cookie(datagram, CLIENT_ADDRESS, now) {
            Ok(CookieCheck::Unverified(request)) => self.answers.push(request.as_bytes().to_vec()),
            Ok(CookieCheck::Verified) => {
                if let Ok(session) = Session::accept(&self.context, datagram, now) {
                    self.session = Some(Client(session));
                }
            }
            Ok(CookieCheck::NotClientHello) => {}
            Err(error) => panic!("no cookie: {error}"),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Some(session) = &mut self.session {
            session.handle_timeout(now);
        }
    }

    fn timeout(&self) -> Option<Instant> {
        self.session.as_ref()?.timeout()
    }

    fn take_datagrams(&mut self) -> Vec<Vec<u8>> {
        let mut datagrams = std::mem::take(&mut self.answers);
        if let Some(session) = &mut self.session {
            datagrams.extend(session.take_datagrams());
        }
        datagrams
    }

    fn is_connected(&self) -> bool {
        self.session.as_ref().is_some_and(End::is_connected)
    }

    fn state(&self) -> String {
        match &self.session {
            Some(session) => session.state(),
            None => "ours: without a session".to_owned(),
        }
    }

    fn send(&mut self, packet: &[u8]) {
        self.session.as_mut().expect("a session").send(packet);
    }

    fn take_packets(&mut self) -> Vec<Vec<u8>> {
        let session = self.session.as_mut();
        session.map(End::take_packets).unwrap_or_default()
    }
}
