//! Datagrams that were read from a port's sockets and are not yet delivered to their routes.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use crate::lock::{lock, try_lock};
use crate::path::Path;
use crate::reuseport_group::MAX_SOCKETS;
use crate::scratch::RECEIVE_BUFFER;
use crate::socket::{Socket, is_about_an_earlier_send};

/// The most datagrams that are read, and that are delivered, in one step.
pub(crate) const BATCH: usize = 32;

/// The buffer's size in bytes until something is read ahead: room for two datagrams of any size.
const BUFFER: usize = 2 * RECEIVE_BUFFER;

/// The buffer's size in bytes from then on. What does not fit stays in the kernel's buffers.
const BUFFER_AHEAD: usize = 1 << 20;

/// After this many errors in one poll the socket is taken to be broken.
const MAX_ERRORS_PER_POLL: usize = 64;

/// How often a poll tries to lock the batch before it blocks: for about 20 microseconds. The I/O thread unlocks it
/// within one, as soon as it sees that the batch is wanted.
const LOCK_ATTEMPTS: usize = 500;

/// The batch of a port. Whoever has it locked may read and deliver, so that each sender's datagrams stay in order.
pub(crate) struct RecvQueue {
    batch: Mutex<RecvBatch>,
    /// A poll waits for the lock.
    is_wanted: AtomicBool,
}

/// Datagrams one after the other in one buffer.
pub(crate) struct RecvBatch {
    buffer: Vec<u8>,
    /// The path of each, and where it ends in the buffer.
    heads: Vec<(Path, usize)>,
    /// How many of them are delivered.
    delivered: usize,
    /// How many were read of each socket since a poll last delivered everything.
    read: [usize; MAX_SOCKETS],
    /// The port got more sockets, and no poll has read all of them since: a client's older datagrams may be in another
    /// socket than its newer ones.
    is_in_transition: bool,
}

/// The result of reading one datagram.
pub(crate) enum Read {
    /// Read the next: this one was read, or there is no room before the batch is delivered.
    More,
    /// The socket is empty, or its limit is reached.
    Done,
    /// The socket keeps failing.
    Failed,
}

impl RecvQueue {
    pub(crate) fn new() -> RecvQueue {
        RecvQueue {
            batch: Mutex::new(RecvBatch {
                buffer: vec![0; BUFFER],
                heads: Vec::with_capacity(BATCH),
                delivered: 0,
                read: [0; MAX_SOCKETS],
                is_in_transition: false,
            }),
            is_wanted: AtomicBool::new(false),
        }
    }

    /// Locks the batch for a poll. The I/O thread unlocks it after the datagram that it is reading.
    pub(crate) fn lock(&self) -> MutexGuard<'_, RecvBatch> {
        self.is_wanted.store(true, Ordering::Relaxed);
        let soon = (0..LOCK_ATTEMPTS).find_map(|_| {
            try_lock(&self.batch).or_else(|| {
                std::hint::spin_loop();
                None
            })
        });
        let batch = soon.unwrap_or_else(|| lock(&self.batch));
        self.is_wanted.store(false, Ordering::Relaxed);
        batch
    }

    /// Locks the batch for reading ahead. `None` if a poll has it, waits for it, or has to read all sockets first.
    pub(crate) fn lock_between_polls(&self) -> Option<MutexGuard<'_, RecvBatch>> {
        if self.is_wanted() {
            return None;
        }
        let mut batch = try_lock(&self.batch)?;
        if batch.is_in_transition {
            return None;
        }
        if batch.buffer.len() < BUFFER_AHEAD && batch.is_empty() {
            batch.buffer = vec![0; BUFFER_AHEAD];
        }
        Some(batch)
    }

    /// Whether a poll waits for the batch.
    pub(crate) fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::Relaxed)
    }
}

impl RecvBatch {
    pub(crate) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// How many datagrams are not delivered yet.
    pub(crate) fn len(&self) -> usize {
        self.heads.len() - self.delivered
    }

    /// Called when the port got more sockets. Until [`RecvBatch::end_transition`] only polls read, each socket to its
    /// end before the next.
    ///
    /// While sockets are added, the kernel moves a client only to a socket that was added later (it scales the client's
    /// hash by their number: `reciprocal_scale` in `net/core/sock_reuseport.c`). So this keeps its datagrams in order.
    pub(crate) fn begin_transition(&mut self) {
        self.is_in_transition = true;
        self.read = [0; MAX_SOCKETS];
    }

    /// Called when a poll has read every socket.
    pub(crate) fn end_transition(&mut self) {
        self.is_in_transition = false;
    }

    pub(crate) fn is_in_transition(&self) -> bool {
        self.is_in_transition
    }

    /// Reads one datagram of the socket with this index in its port. `limit` is how many are read of it until
    /// everything is delivered; `errors` counts those of this poll.
    pub(crate) fn read(
        &mut self,
        index: usize,
        socket: &Socket,
        limit: usize,
        errors: &mut usize,
    ) -> Read {
        let used = self.heads.last().map_or(0, |&(_, end)| end);
        if self.read[index] >= limit {
            return Read::Done;
        }
        if self.buffer.len() - used < RECEIVE_BUFFER {
            return Read::More;
        }
        let received = socket.receive_path(&mut self.buffer[used..]);
        self.add(index, received, errors)
    }

