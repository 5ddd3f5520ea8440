//! A relay between UDP clients and a server that loses, doubles, delays and alters what passes.
//!
//! Each client gets a socket of its own towards the server, as behind an address translation. What happens to the n-th
//! datagram of a client depends on the seed, the client's place in the order of arrival, the direction and n alone, and
//! not on what other clients do meanwhile.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::random::Random;
use crate::tap::Direction;
use crate::tap::records::{self, APPLICATION_DATA};

/// The largest payload of a UDP datagram over IPv4.
pub(crate) const LARGEST: usize = 65_507;
/// How soon a thread that waits for a socket notices that it is to end.
const TURN: Duration = Duration::from_millis(500);
/// How many datagrams of each client and direction are kept for [`Flow::kept`]: the first, of the handshake, and the
/// last.
const MOST_KEPT: usize = 64;
const FIRST_KEPT: usize = 16;
/// A record's header is that long; the epoch is in these bytes of it (RFC 6347 section 4.1).
const RECORD_HEADER: usize = 13;
const EPOCH: std::ops::Range<usize> = 3..5;

/// What the relay does to datagrams. Shares go from 0 (never) to 1 (always).
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    /// Chooses which datagrams are hit.
    pub(crate) seed: u64,
    /// Share of datagrams that are lost.
    pub(crate) loss: f64,
    /// Share of datagrams that come a second time, delayed.
    pub(crate) duplication: f64,
    /// Share of datagrams that are delayed, so that later ones overtake them.
    pub(crate) reordering: f64,
    /// Share of datagrams in which one bit is flipped. Encrypted ones alone: what a handshake says in plain text is
    /// protected by UDP's checksum and by its Finished messages, which end it.
    pub(crate) corruption: f64,
    /// For how long datagrams are delayed, in milliseconds.
    pub(crate) delay: RangeInclusive<u64>,
}

impl Faults {
    /// A relay that passes everything on at once.
    pub(crate) fn none() -> Self {
        Self {
            seed: 0,
            loss: 0.0,
            duplication: 0.0,
            reordering: 0.0,
            corruption: 0.0,
            delay: 0..=0,
        }
    }
}

/// What happened to the datagrams of one kind, of one client or of all, in one direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    /// Came to the relay.
    pub(crate) arrived: u64,
    /// Went no further.
    pub(crate) lost: u64,
    /// Went on with a bit flipped.
    pub(crate) corrupted: u64,
    /// Went on twice.
    pub(crate) doubled: u64,
    /// Were held back.
    pub(crate) delayed: u64,
}

impl Counts {
    /// Went on, each counted once, in one piece.
    pub(crate) fn passed(&self) -> u64 {
        self.arrived - self.lost - self.corrupted
    }

    fn add(&mut self, other: &Self) {
        self.arrived += other.arrived;
        self.lost += other.lost;
        self.corrupted += other.corrupted;
        self.doubled += other.doubled;
        self.delayed += other.delayed;
    }
}

/// Counts of both directions.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Traffic {
    /// From clients.
    pub(crate) to_server: Counts,
    /// From the server.
    pub(crate) to_client: Counts,
}

impl Traffic {
    fn of(&mut self, direction: Direction) -> &mut Counts {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }

    fn add(&mut self, other: &Self) {
        self.to_server.add(&other.to_server);
        self.to_client.add(&other.to_client);
    }

    /// Both directions together.
    pub(crate) fn both(&self) -> Counts {
        let mut both = self.to_server;
        both.add(&self.to_client);
        both
    }
}

/// One client's way through the relay.
pub(crate) struct Flow {
    index: u64,
    client: SocketAddr,
    back: UdpSocket,
    gone: AtomicBool,
    /// Datagrams that are held back.
    waiting: AtomicUsize,
    state: Mutex<FlowState>,
}

#[derive(Default)]
struct FlowState {
    all: Traffic,
    /// Datagrams that begin with a record of application data.
    data: Traffic,
    kept: [Vec<Kept>; 2],
}

/// A datagram that came to the relay, and what happened to it.
struct Kept {
    at: Instant,
    fate: Counts,
    bytes: Vec<u8>,
}

impl Flow {
    /// What happened to this client's datagrams.
    pub(crate) fn data(&self) -> Traffic {
        lock(&self.state).data
    }

    /// How many of its datagrams are held back now.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// The client's address.
    pub(crate) fn client(&self) -> SocketAddr {
        self.client
    }

    /// The first and the last of its datagrams in one direction.
    pub(crate) fn kept(&self, direction: Direction) -> Vec<Vec<u8>> {
        let state = lock(&self.state);
        let kept = state.kept[direction as usize].iter();
        kept.map(|kept| kept.bytes.clone()).collect()
    }

