//! Sending on a thread of its own, for ticks in which a game answers many peers.
//!
//! A send takes the system some microseconds; a game that answers a thousand peers in one tick waits for
//! milliseconds. So once a tick has seen [`DIRECT_SENDS`] datagrams, the next ones are handed to a thread, which sends
//! while the game works on. A server of a few peers never starts it, and its datagrams leave at once.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::error::Error;
use crate::lock::lock;
use crate::port::Port;
use crate::readiness;
use crate::socket::Socket;

/// How many datagrams of a tick leave on the caller's own time.
const DIRECT_SENDS: u32 = 16;

/// How many bytes wait for the thread at the most; beyond that, whoever sends waits for it.
pub(crate) const OUTBOX_BYTES: usize = 1 << 20;

/// How long a sender waits for room at the most. A datagram that finds none is lost, as datagrams may be.
const PATIENCE: Duration = Duration::from_millis(100);

/// To wake the thread takes the system longer than to send a datagram: a game that works on a packet between two datagrams
/// would wake it for each of them, and wait for that. Some systems also let a thread run where it was woken, in the
/// game's place. So it is woken for the first datagrams after a pause alone, and then looks for more by itself: at
/// intervals of this, which double up to [`LONGEST_NAP`].
const FIRST_NAP: Duration = Duration::from_micros(50);

/// What a datagram may wait before it is sent, at the most, and the price of it: some 2,000 looks a second, while a game
/// that answers many peers in a tick is at work.
const LONGEST_NAP: Duration = Duration::from_micros(500);

/// How long it looks for more: longer than from one tick to the next.
const PAUSE: Duration = Duration::from_millis(50);

/// The datagrams that wait to be sent through one socket, and the thread that does it.
pub(crate) struct Outbox {
    shared: Arc<Shared>,
    sends_of_this_tick: AtomicU32,
    thread: Mutex<Thread>,
}

enum Thread {
    NotStarted,
    Runs(JoinHandle<()>),
    /// The system gave none: everything is sent directly.
    Refused,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Something was queued, or it is over.
    filled: Condvar,
    /// The thread took what was queued.
    taken: Condvar,
    /// Whether anything is queued or being sent: what comes then must queue too, behind it.
    is_busy: AtomicBool,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Queue {
    batch: Batch,
    is_over: bool,
    /// Whether the thread waits and must be woken.
    sleeps: bool,
}

/// Datagrams one behind the other in one piece of memory.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    /// To whom each goes, and where it ends in `bytes`.
    datagrams: Vec<(SocketAddr, usize)>,
}

impl Outbox {
    pub(crate) fn new() -> Outbox {
        // With one processor the thread would only take turns with the game.
        let is_of_use = thread::available_parallelism().is_ok_and(|count| count.get() > 1);
        Outbox {
            shared: Arc::new(Shared {
                queue: Mutex::default(),
                filled: Condvar::new(),
                taken: Condvar::new(),
                is_busy: AtomicBool::new(false),
                dropped: AtomicU64::new(0),
            }),
            sends_of_this_tick: AtomicU32::new(0),
            thread: Mutex::new(if is_of_use {
                Thread::NotStarted
            } else {
                Thread::Refused
            }),
        }
    }

    /// Begins a tick: the next datagrams leave at once again, as soon as the thread has sent what it has.
    pub(crate) fn begin_tick(&self) {
        self.sends_of_this_tick.store(0, Ordering::Relaxed);
    }

    /// How many datagrams were dropped because the thread did not get on.
    pub(crate) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Sends one datagram now or soon. What is sent soon is not known to have failed.
    pub(crate) fn send(
        &self,
        port: &Arc<Port>,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), Error> {
        if !self.shared.is_busy.load(Ordering::Acquire)
            && (self.sends_of_this_tick.fetch_add(1, Ordering::Relaxed) < DIRECT_SENDS
                || !self.has_thread(port))
        {
            return port.socket().send_to(datagram, remote);
        }
        self.shared.put(remote, datagram);
        Ok(())
    }

    fn has_thread(&self, port: &Arc<Port>) -> bool {
        let mut thread = lock(&self.thread);
        if matches!(*thread, Thread::NotStarted) {
            let shared = Arc::clone(&self.shared);
            // Weak, so that the port is free once the listener has let go of it.
            let port = Arc::downgrade(port);
            let started = thread::Builder::new()
                .name("udp send".to_owned())
                .spawn(move || shared.work(&port));
            *thread = started.map_or(Thread::Refused, Thread::Runs);
        }
        matches!(*thread, Thread::Runs(_))
    }

    /// Sends what is left and ends the thread. What comes after that is sent directly.
    pub(crate) fn finish(&self) {
        let thread = std::mem::replace(&mut *lock(&self.thread), Thread::Refused);
        if let Thread::Runs(handle) = thread {
            self.shared.end();
            // It does not panic.
            let _ = handle.join();
        }
    }
}

impl Drop for Outbox {
    /// Without waiting: the thread itself may have been the last to hold the port.
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl Shared {
    fn end(&self) {
        lock(&self.queue).is_over = true;
        self.filled.notify_one();
    }

    fn put(&self, remote: SocketAddr, datagram: &[u8]) {
        let mut queue = lock(&self.queue);
        if queue.batch.bytes.len() + datagram.len() > OUTBOX_BYTES {
            let full = |queue: &mut Queue| queue.batch.bytes.len() + datagram.len() > OUTBOX_BYTES;
            let (waited, _) = self
                .taken
                .wait_timeout_while(queue, PATIENCE, full)
                .unwrap_or_else(PoisonError::into_inner);
            queue = waited;
            if full(&mut queue) {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        queue.batch.bytes.extend_from_slice(datagram);
        let end = queue.batch.bytes.len();
        queue.batch.datagrams.push((remote, end));
        self.is_busy.store(true, Ordering::Release);
        if std::mem::take(&mut queue.sleeps) {
            drop(queue);
            self.filled.notify_one();
        }
    }

    /// What the thread does until it is over and everything was sent.
    fn work(&self, port: &Weak<Port>) {
        let mut batch = Batch::default();
        while self.take(&mut batch) {
            let Some(port) = port.upgrade() else {
                return;
            };
            batch.send(port.socket(), &self.dropped);
        }
    }

    /// Takes what is queued for the memory of an empty batch; false once it is over.
    fn take(&self, batch: &mut Batch) -> bool {
        let mut queue = lock(&self.queue);
        let mut nap = FIRST_NAP;
        let mut napped = Duration::ZERO;
        while queue.batch.datagrams.is_empty() {
            self.is_busy.store(false, Ordering::Release);
            if queue.is_over {
                return false;
            }
            if napped < PAUSE {
                drop(queue);
                thread::sleep(nap);
                napped += nap;
                nap = LONGEST_NAP.min(2 * nap);
                queue = lock(&self.queue);
                continue;
            }
            queue.sleeps = true;
            queue = self
                .filled
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        queue.sleeps = false;
        std::mem::swap(&mut queue.batch, batch);
        drop(queue);
        self.taken.notify_all();
        true
    }
}

impl Batch {
    fn send(&mut self, socket: &Socket, dropped: &AtomicU64) {
        let mut start = 0;
        for (remote, end) in self.datagrams.drain(..) {
            let datagram = &self.bytes[start..end];
            start = end;
            if socket.send_to(datagram, remote) == Err(Error::Busy) {
                // A full send buffer empties itself; once it was waited for, there is room.
                let _ = readiness::writable(socket.udp());
                if socket.send_to(datagram, remote).is_err() {
                    dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        self.bytes.clear();
    }
}
