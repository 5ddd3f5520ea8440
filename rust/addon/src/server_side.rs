//! What all peers of one DTLS server share.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dtls::{CookieCheck, CookieJar, ServerContext, Session};

use crate::address_limits::AddressLimits;
use crate::engine_link::Outbox;
use crate::link::Link;

/// Up to so many handshakes at once are done while the script polls, as the engine does them. One costs a server some
/// 0.1 ms with an ECDSA key and 0.3 ms with RSA-2048.
const WITHOUT_THREADS: usize = 4;

/// How many handshakes beside established sessions ([`Session::accept_restart`]) a server keeps at once. When so many
/// have begun after one, it is dropped.
const MOST_RESTARTS: u64 = 256;

/// How many sessions of clients that were started again wait for the script to take them, and for how long.
const MOST_RESTARTED: usize = 256;
const RESTARTED_WAIT: Duration = Duration::from_secs(60);

/// A server's keys and cookies, and how busy it is.
pub(crate) struct ServerSide {
    pub(crate) context: ServerContext,
    cookies: Mutex<CookieJar>,
    /// How many of its peers shake hands.
    underway: AtomicUsize,
    limits: Arc<AddressLimits>,
    /// How many handshakes beside established sessions have begun.
    restarts: AtomicU64,
    /// Oldest first.
    restarted: Mutex<VecDeque<Restarted>>,
}

/// The session of a client that was started again, until `take_connection()` is called for its address.
struct Restarted {
    address: ClientAddress,
    since: Instant,
    session: Session,
}

/// Where a client's datagrams come from, and to which of the server's ports.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientAddress {
    pub(crate) remote: SocketAddr,
    pub(crate) local_port: u16,
}

impl ServerSide {
    pub(crate) fn new(context: ServerContext, cookies: CookieJar) -> Self {
        Self {
            context,
            cookies: Mutex::new(cookies),
            underway: AtomicUsize::new(0),
            limits: Arc::default(),
            restarts: AtomicU64::new(0),
            restarted: Mutex::default(),
        }
    }

    /// Has it keep to these limits for each address.
    pub(crate) fn with_limits(mut self, limits: &Arc<AddressLimits>) -> Self {
        self.limits = Arc::clone(limits);
        self
    }

    /// Whether so many clients shake hands at once that a game would notice if it had to wait for each.
    pub(crate) fn is_crowded(&self) -> bool {
        self.underway.load(Ordering::Relaxed) > WITHOUT_THREADS
    }

    /// Judges a client's hello, and answers it if it has no cookie that holds; whether it has one.
    pub(crate) fn greet(
        &self,
        link: &mut Link,
        datagram: &[u8],
        now: Instant,
        outbox: &mut Outbox,
    ) -> Result<bool, dtls::ConfigError> {
        let Some(client) = link.remote() else {
            return Ok(false);
        };
        let greeting = self
            .cookies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .verify_cookie(datagram, client, now)?;
        if let CookieCheck::Unverified(request) = &greeting {
            // A client that is gone by now is forgotten all the same.
            link.answer(request.as_bytes(), outbox);
        }
        Ok(greeting == CookieCheck::Verified)
    }

    /// Keeps the finished session that `hand_over` gives, for [`take_restarted`](Self::take_restarted); whether it gives
    /// one. It may show the new peer to other threads, which find the session there.
    pub(crate) fn keep_restarted(
        &self,
        address: ClientAddress,
        hand_over: impl FnOnce() -> Option<Session>,
    ) -> bool {
        let mut restarted = self.restarted();
        let Some(session) = hand_over() else {
            return false;
        };
        let since = Instant::now();
        restarted
            .retain(|it| it.address != address && since.duration_since(it.since) < RESTARTED_WAIT);
        if restarted.len() >= MOST_RESTARTED {
            restarted.pop_front();
        }
        restarted.push_back(Restarted {
            address,
            since,
            session,
        });
        true
    }

    /// The finished session of a client that was started again at this address.
    pub(crate) fn take_restarted(&self, address: ClientAddress) -> Option<Session> {
        let mut restarted = self.restarted();
        let at = restarted.iter().position(|it| it.address == address)?;
        let taken = restarted.remove(at)?;
        (taken.since.elapsed() < RESTARTED_WAIT).then_some(taken.session)
    }

    fn restarted(&self) -> MutexGuard<'_, VecDeque<Restarted>> {
        self.restarted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stands for one of a server's handshakes, for as long as it is unfinished.
pub(crate) struct Underway {
    server: Arc<ServerSide>,
    client: Option<IpAddr>,
    /// Of a handshake beside an established session: how many such had begun before.
    restart: Option<u64>,
}

impl Underway {
    /// A handshake with a client at this address; `None` if as many have begun there as may.
    pub(crate) fn begin(server: &Arc<ServerSide>, client: Option<IpAddr>) -> Option<Self> {
        let may_begin = client.is_none_or(|client| server.limits.begin(client, Instant::now()));
        may_begin.then(|| {
            server.underway.fetch_add(1, Ordering::Relaxed);
            Self {
                server: Arc::clone(server),
                client,
                restart: None,
            }
        })
    }

