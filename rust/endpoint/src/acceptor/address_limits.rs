//! How many handshakes the clients of one address may begin and leave unfinished.
//!
//! A cookie shows that a client can be reached at its address, which one machine can show any number of times, from
//! each of its ports. Without a bound for each address, one machine's unfinished handshakes could take the places of
//! all clients ([`MAX_HANDSHAKES`](crate::MAX_HANDSHAKES)), and its signatures the processor's time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use crate::lock::lock;

/// How many handshakes of one address may be unfinished at once, unless set.
///
/// A hundred players who connect at once from behind one address (a school, a LAN party, a provider's NAT) are far
/// below, even where each has two attempts under way. It is a quarter of what a server keeps in all.
pub const UNFINISHED_HANDSHAKES: u32 = 256;

/// How many handshakes of one address may begin in a second, unless set; as many may begin at once after a second
/// without.
///
/// A client whose hello is dropped repeats it after a second (RFC 6347 section 4.2.4.1), so that 500 clients at once are
/// connected after three. It bounds what one address can make a server sign: 20 ms of each second with ECDSA, 60 with
/// RSA-2048.
pub const HANDSHAKES_PER_SECOND: u32 = 200;

/// The most addresses that are counted at once. An entry is removed once it says nothing: at the latest a second after
/// the last handshake of its address. Handshakes of further addresses are bounded by the limits for all alone.
const MAX_ADDRESSES: usize = 4096;

/// What counts as one address: an IPv4 address, or the 64 bits of an IPv6 address that name a network, since each
/// subscriber has the other 64 to choose from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Network(u128);

impl Network {
    /// The network of an address. An IPv4 address and its IPv6-mapped form are one.
    pub fn of(ip: IpAddr) -> Self {
        Self(match ip.to_canonical() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
            IpAddr::V6(ip) => ip.to_bits() & !u128::from(u64::MAX),
        })
    }
}

/// A limit, by default or as it was set. Zero is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// The default. Clients on the loopback are exempt: behind a tunnel or a proxy on the server's machine, all clients
    /// have the loopback's address.
    Default(u32),
    /// Set by the server's owner, for every client.
    Set(u32),
}

impl Limit {
    /// The number, which holds for all clients that are not exempt.
    pub fn number(self) -> u32 {
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
pub struct AddressLimits(Mutex<State>);

struct State {
    unfinished: Limit,
    per_second: Limit,
    /// The standard hasher is keyed: a sender chooses among its addresses, and could otherwise choose colliding ones.
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
    fn allowance(&self, per_second: u32, now: Instant) -> f64 {
        let most = f64::from(per_second);
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.allowance + most * since).min(most)
    }
}

impl Default for AddressLimits {
    fn default() -> Self {
        Self(Mutex::new(State {
            unfinished: Limit::Default(UNFINISHED_HANDSHAKES),
            per_second: Limit::Default(HANDSHAKES_PER_SECOND),
            uses: HashMap::new(),
        }))
    }
}

impl AddressLimits {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }

    /// How many handshakes of one address may be unfinished at once.
    pub fn unfinished(&self) -> Limit {
        self.state().unfinished
    }

    /// Sets [`unfinished`](Self::unfinished); 0 is no limit.
    pub fn set_unfinished(&self, number: u32) {
        self.state().unfinished = Limit::Set(number);
    }

    /// How many handshakes of one address may begin in a second.
    pub fn per_second(&self) -> Limit {
        self.state().per_second
    }

    /// Sets [`per_second`](Self::per_second); 0 is no limit.
    pub fn set_per_second(&self, number: u32) {
        self.state().per_second = Limit::Set(number);
    }

    /// Counts a handshake that is to begin, and returns whether it may. [`finish`](Self::finish) ends each that may.
    pub(crate) fn begin(&self, ip: IpAddr, now: Instant) -> bool {
        self.state().begin(ip, now)
    }

    /// Whether more handshakes of the address are unfinished than may be.
    pub fn is_exceeded(&self, ip: IpAddr) -> bool {
        let state = self.state();
        let used = state.uses.get(&Network::of(ip));
        let limit = state.unfinished.of(ip);
        limit.is_some_and(|limit| used.is_some_and(|used| used.unfinished > limit))
    }

    /// Counts a handshake as finished, whether it succeeded or not.
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
        let limit = self.per_second.of(ip);
        if !self.uses.contains_key(&network) && self.uses.len() >= MAX_ADDRESSES {
            let per_second = self.per_second.number();
            self.uses.retain(|_, used| {
                used.unfinished > 0 || used.allowance(per_second, now) < f64::from(per_second)
            });
            if self.uses.len() >= MAX_ADDRESSES {
                return true;
            }
        }
        let used = self.uses.entry(network).or_insert_with(|| Use {
            unfinished: 0,
            allowance: f64::INFINITY,
            at: now,
        });
        if let Some(per_second) = limit {
            let allowance = used.allowance(per_second, now);
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
    fn so_many_begin_at_once_and_then_so_many_per_second() {
        let limits = AddressLimits::default();
        let now = Instant::now();
        assert_eq!(begin(&limits, CLIENT, 500, now), HANDSHAKES_PER_SECOND);
        assert_eq!(
            begin(&limits, OTHER, 100, now),
            100,
            "each address has its own"
        );
        let later = now + Duration::from_millis(500);
        assert_eq!(
            begin(&limits, CLIENT, 500, later),
            HANDSHAKES_PER_SECOND / 2
        );
        let much_later = now + Duration::from_secs(3600);
        assert_eq!(
            begin(&limits, CLIENT, 500, much_later),
            HANDSHAKES_PER_SECOND
        );
    }

    #[test]
    fn unfinished_ones_are_counted_until_they_are_over() {
        let limits = AddressLimits::default();
        limits.set_per_second(0);
        let now = Instant::now();
        assert_eq!(
            begin(&limits, CLIENT, UNFINISHED_HANDSHAKES, now),
            UNFINISHED_HANDSHAKES
        );
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
        for _ in 0..2 * UNFINISHED_HANDSHAKES {
            limits.finish(CLIENT);
        }
        assert_eq!(begin(&limits, CLIENT, 1, now), 1);
    }

    #[test]
    fn loopback_clients_are_limited_by_set_values_alone() {
        let limits = AddressLimits::default();
        let now = Instant::now();
        let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
        for ip in [LOOPBACK, mapped, IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            assert_eq!(begin(&limits, ip, 1000, now), 1000);
            assert!(!limits.is_exceeded(ip));
        }
        limits.set_per_second(10);
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
    fn many_short_lived_addresses_take_bounded_memory_and_leave_other_entries() {
        let limits = AddressLimits::default();
        let mut now = Instant::now();
        assert_eq!(
            begin(&limits, CLIENT, HANDSHAKES_PER_SECOND, now),
            HANDSHAKES_PER_SECOND
        );
        for number in 0..50_000_u32 {
            now += Duration::from_micros(10);
            let ip = IpAddr::V4(Ipv4Addr::from_bits(0x0A00_0000 + number));
            assert!(limits.begin(ip, now));
            limits.finish(ip);
            assert!(limits.state().uses.len() <= MAX_ADDRESSES);
        }
        // Half a second has passed, of which the client has an allowance again, and no more.
        let count = begin(&limits, CLIENT, HANDSHAKES_PER_SECOND, now);
        assert!(
            (HANDSHAKES_PER_SECOND / 2 - 1..=HANDSHAKES_PER_SECOND / 2 + 1).contains(&count),
            "{count}"
        );
    }
}
