//! This project's sessions as ends of a network.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use dtls::{CookieCheck, CookieJar, ServerContext, Session, Status};
use interop::End;

const CLIENT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), 40_000);

/// A client's session.
pub(crate) struct Client(pub(crate) Session);

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

    fn datagrams(&mut self) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        self.0
            .drain_datagrams(|datagram| datagrams.push(datagram.to_vec()));
        datagrams
    }

    fn is_connected(&self) -> bool {
        self.0.status() == Status::Connected
    }

    fn failure(&self) -> Option<String> {
        self.0.failure().map(|why| format!("ours: {why}"))
    }

    fn send(&mut self, packet: &[u8]) {
        self.0.send(packet).unwrap();
    }

    fn packets(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.0.next_packet(<[u8]>::to_vec)).collect()
    }
}

/// A server for one client: cookies first, then a session.
pub(crate) struct Server {
    context: ServerContext,
    jar: CookieJar,
    session: Option<Client>,
    answers: Vec<Vec<u8>>,
}

impl Server {
    pub(crate) fn new(context: ServerContext, now: Instant) -> Self {
        Self {
            context,
            jar: CookieJar::new(now).unwrap(),
            session: None,
            answers: Vec::new(),
        }
    }
}

impl End for Server {
    fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        match &mut self.session {
            Some(session) if !session.0.is_new_client_hello(datagram) => {
                session.handle_datagram(datagram, now);
            }
            _ => match self
                .jar
                .verify_cookie(datagram, CLIENT_ADDRESS, now)
                .unwrap()
            {
                CookieCheck::NotClientHello => {}
                CookieCheck::Unverified(request) => self.answers.push(request.as_bytes().to_vec()),
                CookieCheck::Verified => {
                    let session = Session::accept(&self.context, datagram, now);
                    if let Ok(session) = session {
                        self.session = Some(Client(session));
                    }
                }
            },
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

    fn datagrams(&mut self) -> Vec<Vec<u8>> {
        let mut datagrams = std::mem::take(&mut self.answers);
        if let Some(session) = &mut self.session {
            datagrams.extend(session.datagrams());
        }
        datagrams
    }

    fn is_connected(&self) -> bool {
        self.session.as_ref().is_some_and(End::is_connected)
    }

    fn failure(&self) -> Option<String> {
        self.session.as_ref()?.failure()
    }

    fn send(&mut self, packet: &[u8]) {
        self.session.as_mut().expect("a session").send(packet);
    }

    fn packets(&mut self) -> Vec<Vec<u8>> {
        self.session.as_mut().map(End::packets).unwrap_or_default()
    }
}