    /// As [`begin`](Self::begin), beside an established session.
    pub(crate) fn begin_restart(server: &Arc<ServerSide>, client: Option<IpAddr>) -> Option<Self> {
        let mut underway = Self::begin(server, client)?;
        underway.restart = Some(server.restarts.fetch_add(1, Ordering::Relaxed));
        Some(underway)
    }

    /// Whether too many handshakes beside established sessions have begun after this one.
    pub(crate) fn is_outdated(&self) -> bool {
        let begun = self.server.restarts.load(Ordering::Relaxed);
        self.restart
            .is_some_and(|before| begun - before > MOST_RESTARTS)
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.server.underway.fetch_sub(1, Ordering::Relaxed);
        if let Some(client) = self.client {
            self.server.limits.finish(client);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use dtls::{ClientContext, Identity, Verification};
    use testkit::certificates::{Authority, Leaf};

    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

    fn server() -> Arc<ServerSide> {
        let identity = Authority::new("Test root").unwrap();
        let identity = identity.issue(&Leaf::localhost()).unwrap();
        let (key, chain) = (identity.key_pem().unwrap(), identity.chain_pem().unwrap());
        let identity = Identity::from_pem(&key, &chain, None).unwrap();
        let cookies = CookieJar::new(Instant::now()).unwrap();
        let context = ServerContext::new(&identity).unwrap();
        Arc::new(ServerSide::new(context, cookies))
    }

    /// Any session does.
    fn session() -> Session {
        let context = ClientContext::new(Verification::DangerousNone).unwrap();
        Session::connect(&context, "localhost", Instant::now()).unwrap()
    }

    fn address(port: u16) -> ClientAddress {
        ClientAddress {
            remote: SocketAddr::new(CLIENT, port),
            local_port: 4242,
        }
    }

    #[test]
    fn the_oldest_of_too_many_handshakes_beside_sessions_is_outdated() {
        let server = server();
        server.limits.set_a_second(0);
        let first = Underway::begin_restart(&server, Some(CLIENT)).unwrap();
        let second = Underway::begin_restart(&server, Some(CLIENT)).unwrap();
        for _ in 2..=MOST_RESTARTS {
            drop(Underway::begin_restart(&server, Some(CLIENT)).unwrap());
        }
        assert!(first.is_outdated());
        assert!(!second.is_outdated());
        let ordinary = Underway::begin(&server, Some(CLIENT)).unwrap();
        assert!(!ordinary.is_outdated());
    }

    #[test]
    fn handshakes_are_counted_for_their_address_as_long_as_they_are_unfinished() {
        let server = server();
        server.limits.set_unfinished(1);
        let first = Underway::begin(&server, Some(CLIENT)).unwrap();
        assert!(!server.limits.is_exceeded(CLIENT));
        let second = Underway::begin_restart(&server, Some(CLIENT)).unwrap();
        assert!(server.limits.is_exceeded(CLIENT));
        drop(first);
        assert!(!server.limits.is_exceeded(CLIENT));
        drop(second);
        server.limits.set_a_second(1);
        // The allowance of the default is cut down to one.
        assert!(Underway::begin(&server, Some(CLIENT)).is_some());
        assert!(Underway::begin(&server, Some(CLIENT)).is_none());
    }

    #[test]
    fn a_restarted_clients_session_waits_for_its_address_and_port_alone() {
        let server = server();
        assert!(
            !server.keep_restarted(address(1), || None),
            "not handed over"
        );
        assert!(server.take_restarted(address(1)).is_none());
        assert!(server.keep_restarted(address(1), || Some(session())));
        assert!(server.take_restarted(address(2)).is_none());
        let other_port = ClientAddress {
            local_port: 1,
            ..address(1)
        };
        assert!(server.take_restarted(other_port).is_none());
        assert!(server.take_restarted(address(1)).is_some());
        assert!(server.take_restarted(address(1)).is_none(), "once");
    }

    #[test]
    fn sessions_that_nobody_takes_are_bounded_and_the_oldest_goes_first() {
        let server = server();
        for port in 0..=MOST_RESTARTED as u16 {
            server.keep_restarted(address(port), || Some(session()));
            assert!(server.restarted().len() <= MOST_RESTARTED);
        }
        assert!(server.take_restarted(address(0)).is_none());
        assert!(server.take_restarted(address(1)).is_some());
    }
}
