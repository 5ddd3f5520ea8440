//! How much is queued for a peer, counted by what a packet's memory is held for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a queued packet or fragment takes beside its data.
const OVERHEAD: usize = 256;

/// How many bytes may be queued for a peer that does not acknowledge them, unless it is one packet.
pub const MAX_QUEUED: usize = 64 << 20;

/// The bytes that are queued for one peer.
#[derive(Default, Clone)]
pub(crate) struct Queued(Arc<AtomicUsize>);

impl Queued {
    /// Counts a packet until the result is dropped; `None` if too much is queued.
    pub(crate) fn add(&self, packet: Arc<[u8]>, fragment: usize) -> Option<Box<QueuedPacket>> {
        let fragments = packet.len().div_ceil(fragment.max(1)).max(1);
        let size = packet.len() + fragments * OVERHEAD;
        let before = self.0.load(Ordering::Relaxed);
        if before > 0 && before + size > MAX_QUEUED {
            return None;
        }
        self.0.fetch_add(size, Ordering::Relaxed);
        Some(Box::new(QueuedPacket {
            packet,
            size,
            queued: Arc::clone(&self.0),
        }))
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A packet that ENet holds until it was acknowledged, or sent if it is unreliable.
pub(crate) struct QueuedPacket {
    packet: Arc<[u8]>,
    size: usize,
    queued: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for QueuedPacket {
    fn as_ref(&self) -> &[u8] {
        &self.packet
    }
}

impl Drop for QueuedPacket {
    fn drop(&mut self) {
        self.queued.fetch_sub(self.size, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_count_until_they_are_dropped_and_one_always_fits() {
        let queued = Queued::default();
        let small = queued.add(Arc::from([1_u8; 10]), 1000).unwrap();
        assert_eq!((*small).as_ref(), [1; 10]);
        assert_eq!(queued.bytes(), 10 + OVERHEAD);
        let large: Arc<[u8]> = vec![0; MAX_QUEUED].into();
        assert!(queued.add(large.clone(), 1000).is_none());
        drop(small);
        assert_eq!(queued.bytes(), 0);
        let one = queued.add(large, 1000).unwrap();
        assert!(queued.add(Arc::from([]), 1000).is_none());
        drop(one);
        assert_eq!(queued.bytes(), 0);
    }
}
