//! Threads that shake hands for servers to which many clients come at once.
//!
//! A signature takes a fraction of a millisecond. A game to which fifty players come back at the same moment would stand
//! still for some frames if it made all fifty itself; so beyond the first few, `poll()` leaves them to these threads, and
//! sees in a later frame what became of them. A server to which players come one by one never starts a thread.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::dtls_peer::DtlsPeer;
use crate::panics::contained;
use crate::report;

/// More would not help: the game's own thread takes what they have done.
const MOST_THREADS: usize = 4;

static CREW: Crew = Crew {
    state: Mutex::new(State {
        work: VecDeque::new(),
        threads: Vec::new(),
        is_tried: false,
        is_over: false,
    }),
    comes: Condvar::new(),
};

struct Crew {
    state: Mutex<State>,
    /// There is work, or it is over.
    comes: Condvar,
}

struct State {
    /// Each peer is in it once at the most.
    work: VecDeque<Arc<DtlsPeer>>,
    threads: Vec<JoinHandle<()>>,
    is_tried: bool,
    is_over: bool,
}

/// Has a thread poll the peer; false if there is none.
pub(crate) fn hand(peer: &Arc<DtlsPeer>) -> bool {
    let mut state = CREW.lock();
    let started = state.start();
    // None while they are being dismissed, too.
    let is_there = !state.threads.is_empty();
    if is_there {
        state.work.push_back(Arc::clone(peer));
        CREW.comes.notify_one();
    }
    drop(state);
    if started > 0 {
        report::started_threads(started);
    }
    is_there
}

/// Ends the threads, before OpenSSL ends. What they have not begun is left undone.
pub(crate) fn dismiss() {
    let mut state = CREW.lock();
    state.is_over = true;
    let threads = std::mem::take(&mut state.threads);
    let work = std::mem::take(&mut state.work);
    CREW.comes.notify_all();
    drop(state);
    drop(work);
    for thread in threads {
        // What panics in it is contained.
        let _ = thread.join();
    }
    let mut state = CREW.lock();
    state.is_over = false;
    state.is_tried = false;
}

impl Crew {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(peer) = self.next() {
            contained("DTLSServer", || peer.work_on_thread());
            // Before this thread waits for more.
            dtls::forget_keys();
            peer.come_back();
        }
    }

    /// The peer to work on; none once it is over.
    fn next(&self) -> Option<Arc<DtlsPeer>> {
        let mut state = self.lock();
        loop {
            if state.is_over {
                return None;
            }
            if let Some(peer) = state.work.pop_front() {
                return Some(peer);
            }
            state = self
                .comes
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl State {
    /// Starts the threads if nobody has tried to; returns how many there are now that were not.
    fn start(&mut self) -> usize {
        if std::mem::replace(&mut self.is_tried, true) {
            return 0;
        }
        // One processor is the game's own; where there is no other, threads would only take turns with it.
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let start = |_| {
            let builder = thread::Builder::new().name("dtls handshakes".to_owned());
            builder.spawn(|| CREW.work()).ok()
        };
        self.threads = (1..processors.min(MOST_THREADS + 1))
            .map_while(start)
            .collect();
        self.threads.len()
    }
}
