//! Datagrams that were read from a port's sockets and are yet to be sorted.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use crate::lock::{lock, try_lock};
use crate::path::Path;
use crate::port::MOST_SOCKETS;
use crate::scratch::RECEIVE_BUFFER;
use crate::socket::{Socket, is_about_an_earlier_send};

/// The most datagrams that are read, and that are sorted, in one go.
pub(crate) const BATCH: usize = 32;

/// Room for several datagrams of any size.
const BUFFER: usize = 2 * RECEIVE_BUFFER;

/// Room for what is read ahead. What does not fit waits in the kernel's buffers.
const BUFFER_AHEAD: usize = 1 << 20;

/// After this many errors in one poll the socket is taken to be broken rather than the senders to be gone.
const MAX_ERRORS_PER_POLL: usize = 64;

/// How often a poll looks whether it is its turn before it goes to sleep for it: some 20 microseconds, where who reads ahead
/// is done within one.
const LOOKS: usize = 500;

/// The datagrams of a port. Who holds them may read and sort; so every sender's stay in order.
pub(crate) struct RecvQueue {
    batch: Mutex<RecvBatch>,
    is_wanted: AtomicBool,
}

/// Datagrams one behind the other in a buffer.
pub(crate) struct RecvBatch {
    buffer: Vec<u8>,
    /// Which way each came, and where it ends in the buffer.
    heads: Vec<(Path, usize)>,
    /// How many of these were sorted.
    sorted: usize,
    /// How many were read of each socket since all were sorted at a poll's end.
    read: [usize; MOST_SOCKETS],
    /// The port got more sockets, and no poll has read them all since: a client's older datagrams may be in another socket
    /// than its newer ones.
    is_in_transition: bool,
}

/// How reading went.
pub(crate) enum Read {
    /// As many were read as were asked for, or as there was room for.
    Some,
    /// There are no more, or no more are to be taken of this socket.
    All,
    /// The socket keeps failing.
    Failed,
}

impl RecvQueue {
    pub(crate) fn new() -> RecvQueue {
        RecvQueue {
            batch: Mutex::new(RecvBatch {
                buffer: vec![0; BUFFER],
                heads: Vec::with_capacity(BATCH),
                sorted: 0,
                read: [0; MOST_SOCKETS],
                is_in_transition: false,
            }),
            is_wanted: AtomicBool::new(false),
        }
    }

    /// A poll's turn. Who reads ahead meanwhile lets go at the next datagram.
    pub(crate) fn turn(&self) -> MutexGuard<'_, RecvBatch> {
        self.is_wanted.store(true, Ordering::Relaxed);
        let soon = (0..LOOKS).find_map(|_| {
            try_lock(&self.batch).or_else(|| {
                std::hint::spin_loop();
                None
            })
        });
        let turn = soon.unwrap_or_else(|| lock(&self.batch));
        self.is_wanted.store(false, Ordering::Relaxed);
        turn
    }

    /// The turn of who reads ahead, unless a poll has its own, waits for it, or has to read all sockets first.
    pub(crate) fn turn_between_polls(&self) -> Option<MutexGuard<'_, RecvBatch>> {
        if self.is_wanted() {
            return None;
        }
        let mut turn = try_lock(&self.batch)?;
        if turn.is_in_transition {
            return None;
        }
        if turn.buffer.len() < BUFFER_AHEAD && turn.is_empty() {
            turn.buffer = vec![0; BUFFER_AHEAD];
        }
        Some(turn)
    }

    /// Whether a poll waits for its turn.
    pub(crate) fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::Relaxed)
    }
}