    /// Records the result of a read, whose datagram, if there is one, is in the buffer after the others.
    fn add(
        &mut self,
        index: usize,
        received: io::Result<Option<(usize, Path)>>,
        errors: &mut usize,
    ) -> Read {
        match received {
            Ok(Some((length, path))) => {
                let used = self.heads.last().map_or(0, |&(_, end)| end);
                self.heads.push((path, used + length));
                self.read[index] += 1;
                Read::More
            }
            Ok(None) => Read::Done,
            // There may be one for each client that has closed its socket, with other clients' datagrams behind them.
            Err(error) if is_about_an_earlier_send(&error) => {
                self.read[index] += 1;
                Read::More
            }
            Err(error) => {
                log::debug!(target: "udp", "receiving failed: {error}");
                if *errors >= MAX_ERRORS_PER_POLL {
                    return Read::Failed;
                }
                *errors += 1;
                Read::More
            }
        }
    }

    /// The oldest datagrams that are not delivered, at most `count`, each with its path.
    pub(crate) fn oldest(
        &self,
        count: usize,
    ) -> impl ExactSizeIterator<Item = (Path, &[u8])> + Clone {
        let (delivered, heads) = self.heads.split_at(self.delivered);
        let mut start = delivered.last().map_or(0, |&(_, end)| end);
        heads[..heads.len().min(count)]
            .iter()
            .map(move |&(path, end)| {
                let datagram = &self.buffer[start..end];
                start = end;
                (path, datagram)
            })
    }

    /// Marks the `count` oldest as delivered.
    pub(crate) fn advance(&mut self, count: usize) {
        self.delivered += count;
        if self.delivered == self.heads.len() {
            self.heads.clear();
            self.delivered = 0;
        }
    }

    /// Ends a poll. Returns how many datagrams were read for it, ahead and by itself. If all are delivered, the limits
    /// of the sockets begin anew.
    pub(crate) fn end_poll(&mut self) -> usize {
        let count = self.read.iter().sum();
        if self.is_empty() {
            self.read = [0; MAX_SOCKETS];
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, UdpSocket};

    use super::*;
    use crate::bind_address::BindAddress;

    const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// A socket, and one that is connected to it.
    fn pair() -> (Socket, UdpSocket) {
        let socket = Socket::bind(BindAddress::Ip(IP), 0).unwrap();
        let client = UdpSocket::bind((IP, 0)).unwrap();
        client.connect((IP, socket.local_port())).unwrap();
        (socket, client)
    }

    fn oldest(batch: &RecvBatch, count: usize) -> Vec<Vec<u8>> {
        let oldest = batch.oldest(count);
        oldest.map(|(_, datagram)| datagram.to_vec()).collect()
    }

    #[test]
    fn datagrams_are_delivered_in_the_order_in_which_they_were_read() {
        let (socket, client) = pair();
        let queue = RecvQueue::new();
        let mut batch = queue.lock();
        for round in 0..3 {
            for number in 0..5_u8 {
                client.send(&vec![number; number.into()]).unwrap();
                while !matches!(batch.read(0, &socket, 100, &mut 0), Read::More) {}
            }
            let expected: Vec<Vec<u8>> = (0..5).map(|number| vec![number; number.into()]).collect();
            assert_eq!(batch.len(), 5, "round {round}");
            assert_eq!(oldest(&batch, 2), expected[..2]);
            batch.advance(2);
            assert_eq!(oldest(&batch, 10), expected[2..]);
            batch.advance(3);
            assert!(batch.is_empty());
        }
    }

    #[test]
    fn a_socket_is_read_to_its_limit_until_a_poll_has_delivered_everything() {
        let (socket, client) = pair();
        let queue = RecvQueue::new();
        let mut batch = queue.lock();
        let read = |batch: &mut RecvBatch| {
            client.send(b"more").unwrap();
            matches!(batch.read(7, &socket, 3, &mut 0), Read::More)
        };
        assert!((0..3).all(|_| read(&mut batch)));
        assert!(!read(&mut batch));
        assert_eq!(batch.end_poll(), 3);
        assert!(!read(&mut batch), "they are not delivered");
        batch.advance(3);
        assert!(!read(&mut batch), "the poll goes on");
        assert_eq!(batch.end_poll(), 3);
        assert!(read(&mut batch));
    }

    #[test]
    fn resets_do_not_end_a_poll_and_a_broken_socket_does() {
        let (socket, client) = pair();
        let queue = RecvQueue::new();
        let mut batch = queue.lock();
        let mut errors = 0;
        // WSAECONNRESET on Windows, once for each client that closed its socket.
        for _ in 0..10 * MAX_ERRORS_PER_POLL {
            let reset = Err(io::ErrorKind::ConnectionReset.into());
            assert!(matches!(batch.add(0, reset, &mut errors), Read::More));
        }
        client.send(b"still here").unwrap();
        let read = batch.read(0, &socket, 1000, &mut errors);
        assert!(matches!(read, Read::More));
        assert_eq!(oldest(&batch, 10), [b"still here"]);
        // They count towards the limit of the socket.
        assert!(matches!(
            batch.read(0, &socket, 641, &mut errors),
            Read::Done
        ));

        let mut broken = || batch.add(0, Err(io::ErrorKind::Other.into()), &mut errors);
        assert!((0..MAX_ERRORS_PER_POLL).all(|_| matches!(broken(), Read::More)));
        assert!(matches!(broken(), Read::Failed));
    }

    #[test]
    fn a_poll_gets_the_batch_before_the_io_thread() {
        let queue = RecvQueue::new();
        let batch = queue.lock_between_polls().unwrap();
        std::thread::scope(|scope| {
            let poll = scope.spawn(|| drop(queue.lock()));
            while !queue.is_wanted() {
                std::thread::yield_now();
            }
            drop(batch);
            poll.join().unwrap();
        });
        assert!(queue.lock_between_polls().is_some());
        let _poll = queue.lock();
        assert!(queue.lock_between_polls().is_none());
    }
}
