//! A relay between UDP clients and a server, on real sockets, that captures datagrams and treats them badly.
//!
//! Each client gets a socket of its own towards the server, as behind an address translation. What happens to the n-th
//! datagram of a client depends on the seed, the client's place in the order of arrival, the direction and n alone, and
//! not on what other clients do meanwhile.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::{Faults, SeededRng, To};

mod flow;
mod traffic;

pub use flow::{Captured, Flow};
pub use traffic::{Counts, Traffic};

use flow::{FlowState, lock};

/// The largest payload of a UDP datagram over IPv4, in bytes.
pub const MAX_UDP_PAYLOAD: usize = 65_507;
/// How soon a thread that waits for a socket notices that it is to end.
const STOP_LATENCY: Duration = Duration::from_millis(500);
/// How many datagrams of each client and direction are captured unless all are: the first ones, of the handshake, and
/// the last ones.
const CAPTURE_LIMIT: usize = 64;
const CAPTURE_FIRST: usize = 16;
/// The same where all are captured; later ones are passed on without.
const CAPTURE_ALL_LIMIT: usize = 10_000;
/// A DTLS record's header, the place of its epoch, and the content type of application data (RFC 6347 section 4.1).
const RECORD_HEADER: usize = 13;
const EPOCH: std::ops::Range<usize> = 3..5;
const APPLICATION_DATA: u8 = 23;

/// A relay on a free port of 127.0.0.1; it ends when this is dropped.
pub struct Relay {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    front: UdpSocket,
    server: SocketAddr,
    seed: u64,
    captures_all: bool,
    faults: Mutex<Faults>,
    stop: AtomicBool,
    flows: Mutex<Flows>,
    /// Counts of the clients that are forgotten: all datagrams, and those of application data.
    past: Mutex<(Traffic, Traffic)>,
    next_order: AtomicU64,
}

#[derive(Default)]
struct Flows {
    by_client: HashMap<SocketAddr, Arc<Flow>>,
    made: u64,
}

/// A datagram that is passed on later.
struct Delayed {
    due: Instant,
    order: u64,
    flow: Arc<Flow>,
    to: To,
    bytes: Vec<u8>,
}

impl Relay {
    /// Starts relaying to `server`; the seed decides which datagrams the faults hit.
    ///
    /// Bits are inverted in encrypted datagrams alone. What a handshake sends in plain text is protected by UDP's
    /// checksum and by the Finished messages, which end a handshake that was altered.
    ///
    /// # Errors
    /// Those of opening a socket.
    pub fn start(server: SocketAddr, faults: Faults, seed: u64) -> io::Result<Self> {
        Self::start_with(server, faults, seed, false)
    }

    /// Starts relaying to `server` without faults, and captures the first 10,000 datagrams of each direction.
    ///
    /// # Errors
    /// Those of opening a socket.
    pub fn capture(server: SocketAddr) -> io::Result<Self> {
        Self::start_with(server, Faults::default(), 0, true)
    }

    fn start_with(
        server: SocketAddr,
        faults: Faults,
        seed: u64,
        captures_all: bool,
    ) -> io::Result<Self> {
        let front = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        front.set_read_timeout(Some(STOP_LATENCY))?;
        let shared = Arc::new(Shared {
            front,
            server,
            seed,
            captures_all,
            faults: Mutex::new(faults),
            stop: AtomicBool::new(false),
            flows: Mutex::default(),
            past: Mutex::default(),
            next_order: AtomicU64::new(0),
        });
        let (sender, delayed) = channel();
        let relay = thread::spawn({
            let shared = shared.clone();
            move || shared.relay_from_clients(&sender)
        });
        let delay = thread::spawn({
            let shared = shared.clone();
            move || shared.deliver_later(&delayed)
        });
        Ok(Self {
            shared,
            threads: vec![relay, delay],
        })
    }