impl RecvBatch {
    pub(crate) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.heads.len() - self.sorted
    }

    /// From here on the port has more sockets. Until [`RecvBatch::end_transition`] only polls read, each socket to its end
    /// before the next.
    ///
    /// While sockets are added, the kernel moves a client only from a socket to one that was added later
    /// (`reciprocal_scale` of its hash, in `net/core/sock_reuseport.c`), so this keeps its datagrams in order.
    pub(crate) fn begin_transition(&mut self) {
        self.is_in_transition = true;
        self.read = [0; MOST_SOCKETS];
    }

    /// Every socket was read.
    pub(crate) fn end_transition(&mut self) {
        self.is_in_transition = false;
    }

    pub(crate) fn is_in_transition(&self) -> bool {
        self.is_in_transition
    }

    /// Reads one datagram of a socket, which has this index in its port. `most` is how many a poll takes of it, `errors` how
    /// many there were in this poll.
    pub(crate) fn read(
        &mut self,
        index: usize,
        socket: &Socket,
        most: usize,
        errors: &mut usize,
    ) -> Read {
        let used = self.heads.last().map_or(0, |&(_, end)| end);
        if self.read[index] >= most {
            return Read::All;
        }
        if self.buffer.len() - used < RECEIVE_BUFFER {
            return Read::Some;
        }
        let received = socket.receive_path(&mut self.buffer[used..]);
        self.take_in(index, received, errors)
    }

    /// Counts one read of a socket, whose datagram, if it brought one, lies behind the others.
    fn take_in(
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
                Read::Some
            }
            Ok(None) => Read::All,
            // As many may wait as clients vanished, and the others' datagrams wait behind them.
            Err(error) if is_about_an_earlier_send(&error) => {
                self.read[index] += 1;
                Read::Some
            }
            Err(_) if *errors < MAX_ERRORS_PER_POLL => {
                *errors += 1;
                Read::Some
            }
            Err(_) => Read::Failed,
        }
    }

    /// The oldest datagrams, up to so many, each with the way that it came.
    pub(crate) fn oldest(
        &self,
        most: usize,
    ) -> impl ExactSizeIterator<Item = (Path, &[u8])> + Clone {
        let (sorted, heads) = self.heads.split_at(self.sorted);
        let mut start = sorted.last().map_or(0, |&(_, end)| end);
        heads[..heads.len().min(most)]
            .iter()
            .map(move |&(path, end)| {
                let datagram = &self.buffer[start..end];
                start = end;
                (path, datagram)
            })
    }

    /// Forgets the oldest, which were sorted.
    pub(crate) fn forget(&mut self, count: usize) {
        self.sorted += count;
        if self.sorted == self.heads.len() {
            self.heads.clear();
            self.sorted = 0;
        }
    }

    /// Ends a poll; gives how many datagrams were read for it, ahead and by itself. If all were sorted, as many can be read
    /// again.
    pub(crate) fn end_poll(&mut self) -> usize {
        let count = self.read.iter().sum();
        if self.is_empty() {
            self.read = [0; MOST_SOCKETS];
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, UdpSocket};

    use super::*;
    use crate::address::BindAddress;

    const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// A socket, and one that is connected to it.
    fn pair() -> (Socket, UdpSocket) {
        let socket = Socket::bind(BindAddress::Ip(IP), 0).unwrap();
        let client = UdpSocket::bind((IP, 0)).unwrap();
        client.connect((IP, socket.local_port())).unwrap();
        (socket, client)
    }

    fn oldest(batch: &RecvBatch, most: usize) -> Vec<Vec<u8>> {
        let oldest = batch.oldest(most);
        oldest.map(|(_, datagram)| datagram.to_vec()).collect()
    }

    #[test]
    fn datagrams_are_sorted_in_the_order_in_which_they_were_read() {
        let (socket, client) = pair();
        let queue = RecvQueue::new();
        let mut batch = queue.turn();
        for round in 0..3 {
            for number in 0..5_u8 {
                client.send(&vec![number; number.into()]).unwrap();
                while !matches!(batch.read(0, &socket, 100, &mut 0), Read::Some) {}
            }
            let expected: Vec<Vec<u8>> = (0..5).map(|number| vec![number; number.into()]).collect();
            assert_eq!(batch.len(), 5, "round {round}");
            assert_eq!(oldest(&batch, 2), expected[..2]);
            batch.forget(2);
            assert_eq!(oldest(&batch, 10), expected[2..]);
            batch.forget(3);
            assert!(batch.is_empty());
        }
    }

    #[test]
    fn a_socket_has_so_many_datagrams_taken_until_a_poll_has_sorted_all() {
        let (socket, client) = pair();
        let queue = RecvQueue::new();
        let mut batch = queue.turn();
        let read = |batch: &mut RecvBatch| {
            client.send(b"more").unwrap();
            matches!(batch.read(7, &socket, 3, &mut 0), Read::Some)
        };
        assert!((0..3).all(|_| read(&mut batch)));
        assert!(!read(&mut batch));
        assert_eq!(batch.end_poll(), 3);
        assert!(!read(&mut batch), "they are not sorted");
        batch.forget(3);
        assert!(!read(&mut batch), "the poll goes on");
        assert_eq!(batch.end_poll(), 3);
        assert!(read(&mut batch));
    }

    #[test]
    fn clients_that_vanish_do_not_keep_a_poll_from_the_others_and_a_broken_socket_ends_it() {
        let (socket, client) = pair();
        let queue = RecvQueue::new();
        let mut batch = queue.turn();
        let mut errors = 0;
        // 10054 on Windows, as often as somebody vanished.
        for _ in 0..10 * MAX_ERRORS_PER_POLL {
            let reset = Err(io::ErrorKind::ConnectionReset.into());
            assert!(matches!(batch.take_in(0, reset, &mut errors), Read::Some));
        }
        client.send(b"still here").unwrap();
        let read = batch.read(0, &socket, 1000, &mut errors);
        assert!(matches!(read, Read::Some));
        assert_eq!(oldest(&batch, 10), [b"still here"]);
        // Without end they would end a poll all the same.
        assert!(matches!(
            batch.read(0, &socket, 641, &mut errors),
            Read::All
        ));

        let mut broken = || batch.take_in(0, Err(io::ErrorKind::Other.into()), &mut errors);
        assert!((0..MAX_ERRORS_PER_POLL).all(|_| matches!(broken(), Read::Some)));
        assert!(matches!(broken(), Read::Failed));
    }

    #[test]
    fn a_poll_has_its_turn_before_who_reads_ahead() {
        let queue = RecvQueue::new();
        let turn = queue.turn_between_polls().unwrap();
        std::thread::scope(|scope| {
            let poll = scope.spawn(|| drop(queue.turn()));
            while !queue.is_wanted() {
                std::thread::yield_now();
            }
            drop(turn);
            poll.join().unwrap();
        });
        assert!(queue.turn_between_polls().is_some());
        let _poll = queue.turn();
        assert!(queue.turn_between_polls().is_none());
    }
}