    /// What passed, for an error message: the same datagrams in order of time.
    pub(crate) fn trace(&self) -> String {
        let state = lock(&self.state);
        let [up, down] = &state.kept;
        let ways = [("to the server", up), ("to the client", down)];
        let mut all: Vec<(&str, &Kept)> = ways
            .iter()
            .flat_map(|(way, kept)| kept.iter().map(move |kept| (*way, kept)))
            .collect();
        all.sort_by_key(|(_, kept)| kept.at);
        let mut text = String::new();
        let Some((_, first)) = all.first() else {
            return text;
        };
        let began = first.at;
        for (way, kept) in all {
            let after = kept.at.duration_since(began).as_secs_f64();
            text += &format!("\n{after:9.3} s {way}:");
            match records::parse(&kept.bytes) {
                Some(records) => records.iter().for_each(|record| {
                    text += &format!(
                        " {}/{}/{}",
                        record.content_type, record.epoch, record.sequence
                    );
                    if let Some(kind) = record.handshake {
                        text += &format!("({kind})");
                    }
                }),
                None => text += " no records",
            }
            for (count, word) in [
                (kept.fate.lost, "lost"),
                (kept.fate.corrupted, "altered"),
                (kept.fate.doubled, "doubled"),
                (kept.fate.delayed, "delayed"),
            ] {
                if count > 0 {
                    text += &format!(", {word}");
                }
            }
        }
        text
    }
}

/// A relay on a free port of 127.0.0.1; it ends when this is dropped.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    front: UdpSocket,
    server: SocketAddr,
    faults: Mutex<Faults>,
    stop: AtomicBool,
    flows: Mutex<Flows>,
    /// Counts of the clients that are forgotten.
    past: Mutex<(Traffic, Traffic)>,
    next_order: AtomicU64,
}

#[derive(Default)]
struct Flows {
    by_client: HashMap<SocketAddr, Arc<Flow>>,
    made: u64,
}

/// A datagram that is held back, or is to go on at once.
struct Held {
    due: Instant,
    order: u64,
    flow: Arc<Flow>,
    direction: Direction,
    bytes: Vec<u8>,
}

impl Proxy {
    /// Starts relaying to `server`.
    pub(crate) fn start(server: SocketAddr, faults: Faults) -> Result<Self> {
        let front = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        front.set_read_timeout(Some(TURN))?;
        let shared = Arc::new(Shared {
            front,
            server,
            faults: Mutex::new(faults),
            stop: AtomicBool::new(false),
            flows: Mutex::default(),
            past: Mutex::default(),
            next_order: AtomicU64::new(0),
        });
        let (sender, held) = channel();
        let relay = thread::spawn({
            let shared = shared.clone();
            move || shared.relay_from_clients(&sender)
        });
        let delay = thread::spawn({
            let shared = shared.clone();
            move || shared.deliver_later(&held)
        });
        Ok(Self {
            shared,
            threads: vec![relay, delay],
        })
    }

