//! A client and a server as a program would hold them, each with its own random numbers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::Instant;

use dtls::{CookieCheck, CookieJar, MAX_DATAGRAM, PACKET_QUEUE_BYTES, SendError, Session, Status};

use testkit::Clock;

use crate::random::Stream;
use crate::{credentials, random};

pub(crate) const CLIENT_ADDRESS: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), 40_000);

/// When every run begins; only differences from it matter.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Where a datagram that begins with a hello has the lower byte of the message's number.
const MESSAGE_NUMBER: usize = 18;

/// How many time-outs of a session may be due at one time.
const MOST_DUE: usize = 8;

/// How many datagrams an established session sends in answer to one at most: a server's last flight.
const MOST_ANSWERS: usize = 2;

/// Begins a run: the clock and the random numbers start from the beginning.
pub(crate) fn begin_run() -> Clock {
    // Made before the numbers start, so that it makes no difference which run makes them.
    credentials::server_context();
    credentials::client_context();
    random::restart();
    Clock::new(*START)
}

/// One end of a connection. Its guarantees are asserted after each call.
pub(crate) struct Side {
    stream: Stream,
    session: Option<Session>,
    /// A server's.
    jar: Option<CookieJar>,
    /// Answers that need no session.
    answers: Vec<Vec<u8>>,
    /// Whether the session has ended; it stays so.
    ended: bool,
}

impl Side {
    pub(crate) fn client(clock: Clock) -> Self {
        random::select(Stream::Client);
        let session = Session::connect(
            credentials::client_context(),
            credentials::SERVER_NAME,
            clock.now(),
        );
        Self {
            stream: Stream::Client,
            session: Some(session.expect("a client begins")),
            jar: None,
            answers: Vec::new(),
            ended: false,
        }
    }

    pub(crate) fn server(clock: Clock) -> Self {
        random::select(Stream::Server);
        Self {
            stream: Stream::Server,
            session: None,
            jar: Some(CookieJar::new(clock.now()).expect("a jar is made")),
            answers: Vec::new(),
            ended: false,
        }
    }

    pub(crate) fn status(&self) -> Option<Status> {
        self.session.as_ref().map(Session::status)
    }

    /// Takes one datagram from the network.
    pub(crate) fn handle(&mut self, datagram: &[u8], clock: Clock) {
        random::select(self.stream);
        match (&mut self.session, &mut self.jar) {
            (Some(session), Some(jar))
                if session.status() == Status::Connected
                    && session.is_new_client_hello(datagram) =>
            {
                // Every owner of an address can get a cookie for any hello, as in `begin_with`; a second hello has one.
                let is_second = datagram.get(MESSAGE_NUMBER) == Some(&1);
                match jar.verify_cookie(datagram, CLIENT_ADDRESS, clock.now()) {
                    Ok(CookieCheck::Unverified(request)) if !is_second => {
                        self.answers.push(request.as_bytes().to_vec());
                    }
                    _ => session.offer_restart(datagram, clock.now()),
                }
            }
            (Some(session), _) => {
                // What a handshake beside the session sends is a flight.
                let was_connected =
                    session.status() == Status::Connected && !session.is_restarting();
                let before = self.answers.len();
                session.handle_datagram(datagram, clock.now());
                if was_connected {
                    session.drain_datagrams(|datagram| self.answers.push(datagram.to_vec()));
                    let count = self.answers.len() - before;
                    assert!(count <= MOST_ANSWERS, "{count} answers to one datagram");
                }
            }
            (None, Some(jar)) => {
                let check = jar.verify_cookie(datagram, CLIENT_ADDRESS, clock.now());
                match check.expect("a cookie is computed") {
                    CookieCheck::NotClientHello => {}
                    CookieCheck::Unverified(request) => {
                        assert!(request.as_bytes().len() <= datagram.len());
                        self.answers.push(request.as_bytes().to_vec());
                    }
                    CookieCheck::Verified => self.begin_with(datagram, clock),
                }
            }
            (None, None) => {}
        }
        self.take_restarted();
        self.check();
    }

