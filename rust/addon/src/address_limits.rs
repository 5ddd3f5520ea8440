//! How many handshakes the clients of one address may begin and leave unfinished.
//!
//! A cookie shows that a client can be reached at its address, which one machine can show any number of times, from
//! each of its ports. Without a bound for each address, one machine's unfinished handshakes could take the places of
//! everybody's ([`max_handshakes`](crate::roster::MAX_HANDSHAKES)), and its signatures the processor's time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How many handshakes of one address may be unfinished at once, unless set.
///
/// A hundred players who come at once from behind one address (a school, a LAN party, a provider's NAT) are far below,
/// even where each has two attempts under way. It is a quarter of what a server keeps of all.
pub(crate) const UNFINISHED: u32 = 256;

/// How many handshakes of one address may begin in a second, unless set; as many may begin at once after a second
/// without.
///
/// Whose hello is left out sends it again after a second (RFC 6347 section 4.2.4.1), so that 500 clients at once are in
/// after three. It bounds what one address can make a server sign: 20 ms of each second with ECDSA, 60 with RSA-2048.
pub(crate) const A_SECOND: u32 = 200;

/// The most addresses that are counted at once. Entries go when nothing is to be remembered of an address: at the latest
/// a second after its last handshake. Handshakes of addresses beyond are bounded by the limits for all alone.
const MOST_ADDRESSES: usize = 4096;

/// What counts as one address: an IPv4 address, or the 64 bits of an IPv6 address that name a network, since each
/// subscriber has the other 64 to choose from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Network(u128);

impl Network {
    pub(crate) fn of(ip: IpAddr) -> Self {
        Self(match ip.to_canonical() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
            IpAddr::V6(ip) => ip.to_bits() & !u128::from(u64::MAX),
        })
    }
}

/// A limit, as a script may have set it. Zero is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Limit {
    /// The default, from which the machine's own clients are exempt: behind a tunnel or a proxy on the server's machine,
    /// everybody has the loopback's address.
    Default(u32),
    Set(u32),
}

impl Limit {
    /// For everybody but the machine's own clients.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Default(number) | Self::Set(number) => number,
        }
    }

    fn of(self, ip: IpAddr) -> Option<u32> {
        match self {
            Self::Default(_) if ip.to_canonical().is_loopback() => None,
            Self::Default(number) | Self::Set(number) => Some(number).filter(|&it| it > 0),
        }
    }
}

/// The limits of a server, and what its clients' addresses have used of them.
pub(crate) struct AddressLimits(Mutex<State>);

struct State {
    unfinished: Limit,
    a_second: Limit,
    /// The standard hasher is keyed: senders choose among their addresses, and could otherwise choose collisions.
    uses: HashMap<Network, Use>,
}

struct Use {
    unfinished: u32,
    /// How many handshakes may begin at once, as of `at`.
    allowance: f64,
    at: Instant,
}

impl Use {
    /// What may begin at once by now, at so many a second.
    fn allowance(&self, a_second: u32, now: Instant) -> f64 {
        let most = f64::from(a_second);
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.allowance + most * since).min(most)
    }
}

impl Default for AddressLimits {
    fn default() -> Self {
        Self(Mutex::new(State {
            unfinished: Limit::Default(UNFINISHED),
            a_second: Limit::Default(A_SECOND),
            uses: HashMap::new(),
        }))
    }
}

impl AddressLimits {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn unfinished(&self) -> Limit {
        self.state().unfinished
    }

    pub(crate) fn set_unfinished(&self, number: u32) {
        self.state().unfinished = Limit::Set(number);
    }

    pub(crate) fn a_second(&self) -> Limit {
        self.state().a_second
    }

    pub(crate) fn set_a_second(&self, number: u32) {
        self.state().a_second = Limit::Set(number);
    }

    /// Counts a handshake that is to begin; whether it may. Each that may is to be [`finish`](Self::finish)ed.
    pub(crate) fn begin(&self, ip: IpAddr, now: Instant) -> bool {
        self.state().begin(ip, now)
    }

    /// Whether more handshakes of the address are unfinished than may be.
    pub(crate) fn is_exceeded(&self, ip: IpAddr) -> bool {
        let state = self.state();
        let used = state.uses.get(&Network::of(ip));
        let limit = state.unfinished.of(ip);
        limit.is_some_and(|limit| used.is_some_and(|used| used.unfinished > limit))
    }

    /// Counts a handshake that is over, in whichever way.
    pub(crate) fn finish(&self, ip: IpAddr) {
        if let Some(used) = self.state().uses.get_mut(&Network::of(ip)) {
            // It may have begun before the address was counted.
            used.unfinished = used.unfinished.saturating_sub(1);
        }
    }
}

