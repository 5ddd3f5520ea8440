//! Threads that run handshakes of servers to which many clients connect at once.
//!
//! A signature takes a fraction of a millisecond. A game to which fifty players reconnect at the same moment would stand
//! still for some frames if its thread made all fifty; so beyond the first few, a poll leaves them to these threads, and
//! a later poll finds the result. A server to which players connect one by one never starts a thread.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::lock::lock;

/// More would not help: the game's own thread takes what they have done.
const MAX_THREADS: usize = 4;

/// What a pool's thread runs.
pub trait Work: Send + Sync {
    /// Does the work.
    fn run(&self);

    /// Called after [`run`](Self::run) has returned or has panicked.
    fn finished(&self);
}

/// Called with each piece of work, which it calls; it lets no panic through.
type Surround = fn(&mut dyn FnMut());

/// A pool of threads, which start with the first work.
pub struct HandshakePool {
    queue: Arc<Queue>,
    threads: Option<usize>,
}

struct Queue {
    state: Mutex<State>,
    /// There is work, or the pool is shutting down.
    changed: Condvar,
    surround: Surround,
}

#[derive(Default)]
struct State {
    work: VecDeque<Arc<dyn Work>>,
    threads: Vec<JoinHandle<()>>,
    is_started: bool,
    is_shutting_down: bool,
}

impl HandshakePool {
    /// A pool of one thread less than there are processors, four at the most: none on one processor, where threads would
    /// only take turns with the caller's. `surround` calls the work that it is given, and lets no panic through.
    pub fn new(surround: fn(&mut dyn FnMut())) -> Self {
        Self {
            queue: Arc::new(Queue {
                state: Mutex::default(),
                changed: Condvar::new(),
                surround,
            }),
            threads: None,
        }
    }

    /// The same with a number of threads.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Has a thread run the work; false if there is none, or while the pool shuts down.
    pub fn submit(&self, work: Arc<dyn Work>) -> bool {
        let mut state = lock(&self.queue.state);
        let started = self.start(&mut state);
        let has_threads = !state.threads.is_empty();
        if has_threads {
            state.work.push_back(work);
            self.queue.changed.notify_one();
        }
        drop(state);
        if started > 0 {
            log::info!(target: "endpoint", "many clients at once: threads started for handshakes: {started}");
        }
        has_threads
    }

    /// Starts the threads, if that was not tried before; returns how many.
    fn start(&self, state: &mut State) -> usize {
        if std::mem::replace(&mut state.is_started, true) {
            return 0;
        }
        let count = self.threads.unwrap_or_else(|| {
            let processors = thread::available_parallelism().map_or(1, usize::from);
            (processors - 1).min(MAX_THREADS)
        });
        let start = |_| {
            let queue = Arc::clone(&self.queue);
            let builder = thread::Builder::new().name("dtls handshakes".to_owned());
            builder.spawn(move || queue.work()).ok()
        };
        state.threads = (0..count).map_while(start).collect();
        state.threads.len()
    }

    /// Ends the threads, and drops the work that has not begun. Later work starts new threads.
    pub fn shut_down(&self) {
        self.end_threads();
        let mut state = lock(&self.queue.state);
        state.is_shutting_down = false;
        state.is_started = false;
    }

    fn end_threads(&self) {
        let mut state = lock(&self.queue.state);
        state.is_shutting_down = true;
        let threads = std::mem::take(&mut state.threads);
        let work = std::mem::take(&mut state.work);
        self.queue.changed.notify_all();
        drop(state);
        drop(work);
        for thread in threads {
            // Work on a thread of the pool may own the last reference to it; a thread cannot wait for itself.
            if thread.thread().id() != thread::current().id() {
                // `surround` lets no panic through.
                let _ = thread.join();
            }
        }
    }
}

impl Drop for HandshakePool {
    fn drop(&mut self) {
        self.end_threads();
    }
}

impl Queue {
    fn work(&self) {
        while let Some(work) = self.next() {
            (self.surround)(&mut || work.run());
            work.finished();
        }
    }

    /// The oldest work, when there is some; `None` when the pool shuts down.
    fn next(&self) -> Option<Arc<dyn Work>> {
        let mut state = lock(&self.state);
        loop {
            if state.is_shutting_down {
                return None;
            }
            if let Some(work) = state.work.pop_front() {
                return Some(work);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}
