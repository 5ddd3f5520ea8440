//! Datagrams that wait until ENet may search more for their sender.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

/// How many bytes of an address wait: more than a peer has that has sent ENet's window of 64 KB in the smallest packets.
const MAX_BYTES: usize = 256 << 10;

/// The datagrams, which are not compressed, by sender.
#[derive(Default)]
pub(crate) struct Deferred {
    queues: HashMap<SocketAddr, Queue>,
    /// The addresses whose oldest datagram is to be tried again.
    due: VecDeque<SocketAddr>,
}

#[derive(Default)]
struct Queue {
    datagrams: VecDeque<Box<[u8]>>,
    bytes: usize,
}

impl Deferred {
    /// Keeps a datagram, unless too many of its sender wait.
    pub(crate) fn push(&mut self, from: SocketAddr, datagram: &[u8]) {
        let queue = self.queues.entry(from).or_default();
        if queue.bytes + datagram.len() <= MAX_BYTES {
            queue.bytes += datagram.len();
            queue.datagrams.push_back(datagram.into());
        } else {
            log::trace!(target: "enet", "dropped a datagram of {from}: too many wait");
        }
    }

    /// ENet may search more.
    pub(crate) fn begin_period(&mut self) {
        self.due = self.queues.keys().copied().collect();
    }

    /// A datagram to be tried.
    pub(crate) fn next(&self) -> Option<(SocketAddr, &[u8])> {
        let from = self.due.front()?;
        let oldest = self.queues.get(from)?.datagrams.front()?;
        Some((*from, oldest))
    }

    /// Forgets the datagram that was tried.
    pub(crate) fn pop(&mut self) {
        let Some(from) = self.due.front() else {
            return;
        };
        if let Some(queue) = self.queues.get_mut(from) {
            if let Some(datagram) = queue.datagrams.pop_front() {
                queue.bytes -= datagram.len();
            }
            if !queue.datagrams.is_empty() {
                return;
            }
            self.queues.remove(from);
        }
        self.due.pop_front();
    }

    /// The datagram that was tried has to wait for the next period, and so have its sender's others.
    pub(crate) fn skip(&mut self) {
        self.due.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, number], 1))
    }

    #[test]
    fn datagrams_keep_their_order_and_are_bounded_for_each_sender() {
        let mut deferred = Deferred::default();
        for number in 0..=255 {
            deferred.push(address(1), &[number; 2 << 10]);
        }
        deferred.push(address(2), b"another's");
        assert_eq!(deferred.next(), None, "not yet");
        deferred.begin_period();
        let mut from_first = Vec::new();
        let mut from_second = 0;
        while let Some((from, datagram)) = deferred.next() {
            match from == address(1) {
                true if from_first.len() == 100 => {
                    deferred.skip();
                    continue;
                }
                true => from_first.push(datagram[0]),
                false => from_second += 1,
            }
            deferred.pop();
        }
        assert_eq!((from_first.len(), from_second), (100, 1));
        deferred.begin_period();
        while let Some((_, datagram)) = deferred.next() {
            from_first.push(datagram[0]);
            deferred.pop();
        }
        assert_eq!(from_first, (0..128).collect::<Vec<u8>>());
        assert!(deferred.queues.is_empty() && deferred.due.is_empty());
    }
}
