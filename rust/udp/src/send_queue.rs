//! Datagrams of a busy tick, which the port's courier sends while the game works on.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::error::Error;
use crate::lock::lock;
use crate::path::Path;
use crate::port::Port;
use crate::readiness;
use crate::socket::Socket;

/// How many datagrams of a tick leave on the caller's own time.
const DIRECT_SENDS: u32 = 16;

/// How many bytes wait for the courier at the most; beyond that, whoever sends waits for it.
pub(crate) const SEND_QUEUE_BYTES: usize = 1 << 20;

/// How long a sender waits for room at the most. A datagram that finds none is lost, as datagrams may be.
const PATIENCE: Duration = Duration::from_millis(100);

/// The datagrams that wait to be sent through one socket.
pub(crate) struct SendQueue {
    waiting: Mutex<SendBatch>,
    /// The courier took what waited.
    taken: Condvar,
    /// Whether anything waits or is being sent: what comes then must wait too, behind it.
    is_busy: AtomicBool,
    sends_of_this_tick: AtomicU32,
    dropped: AtomicU64,
}

/// Datagrams one behind the other in one piece of memory.
#[derive(Default)]
pub(crate) struct SendBatch {
    bytes: Vec<u8>,
    /// Which way each goes, and where it ends in `bytes`.
    paths: Vec<(Path, usize)>,
}

impl SendQueue {
    pub(crate) fn new() -> SendQueue {
        SendQueue {
            waiting: Mutex::default(),
            taken: Condvar::new(),
            is_busy: AtomicBool::new(false),
            sends_of_this_tick: AtomicU32::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// Begins a tick: the next datagrams leave at once again, as soon as the courier has sent what it has.
    pub(crate) fn begin_tick(&self) {
        self.sends_of_this_tick.store(0, Ordering::Relaxed);
    }

    /// How many datagrams were dropped because the courier did not get on.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Sends one datagram of a port's now or soon. What is sent soon is not known to have failed.
    pub(crate) fn send(&self, port: &Arc<Port>, path: Path, datagram: &[u8]) -> Result<(), Error> {
        if !self.is_busy.load(Ordering::Acquire)
            && (self.sends_of_this_tick.fetch_add(1, Ordering::Relaxed) < DIRECT_SENDS
                || !port.io_thread().start(port))
        {
            return port.socket().send_along(datagram, &path);
        }
        self.put(path, datagram);
        port.io_thread().wake();
        Ok(())
    }

    fn put(&self, path: Path, datagram: &[u8]) {
        let mut waiting = lock(&self.waiting);
        if waiting.bytes.len() + datagram.len() > SEND_QUEUE_BYTES {
            let full =
                |waiting: &mut SendBatch| waiting.bytes.len() + datagram.len() > SEND_QUEUE_BYTES;
            let (waited, _) = self
                .taken
                .wait_timeout_while(waiting, PATIENCE, full)
                .unwrap_or_else(PoisonError::into_inner);
            waiting = waited;
            if full(&mut waiting) {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        waiting.bytes.extend_from_slice(datagram);
        let end = waiting.bytes.len();
        waiting.paths.push((path, end));
        self.is_busy.store(true, Ordering::Release);
    }

    /// Whether anything waits.
    pub(crate) fn is_waiting(&self) -> bool {
        !lock(&self.waiting).paths.is_empty()
    }

    /// Sends what waits, and gives its memory for that of `empty` batch; whether there was anything.
    pub(crate) fn send_waiting(&self, socket: &Socket, empty: &mut SendBatch) -> bool {
        let mut waiting = lock(&self.waiting);
        if waiting.paths.is_empty() {
            self.is_busy.store(false, Ordering::Release);
            return false;
        }
        std::mem::swap(&mut *waiting, empty);
        drop(waiting);
        self.taken.notify_all();
        empty.send(socket, &self.dropped);
        true
    }
}

impl SendBatch {
    fn send(&mut self, socket: &Socket, dropped: &AtomicU64) {
        let mut start = 0;
        for (path, end) in self.paths.drain(..) {
            let datagram = &self.bytes[start..end];
            start = end;
            if socket.send_along(datagram, &path) == Err(Error::Busy) {
                // A full send buffer empties itself; once it was waited for, there is room.
                let _ = readiness::writable(socket.udp());
                if socket.send_along(datagram, &path).is_err() {
                    dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        self.bytes.clear();
    }
}
