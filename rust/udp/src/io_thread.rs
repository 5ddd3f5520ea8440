//! A thread for what the system takes time for, in a busy port: it sends what waits in the outbox, and reads what has come
//! between two polls.
//!
//! To send or to receive a datagram takes the system a microsecond or two, and a game that serves a thousand peers in a tick
//! waits for milliseconds. So once there is much to do in a tick, this thread does it while the game works on; a server
//! of a few peers never starts it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::lock::lock;
use crate::port::Port;
use crate::recv_queue::{self, Read};
use crate::send_queue::SendBatch;

/// To wake the thread takes the system longer than to send a datagram: a game that works on a packet between two datagrams
/// would wake it for each of them, and wait for that. Some systems also let a thread run where it was woken, in the
/// game's place. So it is woken after a pause alone, and then looks for more by itself: at intervals of this, which double up
/// to [`LONGEST_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_micros(50);

/// What a datagram may wait before it is sent, at the most, and the price of it: some 2,000 looks a second, while a game
/// that answers many peers in a tick is at work.
const LONGEST_BACKOFF: Duration = Duration::from_micros(500);

/// How long it looks for more: longer than from one tick to the next.
const PAUSE: Duration = Duration::from_millis(50);

/// How many datagrams of a socket are read ahead between two polls: more than most kernels' buffers hold, and not so many
/// that who floods a server of few players keeps its polls busy.
const MOST_AHEAD: usize = 1024;

/// The thread of a port.
pub(crate) struct IoThread {
    thread: Mutex<Thread>,
    /// Whether it has to be woken.
    sleeps: AtomicBool,
    /// Whether the game is busy, as it was told since it looked last.
    is_called: AtomicBool,
    is_over: AtomicBool,
}

enum Thread {
    NotStarted,
    Runs(JoinHandle<()>),
    /// The system gave none, or it is over.
    Refused,
}

impl IoThread {
    pub(crate) fn new() -> IoThread {
        // With one processor the thread would only take turns with the game.
        let is_of_use = thread::available_parallelism().is_ok_and(|count| count.get() > 1);
        IoThread {
            thread: Mutex::new(if is_of_use {
                Thread::NotStarted
            } else {
                Thread::Refused
            }),
            sleeps: AtomicBool::new(false),
            is_called: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        }
    }

    /// Starts the thread of a port unless that was done; whether it runs.
    pub(crate) fn start(&self, port: &Arc<Port>) -> bool {
        let mut thread = lock(&self.thread);
        if matches!(*thread, Thread::NotStarted) {
            let port = Arc::clone(port);
            let started = thread::Builder::new()
                .name("udp-io".to_owned())
                .spawn(move || port.io_thread().work(&port));
            *thread = started.map_or(Thread::Refused, Thread::Runs);
        }
        matches!(*thread, Thread::Runs(_))
    }

    /// Tells the thread of a port that there is work for it now and in the next ticks.
    pub(crate) fn call(&self, port: &Arc<Port>) {
        if self.start(port) {
            self.is_called.store(true, Ordering::SeqCst);
            self.wake();
        }
    }

    /// Wakes the thread if it sleeps.
    pub(crate) fn wake(&self) {
        if self.sleeps.load(Ordering::SeqCst)
            && self.sleeps.swap(false, Ordering::SeqCst)
            && let Thread::Runs(handle) = &*lock(&self.thread)
        {
            handle.thread().unpark();
        }
    }

    /// Has what is left sent, and ends the thread.
    pub(crate) fn finish(&self) {
        let thread = std::mem::replace(&mut *lock(&self.thread), Thread::Refused);
        if let Thread::Runs(handle) = thread {
            self.is_over.store(true, Ordering::SeqCst);
            handle.thread().unpark();
            // It does not panic.
            let _ = handle.join();
        }
    }

    /// What the thread does until it is over and everything was sent.
    fn work(&self, port: &Port) {
        let mut batch = SendBatch::default();
        let mut backoff = FIRST_BACKOFF;
        let mut idle_for = Duration::ZERO;
        loop {
            let is_over = self.is_over.load(Ordering::SeqCst);
            let has_sent = port.send_queue().send_waiting(port.socket(), &mut batch);
            if is_over && !has_sent {
                return;
            }
            if has_sent || self.is_called.swap(false, Ordering::SeqCst) {
                idle_for = Duration::ZERO;
            }
            if read_ahead(port) || has_sent {
                backoff = FIRST_BACKOFF;
            } else if idle_for < PAUSE {
                thread::sleep(backoff);
                idle_for += backoff;
                backoff = LONGEST_BACKOFF.min(2 * backoff);
            } else {
                self.sleep(port);
            }
        }
    }

    fn sleep(&self, port: &Port) {
        self.sleeps.store(true, Ordering::SeqCst);
        // Who gave it something before that did not wake it.
        let has_work = port.send_queue().is_waiting()
            || self.is_called.load(Ordering::SeqCst)
            || self.is_over.load(Ordering::SeqCst);
        if !has_work {
            thread::park();
        }
        self.sleeps.store(false, Ordering::SeqCst);
    }
}

/// Reads what has come, as long as no poll wants to; whether there was anything.
fn read_ahead(port: &Port) -> bool {
    let queue = port.recv_queue();
    let (sockets, most) = port.readable();
    let most = most.min(MOST_AHEAD);
    let mut has_read = false;
    for (index, socket) in sockets {
        let Some(mut turn) = queue.turn_between_polls() else {
            break;
        };
        let before = turn.len();
        for _ in 0..recv_queue::BATCH {
            if queue.is_wanted() {
                break;
            }
            let Read::Some = turn.read(index, socket, most, &mut 0) else {
                break;
            };
        }
        has_read |= turn.len() > before;
    }
    has_read
}