    /// Replaces the session by that of the restarted client, once its handshake is finished.
    fn take_restarted(&mut self) {
        if let Some(session) = &mut self.session
            && session.is_restarted()
        {
            assert_eq!(
                session.status(),
                Status::Connected,
                "the old session stays until then"
            );
            let restarted = session.take_restarted();
            self.session = Some(restarted.expect("a finished session is there to be taken"));
        }
    }

    /// Begins a server's session with a hello as if its cookie were valid: every owner of an address can get one.
    pub(crate) fn begin_with(&mut self, hello: &[u8], clock: Clock) {
        random::select(self.stream);
        self.session = Session::accept(credentials::server_context(), hello, clock.now()).ok();
        self.check();
    }

    pub(crate) fn has_session(&self) -> bool {
        self.session.is_some()
    }

    /// Does what is due by now.
    pub(crate) fn handle_timeouts(&mut self, clock: Clock) {
        random::select(self.stream);
        let is_due = |session: &Session| session.timeout().is_some_and(|at| at <= clock.now());
        if let Some(session) = &mut self.session {
            // Several things may be due at once.
            for _ in 0..MOST_DUE {
                if session.restart_is_due(clock.now()) {
                    let context = credentials::server_context();
                    // OpenSSL may refuse the hello; the session stays all the same.
                    let _ = session.accept_restart(context, clock.now());
                    assert_eq!(session.status(), Status::Connected);
                }
                if is_due(session) {
                    session.handle_timeout(clock.now());
                }
            }
            assert!(!session.is_restarted(), "a datagram finishes a handshake");
            assert!(!is_due(session), "time goes on");
        }
        self.check();
    }

    /// Sends a packet; whether it went out.
    pub(crate) fn send(&mut self, packet: &[u8]) -> bool {
        random::select(self.stream);
        let Some(session) = &mut self.session else {
            return false;
        };
        let sent = session.send(packet);
        assert_ne!(sent, Err(SendError::Failed), "a connected session can send");
        self.check();
        sent.is_ok()
    }

    pub(crate) fn next_packet(&mut self) -> Option<Vec<u8>> {
        let packet = self.session.as_mut()?.next_packet(<[u8]>::to_vec);
        self.check();
        packet
    }

    pub(crate) fn close(&mut self) {
        random::select(self.stream);
        if let Some(session) = &mut self.session {
            session.close();
            assert_eq!(session.packet_count(), 0);
        }
        self.check();
    }

    /// Takes the datagrams that it sends.
    pub(crate) fn datagrams(&mut self) -> Vec<Vec<u8>> {
        let mut datagrams = std::mem::take(&mut self.answers);
        if let Some(session) = &mut self.session {
            let is_shaking_hands = session.status() == Status::Handshaking;
            session.drain_datagrams(|datagram| {
                assert!(!is_shaking_hands || datagram.len() <= MAX_DATAGRAM);
                datagrams.push(datagram.to_vec());
            });
            assert!(!session.has_datagrams());
        }
        datagrams
    }

    fn check(&mut self) {
        let Some(session) = &self.session else {
            return;
        };
        let status = session.status();
        let is_over = matches!(status, Status::Closed | Status::Failed);
        assert!(is_over || !self.ended, "what has ended stays ended");
        self.ended = is_over;
        assert!(
            !is_over || session.timeout().is_none(),
            "nothing is due after the end"
        );
        assert!(!is_over || !session.takes_datagrams());
        assert_eq!(
            session.failure().is_some() && is_over,
            status == Status::Failed
        );
        // A record holds one byte at least, and the last datagram may bring a record more than there is room for.
        assert!(session.packet_count() <= PACKET_QUEUE_BYTES + MAX_DATAGRAM);
        if let Some(failure) = session.failure() {
            assert!(failure.to_string().len() < 1000, "a reason is a line");
        }
    }
}
