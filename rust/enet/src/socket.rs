//! The socket that ENet uses: checks, compression and counts over a link.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Instant;

use rusty_enet::{MTU_MAX, PacketReceived};

use crate::compressor::Compressor;
use crate::deferred::Deferred;
use crate::event::{SERVER_IS_FULL, Statistic};
use crate::link::Link;
use crate::link::happened::Happened;
use crate::screen::{Screen, Verdict};
use crate::wire::{self, COMPRESSED, DATAGRAM, Header};

/// How many datagrams a service reads at the most. ENet gets 256 of them.
const DATAGRAMS_PER_SERVICE: usize = 1024;

pub(crate) struct Socket {
    pub(crate) link: Link,
    pub(crate) screen: Screen,
    pub(crate) compressor: Option<Box<dyn Compressor>>,
    pub(crate) happened: Happened,
    pub(crate) now: Instant,
    /// The addresses that were refused since [`Socket::take_refused`].
    refused: Vec<SocketAddr>,
    /// What ENet gets before anything else is read.
    complete: VecDeque<(SocketAddr, Vec<u8>)>,
    deferred: Deferred,
    counts: [u64; 4],
    left: usize,
    /// Whether everything was read in this service.
    is_drained: bool,
    received: Vec<u8>,
    other: Box<[u8; DATAGRAM]>,
}

impl Socket {
    pub(crate) fn new(link: Link, peers: usize, now: Instant) -> Self {
        Self {
            link,
            screen: Screen::new(peers, now),
            compressor: None,
            happened: Happened::default(),
            now,
            refused: Vec::new(),
            complete: VecDeque::new(),
            deferred: Deferred::default(),
            counts: [0; 4],
            left: 0,
            is_drained: false,
            received: Vec::new(),
            other: Box::new([0; DATAGRAM]),
        }
    }

    /// To be called before each service.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.now = now;
        self.left = DATAGRAMS_PER_SERVICE;
        self.is_drained = false;
        self.link.begin();
        if self.screen.begin(now) {
            self.deferred.begin_period();
        }
    }

    /// How many datagrams this service has read, if it has ended before everything was read.
    pub(crate) fn read_of_more(&self) -> Option<usize> {
        (!self.is_drained).then_some(DATAGRAMS_PER_SERVICE - self.left)
    }

    /// Closes the sessions of clients that were refused, since they have been told why.
    pub(crate) fn close_refused(&mut self) {
        for address in std::mem::take(&mut self.refused) {
            if !self.screen.has_address(address) {
                self.link.close(address, self.now);
            }
        }
    }

    pub(crate) fn pop(&mut self, statistic: Statistic) -> u64 {
        std::mem::take(&mut self.counts[statistic as usize])
    }

    fn count(&mut self, data: Statistic, packets: Statistic, bytes: usize) {
        self.counts[data as usize] += bytes as u64;
        self.counts[packets as usize] += 1;
    }

    /// Checks the datagram that was received, and copies it to `into` if ENet gets it; returns its size then.
    fn pass_on(&mut self, from: SocketAddr, into: &mut [u8; MTU_MAX]) -> Option<usize> {
        let received = &self.received;
        let header = Header::read(received).filter(|_| received.len() <= into.len())?;
        let size = if header.is_compressed {
            let compressor = self.compressor.as_mut()?;
            let (head, body) = received.split_at(header.size);
            let (into_head, into_body) = into.split_at_mut(header.size);
            into_head.copy_from_slice(head);
            into_head[0] &= !COMPRESSED.to_be_bytes()[0];
            let room = into_body.len();
            let size = compressor.decompress(body, into_body);
            if size == 0 || size > room {
                return None;
            }
            header.size + size
        } else {
            into[..received.len()].copy_from_slice(received);
            received.len()
        };
        match self.screen.check(from, &mut into[..size]) {
            Verdict::Pass => Some(size),
            Verdict::Hold => self.hold_pieces(from, &mut into[..size]),
            Verdict::Drop => None,
            Verdict::Later => {
                self.deferred.push(from, &into[..size]);
                None
            }
            Verdict::Refuse { peer } => {
                self.refuse(from, peer);
                None
            }
        }
    }

    /// See [`Screen::hold_pieces`].
    fn hold_pieces(&mut self, from: SocketAddr, datagram: &mut [u8]) -> Option<usize> {
        let complete = &mut self.complete;
        self.screen.hold_pieces(datagram, |datagram| {
            complete.push_back((from, datagram));
        })
    }

    /// Copies a datagram that has waited to `into` if ENet gets it now; returns its sender and size then.
    fn pass_deferred_on(&mut self, into: &mut [u8; MTU_MAX]) -> Option<(SocketAddr, usize)> {
        while let Some((from, datagram)) = self.deferred.next() {
            let size = datagram.len();
            into[..size].copy_from_slice(datagram);
            match self.screen.check(from, &mut into[..size]) {
                Verdict::Later => self.deferred.skip(),
                Verdict::Pass => {
                    self.deferred.pop();
                    return Some((from, size));
                }
                Verdict::Hold => {
                    self.deferred.pop();
                    if let Some(size) = self.hold_pieces(from, &mut into[..size]) {
                        return Some((from, size));
                    }
                }
                Verdict::Drop | Verdict::Refuse { .. } => self.deferred.pop(),
            }
        }
        None
    }

    fn refuse(&mut self, from: SocketAddr, peer: u16) {
        log::debug!(target: "enet", "{from}: refused, since the host is full");
        let refusal = wire::refusal(peer, SERVER_IS_FULL);
        self.link.send(from, &refusal, self.now, &mut self.happened);
        self.refused.push(from);
    }
}