    /// The address that clients send to.
    ///
    /// # Errors
    /// When the system does not tell it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.shared.front.local_addr()
    }

    /// The server that it relays to.
    pub fn server(&self) -> SocketAddr {
        self.shared.server
    }

    /// Changes what is done to datagrams from now on.
    pub fn set_faults(&self, faults: Faults) {
        *lock(&self.shared.faults) = faults;
    }

    /// What happened to all datagrams.
    pub fn all(&self) -> Traffic {
        self.sum(|state| &state.all, |past| &past.0)
    }

    /// What happened to datagrams that begin with a record of application data.
    pub fn data(&self) -> Traffic {
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

    /// The clients that are not forgotten, in order of arrival.
    pub fn flows(&self) -> Vec<Arc<Flow>> {
        let mut flows: Vec<_> = lock(&self.shared.flows)
            .by_client
            .values()
            .cloned()
            .collect();
        flows.sort_by_key(|flow| flow.index);
        flows
    }

    /// One client's flow.
    pub fn flow(&self, client: SocketAddr) -> Option<Arc<Flow>> {
        lock(&self.shared.flows).by_client.get(&client).cloned()
    }

    /// Forgets a client that has ended: the next datagram from its address is another client's. Its delayed datagrams are
    /// lost; its counts stay in the sums.
    pub fn forget(&self, client: SocketAddr) {
        let mut flows = lock(&self.shared.flows);
        if let Some(flow) = flows.by_client.remove(&client) {
            flow.is_forgotten.store(true, Ordering::Release);
            let state = lock(&flow.state);
            let mut past = lock(&self.shared.past);
            past.0.add(&state.all);
            past.1.add(&state.data);
        }
    }

    /// Sends a datagram to one end of a flow, as if the other end had sent it.
    pub fn inject(&self, flow: &Flow, to: To, bytes: &[u8]) {
        self.shared.pass_on(flow, to, bytes);
    }
}

impl Drop for Relay {
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

    fn relay_from_clients(self: &Arc<Self>, later: &Sender<Delayed>) {
        let mut buffer = vec![0; MAX_UDP_PAYLOAD];
        while !self.is_over() {
            let Some((size, client)) = receive(&self.front, &mut buffer) else {
                continue;
            };
            // Without a socket for the client, its datagram counts as lost.
            if let Some(flow) = self.flow_of(client, later) {
                self.treat(&flow, To::Server, &buffer[..size], later);
            }
        }
    }

    fn flow_of(self: &Arc<Self>, client: SocketAddr, later: &Sender<Delayed>) -> Option<Arc<Flow>> {
        let mut flows = lock(&self.flows);
        if let Some(flow) = flows.by_client.get(&client) {
            return Some(flow.clone());
        }
        let back = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
        back.connect(self.server).ok()?;
        back.set_read_timeout(Some(STOP_LATENCY)).ok()?;
        let flow = Arc::new(Flow {
            index: flows.made,
            client,
            back,
            is_forgotten: AtomicBool::new(false),
            delayed: AtomicUsize::new(0),
            state: Mutex::default(),
        });
        flows.made += 1;
        flows.by_client.insert(client, flow.clone());
        let (shared, later, its_flow) = (self.clone(), later.clone(), flow.clone());
        thread::spawn(move || {
            let mut buffer = vec![0; MAX_UDP_PAYLOAD];
            while !shared.is_over() && !its_flow.is_forgotten.load(Ordering::Acquire) {
                if let Some((size, _)) = receive(&its_flow.back, &mut buffer) {
                    shared.treat(&its_flow, To::Client, &buffer[..size], &later);
                }
            }
        });
        Some(flow)
    }

