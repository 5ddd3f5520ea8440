//! A network in memory, with one host on it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use enet::Carrier;

#[derive(Default)]
struct Queues {
    arrived: VecDeque<(SocketAddr, Vec<u8>)>,
    sent: Vec<(SocketAddr, Vec<u8>)>,
}

#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Queues>>);

impl Memory {
    pub(super) fn deliver(&self, from: SocketAddr, datagram: Vec<u8>) {
        self.0.lock().unwrap().arrived.push_back((from, datagram));
    }

    pub(super) fn take_sent(&self) -> Vec<(SocketAddr, Vec<u8>)> {
        std::mem::take(&mut self.0.lock().unwrap().sent)
    }
}

impl Carrier for Memory {
    fn receive(&mut self, into: &mut Vec<u8>) -> Option<SocketAddr> {
        let (from, datagram) = self.0.lock().unwrap().arrived.pop_front()?;
        *into = datagram;
        Some(from)
    }

    fn send(&mut self, to: SocketAddr, datagram: &[u8]) {
        let mut queues = self.0.lock().unwrap();
        queues.sent.push((to, datagram.to_vec()));
    }
}

/// An address of that network.
pub(super) fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, number], 4242))
}