impl rusty_enet::Socket for Socket {
    type Address = SocketAddr;
    type Error = Infallible;

    fn send(&mut self, address: SocketAddr, datagram: &[u8]) -> Result<usize, Infallible> {
        self.screen.note_sent(address, datagram);
        let header = Header::read(datagram).map_or(datagram.len(), |header| header.size);
        let (head, body) = datagram.split_at(header);
        let mut sent = datagram;
        if let Some(compressor) = &mut self.compressor
            && datagram.len() <= DATAGRAM
        {
            let (into_head, into_body) = self.other.split_at_mut(header);
            let size = compressor.compress(body, &mut into_body[..body.len()]);
            if size > 0 && size < body.len() {
                into_head.copy_from_slice(head);
                into_head[0] |= COMPRESSED.to_be_bytes()[0];
                sent = &self.other[..header + size];
            }
        }
        let size = sent.len();
        self.link.send(address, sent, self.now, &mut self.happened);
        self.count(Statistic::SentData, Statistic::SentPackets, size);
        Ok(size)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8; MTU_MAX],
    ) -> Result<Option<(SocketAddr, PacketReceived)>, Infallible> {
        loop {
            if let Some((from, datagram)) = self.complete.pop_front() {
                buffer[..datagram.len()].copy_from_slice(&datagram);
                return Ok(Some((from, PacketReceived::Complete(datagram.len()))));
            }
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            if let Some((from, size)) = self.pass_deferred_on(buffer) {
                return Ok(Some((from, PacketReceived::Complete(size))));
            }
            if !self.complete.is_empty() {
                continue;
            }
            let mut received = std::mem::take(&mut self.received);
            let from = self
                .link
                .receive(&mut received, self.now, &mut self.happened);
            self.received = received;
            let Some(from) = from else {
                self.is_drained = true;
                break;
            };
            let size = self.received.len();
            self.count(Statistic::ReceivedData, Statistic::ReceivedPackets, size);
            if let Some(size) = self.pass_on(from, buffer) {
                if self.complete.is_empty() {
                    return Ok(Some((from, PacketReceived::Complete(size))));
                }
                // The packets that it completed come before what follows their last fragments.
                self.complete.push_back((from, buffer[..size].to_vec()));
            }
        }
        Ok(None)
    }
}
