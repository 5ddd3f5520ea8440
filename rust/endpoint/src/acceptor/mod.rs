//! What all connections of one server share: its keys, its cookies, and counts of its unfinished handshakes.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dtls::{ConfigError, CookieCheck, CookieJar, ServerContext, Session};

use crate::handshake_pool::HandshakePool;
use crate::line_limiter::LineLimiter;
use crate::lock::lock;
use crate::transport::{ClientAddress, Transport};
use address_limits::AddressLimits;

pub(crate) mod address_limits;

/// Up to so many handshakes at once run on the thread that polls. One costs a server some 0.1 ms with an ECDSA key and
/// 0.3 ms with RSA-2048.
const WITHOUT_THREADS: usize = 4;

/// How many handshakes beside established sessions ([`Session::accept_restart`]) a server keeps at once. When so many
/// have begun after one, it is dropped.
const MAX_RESTARTS: u64 = 256;

/// How many sessions of restarted clients wait to be taken, and for how long.
const MAX_RESTARTED: usize = 256;
const RESTARTED_WAIT: Duration = Duration::from_secs(60);

/// A server's keys and cookies, and how many handshakes it has begun.
pub struct Acceptor {
    pub(crate) context: ServerContext,
    cookies: Mutex<CookieJar>,
    unfinished: AtomicUsize,
    limits: Arc<AddressLimits>,
    /// How many handshakes beside established sessions have begun.
    restarts: AtomicU64,
    /// Oldest first.
    restarted: Mutex<VecDeque<Restarted>>,
    /// Of events about datagrams that are not DTLS: anybody can send those.
    not_dtls: Mutex<LineLimiter>,
    pool: Arc<HandshakePool>,
}

/// The session of a restarted client, until its new transport is accepted.
struct Restarted {
    address: ClientAddress,
    since: Instant,
    session: Session,
}

impl Acceptor {
    /// Makes the first secret for cookies.
    ///
    /// # Errors
    /// [`ConfigError::OpenSsl`] where the system gives no random numbers.
    pub fn new(
        context: ServerContext,
        limits: Arc<AddressLimits>,
        pool: Arc<HandshakePool>,
        now: Instant,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            context,
            cookies: Mutex::new(CookieJar::new(now)?),
            unfinished: AtomicUsize::new(0),
            limits,
            restarts: AtomicU64::new(0),
            restarted: Mutex::default(),
            not_dtls: Mutex::new(LineLimiter::with_lines(1)),
            pool,
        })
    }

    /// The threads for handshakes, if more run at once than the polling thread does itself.
    pub(crate) fn pool_if_crowded(&self) -> Option<&Arc<HandshakePool>> {
        (self.unfinished.load(Ordering::Relaxed) > WITHOUT_THREADS).then_some(&self.pool)
    }

    /// Whether the datagram received last is a client's hello with a valid cookie. Replies to a hello without one with a
    /// HelloVerifyRequest, and keeps nothing of it (RFC 6347 section 4.2.1).
    pub(crate) fn verify_cookie(
        &self,
        transport: &dyn Transport,
        datagram: &[u8],
        now: Instant,
    ) -> Result<bool, ConfigError> {
        let Some(client) = transport.remote() else {
            return Ok(false);
        };
        let check = lock(&self.cookies).verify_cookie(datagram, client, now)?;
        match &check {
            CookieCheck::Verified => log::debug!(target: "endpoint", "{client}: cookie verified"),
            CookieCheck::Unverified(request) => {
                log::debug!(target: "endpoint", "{client}: hello without a valid cookie, sent one");
                transport.reply(request.as_bytes());
            }
            CookieCheck::NotClientHello => log::trace!(
                target: "endpoint",
                "{client}: dropped a datagram of {} bytes that is no hello",
                datagram.len()
            ),
        }
        Ok(check == CookieCheck::Verified)
    }

    /// Whether a datagram that is not DTLS is reported: one in each [`LineLimiter::PERIOD`] is.
    pub(crate) fn reports_not_dtls(&self, now: Instant) -> bool {
        lock(&self.not_dtls).admit(now).is_some()
    }

    /// Keeps the finished session that `hand_over` returns, for [`take_restarted`](Self::take_restarted); returns false
    /// if it returns none. `hand_over` may present the new transport to other threads, which then find the session.
    pub(crate) fn keep_restarted(
        &self,
        address: ClientAddress,
        now: Instant,
        hand_over: impl FnOnce() -> Option<Session>,
    ) -> bool {
        let mut restarted = lock(&self.restarted);
        let Some(session) = hand_over() else {
            return false;
        };
        restarted.retain(|it| {
            it.address != address && now.saturating_duration_since(it.since) < RESTARTED_WAIT
        });
        if restarted.len() >= MAX_RESTARTED {
            restarted.pop_front();
        }
        restarted.push_back(Restarted {
            address,
            since: now,
            session,
        });
        true
    }

    /// The finished session of a restarted client at this address.
    pub(crate) fn take_restarted(&self, address: ClientAddress, now: Instant) -> Option<Session> {
        let mut restarted = lock(&self.restarted);
        let at = restarted.iter().position(|it| it.address == address)?;
        let taken = restarted.remove(at)?;
        (now.saturating_duration_since(taken.since) < RESTARTED_WAIT).then_some(taken.session)
    }
}

