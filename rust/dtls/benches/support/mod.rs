//! A client and a server that exchange datagrams in memory.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use dtls::{
    ClientContext, CookieCheck, CookieJar, Identity, Roots, ServerContext, Session, Status,
    Verification,
};
use testkit::certificates::{KeyKind, Leaf};

pub mod bare;
pub mod sockets;

const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 40_000);

/// What both sides of a game have: contexts made once, and the server's cookie jar.
pub struct Simulation {
    pub server: ServerContext,
    pub client: ClientContext,
    pub jar: CookieJar,
    pub now: Instant,
}

impl Simulation {
    /// A server with a self-signed certificate of this kind, which its clients trust.
    pub fn new(key: KeyKind) -> Self {
        let leaf = Leaf {
            key,
            ..Leaf::localhost()
        };
        let identity = testkit::certificates::Identity::self_signed(&leaf).unwrap();
        let (key, chain) = (identity.key_pem().unwrap(), identity.chain_pem().unwrap());
        let now = Instant::now();
        let roots = Roots::from_pem(&chain).unwrap();
        Self {
            server: ServerContext::new(&Identity::from_pem(&key, &chain, None).unwrap()).unwrap(),
            client: ClientContext::new(Verification::Full(roots)).unwrap(),
            jar: CookieJar::new(now).unwrap(),
            now,
        }
    }

    /// A client and its server's session, both connected.
    pub fn connect(&mut self) -> (Session, Session) {
        let mut client = Session::connect(&self.client, "localhost", self.now).unwrap();
        let mut server: Option<Session> = None;
        let mut under_way = Vec::new();
        loop {
            client.drain_datagrams(|datagram| under_way.push(datagram.to_vec()));
            for datagram in under_way.drain(..) {
                match &mut server {
                    Some(server) => server.handle_datagram(&datagram, self.now),
                    None => match self.jar.verify_cookie(&datagram, CLIENT, self.now).unwrap() {
                        CookieCheck::Unverified(answer) => {
                            let answer = answer.as_bytes().to_vec();
                            client.handle_datagram(&answer, self.now);
                        }
                        CookieCheck::Verified => {
                            let context = &self.server;
                            let session = Session::accept(context, &datagram, self.now);
                            server = Some(session.unwrap());
                        }
                        CookieCheck::NotClientHello => panic!("the hello is noise"),
                    },
                }
            }
            if let Some(server) = &mut server {
                server.drain_datagrams(|datagram| under_way.push(datagram.to_vec()));
            }
            for datagram in under_way.drain(..) {
                client.handle_datagram(&datagram, self.now);
            }
            if let Some(server) = server.take_if(|server| server.status() == Status::Connected)
                && client.status() == Status::Connected
            {
                return (client, server);
            }
        }
    }
}

/// The one datagram that a session wants to send.
pub fn datagram(session: &mut Session) -> Vec<u8> {
    let mut sent = Vec::new();
    session.drain_datagrams(|datagram| sent.extend_from_slice(datagram));
    sent
}
