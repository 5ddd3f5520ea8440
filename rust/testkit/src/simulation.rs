//! A client, a server and a faulty network between them, in simulated time.
//!
//! There is no socket and no clock: an [`End`] takes datagrams and the time, and says which datagrams it sends and when it
//! is next to be called. The same seed gives the same faults.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::{Clock, Faults, SeededRng};

/// How long a datagram takes from one end to the other.
const LATENCY: Duration = Duration::from_millis(20);

/// One end of a connection, of any implementation.
pub trait End {
    /// Takes a datagram that has arrived.
    fn handle_datagram(&mut self, datagram: &[u8], now: Instant);
    /// Does what is due. It is called at the time of [`End::timeout`], and after every datagram.
    fn handle_timeout(&mut self, now: Instant);
    /// When something is next due.
    fn timeout(&self) -> Option<Instant>;
    /// Takes the datagrams that it wants to send.
    fn take_datagrams(&mut self) -> Vec<Vec<u8>>;
    /// Whether its handshake is finished and it has not ended.
    fn is_connected(&self) -> bool;
    /// Its state in words, with the reason if it has failed, for the messages of tests.
    fn state(&self) -> String;
    /// Sends a packet of the application.
    fn send(&mut self, packet: &[u8]);
    /// Takes the application's packets that have arrived.
    fn take_packets(&mut self) -> Vec<Vec<u8>>;
}

/// Where a datagram goes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum To {
    /// From the server.
    Client,
    /// From the client.
    Server,
}

impl To {
    /// The other direction.
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Two ends, the network between them, and the time.
pub struct Simulation<C, S> {
    /// The end that begins the handshake.
    pub client: C,
    /// The other one.
    pub server: S,
    /// What happens to datagrams from now on.
    pub faults: Faults,
    /// The largest datagram that the network carries, in bytes; larger ones are lost.
    pub path_mtu: usize,
    /// Every datagram that was sent, whether it arrived or not.
    pub sent: Vec<(To, Vec<u8>)>,
    clock: Clock,
    in_flight: BTreeMap<(Instant, u64), (To, Vec<u8>)>,
    count: u64,
    rng: SeededRng,
}

impl<C: End, S: End> Simulation<C, S> {
    /// A network without faults that begins at `now`.
    pub fn new(client: C, server: S, now: Instant) -> Self {
        Self {
            client,
            server,
            faults: Faults::default(),
            path_mtu: usize::MAX,
            sent: Vec::new(),
            clock: Clock::new(now),
            in_flight: BTreeMap::new(),
            count: 0,
            rng: SeededRng::new(0),
        }
    }

    /// Draws the faults from this seed from now on.
    pub fn set_seed(&mut self, seed: u64) {
        self.rng = SeededRng::new(seed);
    }

    /// The simulated time.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The simulated time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Whether both handshakes are finished.
    pub fn both_connected(&self) -> bool {
        self.client.is_connected() && self.server.is_connected()
    }

    /// Runs until both are connected; gives the time since the beginning.
    ///
    /// # Errors
    /// Both ends' states, if they are not connected within the limit.
    pub fn connect(&mut self, limit: Duration) -> Result<Duration, String> {
        self.run(limit, Self::both_connected);
        if self.both_connected() {
            return Ok(self.elapsed());
        }
        let (client, server) = (self.client.state(), self.server.state());
        Err(format!("client {client}; server {server}"))
    }

    /// Runs until both are connected.
    ///
    /// # Panics
    /// If they are not within 70 seconds.
    pub fn run_until_connected(&mut self) {
        if let Err(states) = self.connect(Duration::from_secs(70)) {
            panic!("not connected: {states}");
        }
    }

    /// Lets everything happen that is in flight or due, for so long or until it is `done`.
    pub fn run(&mut self, time: Duration, done: impl Fn(&Self) -> bool) {
        let end = self.now() + time;
        loop {
            self.collect();
            if done(self) {
                return;
            }
            let arrival = self.in_flight.keys().next().map(|&(at, _)| at);
            let next = [arrival, self.client.timeout(), self.server.timeout()];
            match next.into_iter().flatten().min() {
                Some(next) if next <= end => self.clock.advance_to(next),
                _ => return self.clock.advance_to(end),
            }
            self.deliver();
            self.handle_timeouts();
        }
    }

    /// Lets everything that is in flight arrive and be answered, for a second.
    pub fn settle(&mut self) {
        self.run(Duration::from_secs(1), |_| false);
    }

    /// Puts a datagram in flight that arrives at once and suffers no faults.
    pub fn inject(&mut self, to: To, datagram: &[u8]) {
        self.put_in_flight(to, datagram.to_vec(), Duration::ZERO);
    }

    /// Changes datagrams that have not arrived yet.
    pub fn change_in_flight(&mut self, mut change: impl FnMut(To, &mut Vec<u8>)) {
        self.collect();
        for (to, datagram) in self.in_flight.values_mut() {
            change(*to, datagram);
        }
    }

    /// Loses every datagram that has not arrived yet.
    pub fn drop_in_flight(&mut self) {
        self.collect();
        self.in_flight.clear();
    }

    /// Takes what both ends want to send.
    fn collect(&mut self) {
        for datagram in self.client.take_datagrams() {
            self.send(To::Server, datagram);
        }
        for datagram in self.server.take_datagrams() {
            self.send(To::Client, datagram);
        }
    }

    fn send(&mut self, to: To, datagram: Vec<u8>) {
        self.sent.push((to, datagram.clone()));
        if datagram.len() > self.path_mtu {
            return;
        }
        let copies = 1 + usize::from(self.faults.duplicates(&mut self.rng));
        for _ in 0..copies {
            let treatment = self.faults.treat(datagram.len(), &mut self.rng);
            if treatment.is_lost {
                continue;
            }
            let mut copy = datagram.clone();
            treatment.corrupt(&mut copy);
            self.put_in_flight(to, copy, LATENCY + treatment.delay.unwrap_or_default());
        }
    }

    fn put_in_flight(&mut self, to: To, datagram: Vec<u8>, latency: Duration) {
        self.count += 1;
        let key = (self.now() + latency, self.count);
        self.in_flight.insert(key, (to, datagram));
    }

    /// Delivers what has arrived by now. Both ends are called after every datagram, as by an application that polls.
    fn deliver(&mut self) {
        let now = self.now();
        while let Some(entry) = self.in_flight.first_entry()
            && entry.key().0 <= now
        {
            match entry.remove() {
                (To::Client, datagram) => self.client.handle_datagram(&datagram, now),
                (To::Server, datagram) => self.server.handle_datagram(&datagram, now),
            }
            self.handle_timeouts();
            self.collect();
        }
    }

    fn handle_timeouts(&mut self) {
        let now = self.now();
        self.client.handle_timeout(now);
        self.server.handle_timeout(now);
    }
}
