//! Datagrams that the I/O thread sends while the game works on.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::error::Error;
use crate::lock::lock;
use crate::path::Path;
use crate::readiness;
use crate::socket::Socket;

/// How many datagrams of a tick are sent without the queue.
const DIRECT_SENDS: u32 = 16;

/// The most bytes in the queue. A sender that finds it full waits.
const SEND_QUEUE_BYTES: usize = 1 << 20;

/// The longest that a sender waits for room. Then its datagram is dropped.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// The datagrams that wait to be sent through one socket.
pub(crate) struct SendQueue {
    waiting: Mutex<SendBatch>,
    /// Signalled when the I/O thread has taken what waited.
    taken: Condvar,
    /// Whether anything waits or is being sent. A datagram that is sent then has to be queued behind it.
    is_busy: AtomicBool,
    direct_sends: AtomicU32,
    dropped: AtomicU64,
    longest_wait: Duration,
}

/// Datagrams one after the other in one buffer.
#[derive(Default)]
pub(crate) struct SendBatch {
    bytes: Vec<u8>,
    /// The path of each, and where it ends in `bytes`.
    paths: Vec<(Path, usize)>,
}

impl SendQueue {
    pub(crate) fn new() -> SendQueue {
        SendQueue {
            waiting: Mutex::default(),
            taken: Condvar::new(),
            is_busy: AtomicBool::new(false),
            direct_sends: AtomicU32::new(0),
            dropped: AtomicU64::new(0),
            longest_wait: LONGEST_WAIT,
        }
    }

    /// Begins a tick: the next [`DIRECT_SENDS`] datagrams are sent without the queue, once it is empty.
    pub(crate) fn begin_tick(&self) {
        self.direct_sends.store(0, Ordering::Relaxed);
    }

    /// How many datagrams were dropped because the system did not take them in time.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Whether anything waits or is being sent.
    pub(crate) fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::Acquire)
    }

    /// Counts one datagram of this tick. Returns whether it may be sent without the queue.
    pub(crate) fn count_direct_send(&self) -> bool {
        self.direct_sends.fetch_add(1, Ordering::Relaxed) < DIRECT_SENDS
    }

    /// Appends one datagram. Waits for room, at most [`LONGEST_WAIT`], and drops the datagram if there is none then.
    pub(crate) fn push(&self, path: Path, datagram: &[u8]) {
        let is_full =
            |waiting: &mut SendBatch| waiting.bytes.len() + datagram.len() > SEND_QUEUE_BYTES;
        let mut waiting = lock(&self.waiting);
        if is_full(&mut waiting) {
            let (waited, _) = self
                .taken
                .wait_timeout_while(waiting, self.longest_wait, is_full)
                .unwrap_or_else(PoisonError::into_inner);
            waiting = waited;
            if is_full(&mut waiting) {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                log::trace!(target: "udp", "dropped a datagram to {}: the send queue is full", path.remote);
                return;
            }
        }
        waiting.bytes.extend_from_slice(datagram);
        let end = waiting.bytes.len();
        waiting.paths.push((path, end));
        self.is_busy.store(true, Ordering::Release);
    }

    /// Whether nothing waits. Datagrams may still be in the middle of [`SendQueue::flush`].
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.waiting).paths.is_empty()
    }

    /// Sends what waits. `spare` is an empty batch whose buffer the queue uses next. Returns whether there was
    /// anything.
    pub(crate) fn flush(&self, socket: &Socket, spare: &mut SendBatch) -> bool {
        let mut waiting = lock(&self.waiting);
        if waiting.paths.is_empty() {
            self.is_busy.store(false, Ordering::Release);
            return false;
        }
        std::mem::swap(&mut *waiting, spare);
        drop(waiting);
        self.taken.notify_all();
        spare.send(socket, &self.dropped);
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
                // The system empties the send buffer by itself: retry once when there is room.
                let _ = readiness::writable(socket.udp());
                if socket.send_along(datagram, &path).is_err() {
                    dropped.fetch_add(1, Ordering::Relaxed);
                    log::trace!(target: "udp", "dropped a datagram to {}: the send buffer is full", path.remote);
                }
            }
        }
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use std::thread;

    use super::*;
    use crate::bind_address::BindAddress;

    const DATAGRAM: [u8; 1024] = [7; 1024];
    /// How many of them fill the queue.
    const ROOM: usize = SEND_QUEUE_BYTES / DATAGRAM.len();

    fn queue(longest_wait: Duration) -> SendQueue {
        SendQueue {
            longest_wait,
            ..SendQueue::new()
        }
    }

    fn socket() -> Socket {
        Socket::bind(BindAddress::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)), 0).unwrap()
    }

    /// To the socket itself, which need not receive.
    fn path(socket: &Socket) -> Path {
        Path::of(SocketAddr::from((Ipv4Addr::LOCALHOST, socket.local_port())))
    }

    fn fill(queue: &SendQueue, path: Path) {
        for _ in 0..ROOM {
            queue.push(path, &DATAGRAM);
        }
        assert_eq!(queue.dropped(), 0, "there is room for all");
    }

    #[test]
    fn a_sender_waits_until_the_queue_is_taken() {
        let (queue, socket) = (queue(Duration::MAX), socket());
        let path = path(&socket);
        fill(&queue, path);
        thread::scope(|scope| {
            let sender = scope.spawn(|| queue.push(path, b"one more"));
            // Long enough for a sender that does not wait to have dropped its datagram.
            thread::sleep(Duration::from_millis(50));
            assert!(!sender.is_finished());
            queue.flush(&socket, &mut SendBatch::default());
            sender.join().unwrap();
        });
        let waiting = lock(&queue.waiting);
        assert_eq!(waiting.bytes, b"one more");
        assert_eq!(waiting.paths, [(path, waiting.bytes.len())]);
    }

    #[test]
    fn a_datagram_is_dropped_when_there_is_no_room_in_time() {
        let (queue, socket) = (queue(Duration::from_millis(1)), socket());
        let path = path(&socket);
        fill(&queue, path);
        for dropped in 1..=3 {
            queue.push(path, b"one more");
            assert_eq!(queue.dropped(), dropped);
        }
        assert_eq!(lock(&queue.waiting).paths.len(), ROOM);
    }
}
