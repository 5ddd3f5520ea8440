//! A faulty network between two ends, in simulated time.
//!
//! No socket and no clock: an [`End`] is given datagrams and the time, and asked for datagrams and for the time at which
//! it wants to be called. The same seed gives the same faults.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a datagram takes from one end to the other.
const LATENCY: Duration = Duration::from_millis(20);

/// One end of a connection, whoever implements it.
pub trait End {
    /// Takes a datagram that has arrived. A peer's datagrams must not end it.
    fn handle_datagram(&mut self, datagram: &[u8], now: Instant);
    /// Is called when its time has come, and after every datagram.
    fn handle_timeout(&mut self, now: Instant);
    /// When it wants to be called at the latest.
    fn timeout(&self) -> Option<Instant>;
    /// The datagrams that it wants to send.
    fn datagrams(&mut self) -> Vec<Vec<u8>>;
    /// Whether its handshake is finished.
    fn is_connected(&self) -> bool;
    /// Why it has ended, if it has.
    fn failure(&self) -> Option<String>;
    /// Sends a packet of the application's.
    fn send(&mut self, packet: &[u8]);
    /// The packets of the other end's application that have arrived.
    fn packets(&mut self) -> Vec<Vec<u8>>;
}

/// What happens to datagrams, in percent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// They never arrive.
    pub lost: u64,
    /// They arrive twice.
    pub doubled: u64,
    /// They arrive up to 200 ms late, and so behind others.
    pub delayed: u64,
}

/// Two ends and what is under way between them.
pub struct Network<'e> {
    ends: [&'e mut dyn End; 2],
    faults: Faults,
    set_clock: fn(Duration),
    began: Instant,
    now: Instant,
    under_way: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    count: u64,
    random: u64,
}

impl<'e> Network<'e> {
    /// A network that begins at `now`. `set_clock` is told the time since then whenever it changes, for libraries that
    /// read a clock of their own.
    pub fn new(
        ends: [&'e mut dyn End; 2],
        faults: Faults,
        seed: u64,
        now: Instant,
        set_clock: fn(Duration),
    ) -> Self {
        Self {
            ends,
            faults,
            set_clock,
            began: now,
            now,
            under_way: BTreeMap::new(),
            count: 0,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        }
    }

    /// One of the two ends.
    pub fn end(&mut self, index: usize) -> &mut dyn End {
        self.ends[index]
    }

    /// Runs until both are connected, for so long at most; gives the time that it took.
    ///
    /// # Errors
    /// In words, how far each end came.
    pub fn connect(&mut self, limit: Duration) -> Result<Duration, String> {
        self.run(limit, |ends| ends.iter().all(|end| end.is_connected()));
        if self.ends.iter().all(|end| end.is_connected()) {
            return Ok(self.now - self.began);
        }
        let told = self.ends.iter().map(|end| match end.failure() {
            Some(why) => why,
            None if end.is_connected() => "connected".to_owned(),
            None => "still shaking hands".to_owned(),
        });
        Err(told.collect::<Vec<_>>().join("; "))
    }

    /// Lets everything happen that is under way or due, for so long or until it is `done`.
    pub fn run(&mut self, time: Duration, done: impl Fn(&[&mut dyn End; 2]) -> bool) {
        let end = self.now + time;
        loop {
            self.collect();
            if done(&self.ends) {
                return;
            }
            let arrival = self.under_way.keys().next().map(|&(at, _)| at);
            let timeouts = self.ends.iter().filter_map(|end| end.timeout());
            let next = timeouts.chain(arrival).min().filter(|&next| next <= end);
            let Some(next) = next else {
                self.set_time(end);
                return;
            };
            self.set_time(next.max(self.now));
            self.arrive();
            for end in &mut self.ends {
                end.handle_timeout(self.now);
            }
        }
    }

    fn set_time(&mut self, now: Instant) {
        self.now = now;
        (self.set_clock)(now - self.began);
    }

    fn collect(&mut self) {
        for from in 0..2 {
            for datagram in self.ends[from].datagrams() {
                self.send(1 - from, datagram);
            }
        }
    }

    fn send(&mut self, to: usize, datagram: Vec<u8>) {
        let copies = 1 + u64::from(self.chance(self.faults.doubled));
        for _ in 0..copies {
            if self.chance(self.faults.lost) {
                continue;
            }
            let mut latency = LATENCY;
            if self.chance(self.faults.delayed) {
                latency += Duration::from_millis(self.next() % 200);
            }
            self.count += 1;
            let key = (self.now + latency, self.count);
            self.under_way.insert(key, (to, datagram.clone()));
        }
    }

    fn arrive(&mut self) {
        while let Some(entry) = self.under_way.first_entry() {
            if entry.key().0 > self.now {
                return;
            }
            let (to, datagram) = entry.remove();
            self.ends[to].handle_datagram(&datagram, self.now);
            self.ends[to].handle_timeout(self.now);
            self.collect();
        }
    }

    fn chance(&mut self, percent: u64) -> bool {
        percent > 0 && self.next() % 100 < percent
    }

    /// A xorshift generator.
    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 11
    }
}
