//! What is known of a peer's datagrams without the peer.

use std::sync::Arc;

use crate::route::Route;

/// Tells at the cost of one look at a number whether anything has come for an accepted peer: see [`crate::DatagramSocket::queue_probe`].
///
/// It keeps neither the peer nor its place in the listener.
pub struct QueueProbe(Arc<Route>);

impl QueueProbe {
    pub(crate) fn new(route: &Arc<Route>) -> QueueProbe {
        QueueProbe(Arc::clone(route))
    }

    /// Whether the peer is open and no datagram waits for it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.queued() == Some(0)
    }

    /// Whether both are of the same peer.
    #[must_use]
    pub fn belongs_to(&self, peer: &crate::DatagramSocket) -> bool {
        peer.is_on(&self.0)
    }
}