impl State {
    fn begin(&mut self, ip: IpAddr, now: Instant) -> bool {
        let network = Network::of(ip);
        let limit = self.a_second.of(ip);
        if !self.uses.contains_key(&network) && self.uses.len() >= MOST_ADDRESSES {
            let a_second = self.a_second.number();
            self.uses.retain(|_, used| {
                used.unfinished > 0 || used.allowance(a_second, now) < f64::from(a_second)
            });
            if self.uses.len() >= MOST_ADDRESSES {
                return true;
            }
        }
        let used = self.uses.entry(network).or_insert_with(|| Use {
            unfinished: 0,
            allowance: f64::INFINITY,
            at: now,
        });
        if let Some(a_second) = limit {
            let allowance = used.allowance(a_second, now);
            used.at = now;
            if allowance < 1.0 {
                used.allowance = allowance;
                return false;
            }
            used.allowance = allowance - 1.0;
        }
        used.unfinished += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::time::Duration;

    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 8));
    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn begin(limits: &AddressLimits, ip: IpAddr, count: u32, now: Instant) -> u32 {
        (0..count).map(|_| u32::from(limits.begin(ip, now))).sum()
    }

    #[test]
    fn so_many_begin_at_once_and_then_so_many_a_second() {
        let limits = AddressLimits::default();
        let now = Instant::now();
        assert_eq!(begin(&limits, CLIENT, 500, now), A_SECOND);
        assert_eq!(
            begin(&limits, OTHER, 100, now),
            100,
            "each address for itself"
        );
        let later = now + Duration::from_millis(500);
        assert_eq!(begin(&limits, CLIENT, 500, later), A_SECOND / 2);
        let much_later = now + Duration::from_secs(3600);
        assert_eq!(begin(&limits, CLIENT, 500, much_later), A_SECOND);
    }

    #[test]
    fn unfinished_ones_are_counted_until_they_are_over() {
        let limits = AddressLimits::default();
        limits.set_a_second(0);
        let now = Instant::now();
        assert_eq!(begin(&limits, CLIENT, UNFINISHED, now), UNFINISHED);
        assert!(!limits.is_exceeded(CLIENT));
        assert!(limits.begin(CLIENT, now));
        assert!(limits.is_exceeded(CLIENT));
        assert!(!limits.is_exceeded(OTHER));
        limits.finish(CLIENT);
        assert!(!limits.is_exceeded(CLIENT));
        limits.set_unfinished(1);
        assert!(limits.is_exceeded(CLIENT));
        limits.set_unfinished(0);
        assert!(!limits.is_exceeded(CLIENT), "zero is no limit");
        for _ in 0..2 * UNFINISHED {
            limits.finish(CLIENT);
        }
        assert_eq!(begin(&limits, CLIENT, 1, now), 1);
    }

    #[test]
    fn the_machines_own_clients_are_limited_by_what_was_set_alone() {
        let limits = AddressLimits::default();
        let now = Instant::now();
        let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
        for ip in [LOOPBACK, mapped, IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            assert_eq!(begin(&limits, ip, 1000, now), 1000);
            assert!(!limits.is_exceeded(ip));
        }
        limits.set_a_second(10);
        limits.set_unfinished(5);
        let soon = now + Duration::from_secs(1);
        assert_eq!(begin(&limits, LOOPBACK, 1000, soon), 10);
        assert!(limits.is_exceeded(LOOPBACK));
    }

    #[test]
    fn an_ipv6_network_of_64_bits_counts_as_one_address() {
        let ip =
            |last, network| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, network, 9, 0, 0, last));
        assert_eq!(Network::of(ip(1, 1)), Network::of(ip(0xffff, 1)));
        assert_ne!(Network::of(ip(1, 1)), Network::of(ip(1, 2)));
        let mapped = |ip: Ipv4Addr| IpAddr::V6(ip.to_ipv6_mapped());
        assert_eq!(
            Network::of(mapped(Ipv4Addr::new(192, 0, 2, 7))),
            Network::of(CLIENT)
        );
        assert_ne!(Network::of(CLIENT), Network::of(OTHER));
    }

    #[test]
    fn addresses_that_come_and_go_take_bounded_memory_and_nobodys_place() {
        let limits = AddressLimits::default();
        let mut now = Instant::now();
        assert_eq!(begin(&limits, CLIENT, A_SECOND, now), A_SECOND);
        for number in 0..50_000_u32 {
            now += Duration::from_micros(10);
            let ip = IpAddr::V4(Ipv4Addr::from_bits(0x0A00_0000 + number));
            assert!(limits.begin(ip, now));
            limits.finish(ip);
            assert!(limits.state().uses.len() <= MOST_ADDRESSES);
        }
        // Half a second has passed, of which the client has an allowance again, and no more.
        let count = begin(&limits, CLIENT, A_SECOND, now);
        assert!(
            (A_SECOND / 2 - 1..=A_SECOND / 2 + 1).contains(&count),
            "{count}"
        );
    }
}
