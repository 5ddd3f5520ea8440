//! One client's datagrams through a relay.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::traffic::{Counts, Traffic};
use crate::To;

/// One client's datagrams, both ways.
pub struct Flow {
    pub(super) index: u64,
    pub(super) client: SocketAddr,
    pub(super) back: UdpSocket,
    pub(super) is_forgotten: AtomicBool,
    pub(super) delayed: AtomicUsize,
    pub(super) state: Mutex<FlowState>,
}

#[derive(Default)]
pub(super) struct FlowState {
    pub(super) all: Traffic,
    pub(super) data: Traffic,
    pub(super) captured: [Vec<Captured>; 2],
}

/// A datagram that arrived at the relay.
#[derive(Clone, Debug)]
pub struct Captured {
    /// When it arrived.
    pub at: Instant,
    /// Where it was sent to.
    pub to: To,
    /// Its payload as it arrived.
    pub bytes: Vec<u8>,
    /// What happened to it: counts of 0 and 1.
    pub fate: Counts,
}

impl Flow {
    /// What happened to this client's datagrams that begin with a record of application data.
    pub fn data(&self) -> Traffic {
        lock(&self.state).data
    }

    /// How many of its datagrams are delayed now.
    pub fn delayed(&self) -> usize {
        self.delayed.load(Ordering::Acquire)
    }

    /// The client's address.
    pub fn client(&self) -> SocketAddr {
        self.client
    }

    /// When its last datagram arrived, of either direction.
    pub fn last_arrival(&self) -> Option<Instant> {
        let state = lock(&self.state);
        let last = state.captured.iter().filter_map(|captured| captured.last());
        last.map(|datagram| datagram.at).max()
    }

    /// Its captured datagrams of both directions, in the order in which they arrived.
    pub fn captured(&self) -> Vec<Captured> {
        let mut captured = lock(&self.state).captured.concat();
        captured.sort_by_key(|datagram| datagram.at);
        captured
    }

    /// The payloads of its captured datagrams in one direction.
    pub fn payloads(&self, to: To) -> Vec<Vec<u8>> {
        let state = lock(&self.state);
        let captured = state.captured[to as usize].iter();
        captured.map(|datagram| datagram.bytes.clone()).collect()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