/// Counts as one of a server's unfinished handshakes until it is dropped.
pub(crate) struct UnfinishedHandshake {
    acceptor: Arc<Acceptor>,
    client: Option<IpAddr>,
    /// Of a handshake beside an established session: how many such had begun before.
    restart: Option<u64>,
}

impl UnfinishedHandshake {
    /// A handshake with a client at this address; `None` if too many begin there.
    pub(crate) fn begin(
        acceptor: &Arc<Acceptor>,
        client: Option<IpAddr>,
        now: Instant,
    ) -> Option<Self> {
        let may_begin = client.is_none_or(|client| acceptor.limits.begin(client, now));
        may_begin.then(|| {
            acceptor.unfinished.fetch_add(1, Ordering::Relaxed);
            Self {
                acceptor: Arc::clone(acceptor),
                client,
                restart: None,
            }
        })
    }

    /// As [`begin`](Self::begin), beside an established session.
    pub(crate) fn begin_restart(
        acceptor: &Arc<Acceptor>,
        client: Option<IpAddr>,
        now: Instant,
    ) -> Option<Self> {
        let mut unfinished = Self::begin(acceptor, client, now)?;
        unfinished.restart = Some(acceptor.restarts.fetch_add(1, Ordering::Relaxed));
        Some(unfinished)
    }

    /// Whether too many handshakes beside established sessions have begun after this one.
    pub(crate) fn is_outdated(&self) -> bool {
        let begun = self.acceptor.restarts.load(Ordering::Relaxed);
        self.restart
            .is_some_and(|before| begun - before > MAX_RESTARTS)
    }
}

impl Drop for UnfinishedHandshake {
    fn drop(&mut self) {
        self.acceptor.unfinished.fetch_sub(1, Ordering::Relaxed);
        if let Some(client) = self.client {
            self.acceptor.limits.finish(client);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use dtls::{ClientContext, Identity, Verification};
    use testkit::certificates::{Authority, Leaf};

    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

    fn acceptor() -> Arc<Acceptor> {
        let identity = Authority::new("Test root").unwrap();
        let identity = identity.issue(&Leaf::localhost()).unwrap();
        let (key, chain) = (identity.key_pem().unwrap(), identity.chain_pem().unwrap());
        let identity = Identity::from_pem(&key, &chain, None).unwrap();
        let context = ServerContext::new(&identity).unwrap();
        let pool = Arc::new(HandshakePool::new(|work| work()));
        Arc::new(Acceptor::new(context, Arc::default(), pool, Instant::now()).unwrap())
    }

    /// Any session will do.
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
        let acceptor = acceptor();
        acceptor.limits.set_per_second(0);
        let now = Instant::now();
        let begin = || UnfinishedHandshake::begin_restart(&acceptor, Some(CLIENT), now).unwrap();
        let (first, second) = (begin(), begin());
        for _ in 2..=MAX_RESTARTS {
            drop(begin());
        }
        assert!(first.is_outdated());
        assert!(!second.is_outdated());
        let ordinary = UnfinishedHandshake::begin(&acceptor, Some(CLIENT), now).unwrap();
        assert!(!ordinary.is_outdated());
    }

    #[test]
    fn handshakes_are_counted_for_their_address_as_long_as_they_are_unfinished() {
        let acceptor = acceptor();
        let now = Instant::now();
        acceptor.limits.set_unfinished(1);
        let begin = || UnfinishedHandshake::begin(&acceptor, Some(CLIENT), now);
        let first = begin().unwrap();
        assert!(!acceptor.limits.is_exceeded(CLIENT));
        let second = UnfinishedHandshake::begin_restart(&acceptor, Some(CLIENT), now).unwrap();
        assert!(acceptor.limits.is_exceeded(CLIENT));
        drop(first);
        assert!(!acceptor.limits.is_exceeded(CLIENT));
        drop(second);
        acceptor.limits.set_per_second(1);
        // The default's allowance is cut to one.
        assert!(begin().is_some());
        assert!(begin().is_none());
    }

    #[test]
    fn a_restarted_clients_session_waits_for_its_address_and_port_alone() {
        let (acceptor, now) = (acceptor(), Instant::now());
        let keep = |session| acceptor.keep_restarted(address(1), now, || session);
        let take = |address| acceptor.take_restarted(address, now);
        assert!(!keep(None), "not handed over");
        assert!(take(address(1)).is_none());
        assert!(keep(Some(session())));
        assert!(take(address(2)).is_none());
        let other_port = ClientAddress {
            local_port: 1,
            ..address(1)
        };
        assert!(take(other_port).is_none());
        assert!(take(address(1)).is_some());
        assert!(take(address(1)).is_none(), "once");
        assert!(keep(Some(session())));
        let late = acceptor.take_restarted(address(1), now + RESTARTED_WAIT);
        assert!(late.is_none(), "too late");
    }

    #[test]
    fn sessions_that_are_not_taken_are_bounded_and_the_oldest_goes_first() {
        let (acceptor, now) = (acceptor(), Instant::now());
        for port in 0..=MAX_RESTARTED as u16 {
            acceptor.keep_restarted(address(port), now, || Some(session()));
            assert!(lock(&acceptor.restarted).len() <= MAX_RESTARTED);
        }
        assert!(acceptor.take_restarted(address(0), now).is_none());
        assert!(acceptor.take_restarted(address(1), now).is_some());
    }
}