    /// Where clients shall send to.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        self.shared
            .front
            .local_addr()
            .context("the relay's own address")
    }

    /// The server that it relays to.
    pub(crate) fn server(&self) -> SocketAddr {
        self.shared.server
    }

    /// Changes what is done to datagrams from now on.
    pub(crate) fn set_faults(&self, faults: Faults) {
        *lock(&self.shared.faults) = faults;
    }

    /// What happened to all datagrams.
    #[cfg(test)]
    pub(crate) fn all(&self) -> Traffic {
        self.sum(|state| &state.all, |past| &past.0)
    }

    /// What happened to datagrams that begin with a record of application data.
    pub(crate) fn data(&self) -> Traffic {
        self.sum(|state| &state.data, |past| &past.1)
    }

    fn sum(
        &self,
        of_flow: impl Fn(&FlowState) -> &Traffic,
        of_past: impl Fn(&(Traffic, Traffic)) -> &Traffic,
    ) -> Traffic {
        let flows = self.flows();
        let mut sum = *of_past(&lock(&self.shared.past));
        for flow in flows {
            sum.add(of_flow(&lock(&flow.state)));
        }
        sum
    }

    /// The clients that are known, in order of arrival.
    pub(crate) fn flows(&self) -> Vec<Arc<Flow>> {
        let mut flows: Vec<_> = lock(&self.shared.flows)
            .by_client
            .values()
            .cloned()
            .collect();
        flows.sort_by_key(|flow| flow.index);
        flows
    }

    /// One client's way.
    pub(crate) fn flow(&self, client: SocketAddr) -> Option<Arc<Flow>> {
        lock(&self.shared.flows).by_client.get(&client).cloned()
    }

    /// Forgets a client that is gone: whoever comes from its address next is another one. What is held back for it is
    /// lost; what it came to stays counted.
    pub(crate) fn forget(&self, client: SocketAddr) {
        let mut flows = lock(&self.shared.flows);
        if let Some(flow) = flows.by_client.remove(&client) {
            flow.gone.store(true, Ordering::Release);
            let state = lock(&flow.state);
            let mut past = lock(&self.shared.past);
            past.0.add(&state.all);
            past.1.add(&state.data);
        }
    }

    /// Sends a datagram of our own to one end of a client's way, as if it came from the other end.
    pub(crate) fn inject(&self, flow: &Flow, direction: Direction, bytes: &[u8]) {
        self.shared.pass_on(flow, direction, bytes);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn relay_from_clients(self: &Arc<Self>, later: &Sender<Held>) {
        let mut buffer = vec![0; LARGEST];
        while !self.is_over() {
            let Some((size, client)) = receive(&self.front, &mut buffer) else {
                continue;
            };
            // A system that gives no socket is as a network that loses everything.
            if let Some(flow) = self.flow_of(client, later) {
                self.treat(&flow, Direction::ToServer, &buffer[..size], later);
            }
        }
    }

    fn flow_of(self: &Arc<Self>, client: SocketAddr, later: &Sender<Held>) -> Option<Arc<Flow>> {
        let mut flows = lock(&self.flows);
        if let Some(flow) = flows.by_client.get(&client) {
            return Some(flow.clone());
        }
        let back = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
        back.connect(self.server).ok()?;
        back.set_read_timeout(Some(TURN)).ok()?;
        let flow = Arc::new(Flow {
            index: flows.made,
            client,
            back,
            gone: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            state: Mutex::default(),
        });
        flows.made += 1;
        flows.by_client.insert(client, flow.clone());
        let (shared, later, its) = (self.clone(), later.clone(), flow.clone());
        thread::spawn(move || {
            let mut buffer = vec![0; LARGEST];
            while !shared.is_over() && !its.gone.load(Ordering::Acquire) {
                if let Some((size, _)) = receive(&its.back, &mut buffer) {
                    shared.treat(&its, Direction::ToClient, &buffer[..size], &later);
                }
            }
        });
        Some(flow)
    }

    /// Decides what happens to a datagram.
    fn treat(&self, flow: &Arc<Flow>, direction: Direction, bytes: &[u8], later: &Sender<Held>) {
        let faults = lock(&self.faults).clone();
        let mut state = lock(&flow.state);
        let number = state.all.of(direction).arrived;
        let mut random = Random::from_all(&[faults.seed, flow.index, direction as u64, number]);
        let lost = random.chance(faults.loss);
        let bit = (8 * bytes.len() as u64)
            .checked_sub(1)
            .map(|last| random.within(0..=last));
        let corrupted = random.chance(faults.corruption) && !lost && is_encrypted(bytes);
        let doubled = random.chance(faults.duplication) && !lost;
        let delayed = random.chance(faults.reordering) && !lost;
        let delay =
            |random: &mut Random| Duration::from_millis(random.within(faults.delay.clone()));
        let (first_delay, second_delay) = (delay(&mut random), delay(&mut random));

        let fate = Counts {
            arrived: 1,
            lost: lost.into(),
            corrupted: corrupted.into(),
            doubled: doubled.into(),
            delayed: delayed.into(),
        };
        state.all.of(direction).add(&fate);
        let kept = &mut state.kept[direction as usize];
        if kept.len() == MOST_KEPT {
            kept.remove(FIRST_KEPT);
        }
        kept.push(Kept {
            at: Instant::now(),
            fate,
            bytes: bytes.to_vec(),
        });
        if bytes.first() == Some(&APPLICATION_DATA) {
            state.data.of(direction).add(&fate);
        }
        drop(state);
        if lost {
            return;
        }
        let mut bytes = bytes.to_vec();
        if let Some(bit) = bit.filter(|_| corrupted) {
            bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
        }
        if doubled {
            self.hold(flow, direction, bytes.clone(), second_delay, later);
        }
        if delayed {
            self.hold(flow, direction, bytes, first_delay, later);
        } else {
            self.pass_on(flow, direction, &bytes);
        }
    }

    fn hold(
        &self,
        flow: &Arc<Flow>,
        direction: Direction,
        bytes: Vec<u8>,
        delay: Duration,
        later: &Sender<Held>,
    ) {
        flow.waiting.fetch_add(1, Ordering::AcqRel);
        let held = Held {
            due: Instant::now() + delay,
            order: self.next_order.fetch_add(1, Ordering::Relaxed),
            flow: flow.clone(),
            direction,
            bytes,
        };
        // Nobody listens any more when the relay ends.
        let _ = later.send(held);
    }

    fn deliver_later(&self, incoming: &Receiver<Held>) {
        let mut waiting: BinaryHeap<Reverse<Held>> = BinaryHeap::new();
        while !self.is_over() {
            let now = Instant::now();
            while waiting.peek().is_some_and(|held| held.0.due <= now) {
                let Some(Reverse(held)) = waiting.pop() else {
                    break;
                };
                if !held.flow.gone.load(Ordering::Acquire) {
                    self.pass_on(&held.flow, held.direction, &held.bytes);
                }
                held.flow.waiting.fetch_sub(1, Ordering::AcqRel);
            }
            let wait = waiting.peek().map_or(TURN, |held| {
                held.0.due.saturating_duration_since(now).min(TURN)
            });
            match incoming.recv_timeout(wait) {
                Ok(held) => waiting.push(Reverse(held)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn pass_on(&self, flow: &Flow, direction: Direction, bytes: &[u8]) {
        // Whoever is not there hears nothing.
        let _ = match direction {
            Direction::ToServer => flow.back.send(bytes),
            Direction::ToClient => self.front.send_to(bytes, flow.client),
        };
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

fn is_encrypted(datagram: &[u8]) -> bool {
    datagram.len() > RECORD_HEADER && datagram[EPOCH] != [0, 0]
}

/// The next datagram; nothing if none comes soon. Errors tell of earlier sends, and are passed over.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
    match socket.recv_from(buffer) {
        Ok(received) => Some(received),
        Err(error) => {
            if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
                thread::sleep(Duration::from_millis(1));
            }
            None
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket() -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        socket
    }

    /// Sends numbered datagrams through a relay; the result is what came, in order, and what was counted.
    fn pass(faults: Faults) -> (Vec<Vec<u8>>, Counts) {
        const COUNT: usize = 200;
        let (server, client) = (socket(), socket());
        let proxy = Proxy::start(server.local_addr().unwrap(), faults).unwrap();
        let mut expected = 0;
        for number in 0..COUNT {
            // The start of an encrypted record of application data.
            let mut datagram = vec![23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4];
            datagram.extend((number as u32).to_be_bytes());
            client.send_to(&datagram, proxy.address().unwrap()).unwrap();
            thread::sleep(Duration::from_micros(200));
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut counts = Counts::default();
        while Instant::now() < deadline {
            counts = proxy.data().to_server;
            if counts.arrived == COUNT as u64 {
                expected = (counts.arrived - counts.lost + counts.doubled) as usize;
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let mut buffer = vec![0; LARGEST];
        let came = (0..expected)
            .map(|_| {
                let size = server.recv(&mut buffer).unwrap();
                buffer[..size].to_vec()
            })
            .collect();
        while proxy.flows()[0].waiting() > 0 {
            assert!(Instant::now() < deadline, "something is held back for ever");
            thread::sleep(Duration::from_millis(1));
        }
        (came, counts)
    }

    #[test]
    fn without_faults_everything_passes_in_order() {
        let (came, counts) = pass(Faults::none());
        assert_eq!(counts.passed(), 200);
        assert!(came.is_sorted());
        assert_eq!(came.len(), 200);
    }

    #[test]
    fn faults_are_counted_as_they_happen_and_a_seed_repeats_them() {
        let faults = Faults {
            seed: 5,
            loss: 0.1,
            duplication: 0.1,
            reordering: 0.2,
            corruption: 0.1,
            delay: 5..=30,
        };
        let (mut came, counts) = pass(faults.clone());
        for count in [
            counts.lost,
            counts.doubled,
            counts.delayed,
            counts.corrupted,
        ] {
            assert!((5..100).contains(&count), "{counts:?}");
        }
        assert!(!came.is_sorted());
        let (mut again, counts_again) = pass(faults);
        assert_eq!(counts_again, counts);
        came.sort();
        again.sort();
        assert_eq!(again, came);
        came.dedup();
        assert_eq!(came.len() as u64, counts.arrived - counts.lost);
    }

    #[test]
    fn answers_find_their_clients_and_a_forgotten_client_stays_counted() {
        let (server, one, other) = (socket(), socket(), socket());
        let proxy = Proxy::start(server.local_addr().unwrap(), Faults::none()).unwrap();
        let mut buffer = vec![0; LARGEST];
        for (client, text) in [(&one, "one"), (&other, "other")] {
            client
                .send_to(text.as_bytes(), proxy.address().unwrap())
                .unwrap();
            let (size, from) = server.recv_from(&mut buffer).unwrap();
            server.send_to(&buffer[..size], from).unwrap();
            let size = client.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..size], text.as_bytes());
        }
        let before = proxy.all();
        assert_eq!(before.both().arrived, 4);
        proxy.forget(one.local_addr().unwrap());
        assert_eq!(proxy.all(), before);
        assert_eq!(proxy.flows().len(), 1);
        assert!(proxy.flow(one.local_addr().unwrap()).is_none());
    }
}