    /// Decides what happens to a datagram, counts it, and passes it on now or later.
    fn treat(&self, flow: &Arc<Flow>, to: To, bytes: &[u8], later: &Sender<Delayed>) {
        let faults = lock(&self.faults).clone();
        let mut state = lock(&flow.state);
        let number = state.all.towards(to).arrived;
        let mut rng = SeededRng::from_seeds(&[self.seed, flow.index, to as u64, number]);
        let mut treatment = faults.treat(bytes.len(), &mut rng);
        if !is_encrypted(bytes) {
            treatment.flipped_bit = None;
        }
        let second_delay = faults.draw_delay(&mut rng);
        let is_doubled = faults.duplicates(&mut rng) && !treatment.is_lost;
        let fate = Counts {
            arrived: 1,
            lost: treatment.is_lost.into(),
            corrupted: treatment.flipped_bit.is_some().into(),
            doubled: is_doubled.into(),
            delayed: treatment.delay.is_some().into(),
        };
        state.all.towards(to).add(&fate);
        if bytes.first() == Some(&APPLICATION_DATA) {
            state.data.towards(to).add(&fate);
        }
        self.keep(
            &mut state.captured[to as usize],
            Captured {
                at: Instant::now(),
                to,
                bytes: bytes.to_vec(),
                fate,
            },
        );
        drop(state);
        if treatment.is_lost {
            return;
        }
        let mut bytes = bytes.to_vec();
        treatment.corrupt(&mut bytes);
        if is_doubled {
            self.delay(flow, to, bytes.clone(), second_delay, later);
        }
        match treatment.delay {
            Some(delay) => self.delay(flow, to, bytes, delay, later),
            None => self.pass_on(flow, to, &bytes),
        }
    }

    fn keep(&self, captured: &mut Vec<Captured>, datagram: Captured) {
        if self.captures_all {
            if captured.len() < CAPTURE_ALL_LIMIT {
                captured.push(datagram);
            }
            return;
        }
        if captured.len() == CAPTURE_LIMIT {
            captured.remove(CAPTURE_FIRST);
        }
        captured.push(datagram);
    }

    fn delay(
        &self,
        flow: &Arc<Flow>,
        to: To,
        bytes: Vec<u8>,
        delay: Duration,
        later: &Sender<Delayed>,
    ) {
        flow.delayed.fetch_add(1, Ordering::AcqRel);
        let delayed = Delayed {
            due: Instant::now() + delay,
            order: self.next_order.fetch_add(1, Ordering::Relaxed),
            flow: flow.clone(),
            to,
            bytes,
        };
        // The receiver is gone when the relay ends.
        let _ = later.send(delayed);
    }

    fn deliver_later(&self, incoming: &Receiver<Delayed>) {
        let mut waiting: BinaryHeap<Reverse<Delayed>> = BinaryHeap::new();
        while !self.is_over() {
            let now = Instant::now();
            while waiting.peek().is_some_and(|delayed| delayed.0.due <= now) {
                let Some(Reverse(delayed)) = waiting.pop() else {
                    break;
                };
                if !delayed.flow.is_forgotten.load(Ordering::Acquire) {
                    self.pass_on(&delayed.flow, delayed.to, &delayed.bytes);
                }
                delayed.flow.delayed.fetch_sub(1, Ordering::AcqRel);
            }
            let wait = waiting.peek().map_or(STOP_LATENCY, |delayed| {
                delayed
                    .0
                    .due
                    .saturating_duration_since(now)
                    .min(STOP_LATENCY)
            });
            match incoming.recv_timeout(wait) {
                Ok(delayed) => waiting.push(Reverse(delayed)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn pass_on(&self, flow: &Flow, to: To, bytes: &[u8]) {
        // An end that is not there loses the datagram.
        let _ = match to {
            To::Server => flow.back.send(bytes),
            To::Client => self.front.send_to(bytes, flow.client),
        };
    }
}

impl PartialEq for Delayed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Delayed {}

impl PartialOrd for Delayed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Delayed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

fn is_encrypted(datagram: &[u8]) -> bool {
    datagram.len() > RECORD_HEADER && datagram[EPOCH] != [0, 0]
}

/// The next datagram; `None` if none arrives within [`STOP_LATENCY`]. Errors are those of earlier sends, and are ignored.
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
