//! What is known of a peer's datagrams without the peer.

use std::sync::Arc;

use crate::route::Route;

/// Tells at the cost of one look at a number whether anything has come for an accepted peer: see [`crate::Peer::arrivals`].
///
/// It keeps neither the peer nor its place in the listener.
pub struct Arrivals(Arc<Route>);

impl Arrivals {
    pub(crate) fn new(route: &Arc<Route>) -> Arrivals {
        Arrivals(Arc::clone(route))
    }

    /// Whether the peer is open and no datagram waits for it.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.0.queued() == Some(0)
    }

    /// Whether both are of the same peer.
    #[must_use]
    pub fn is_of(&self, peer: &crate::Peer) -> bool {
        peer.is_on(&self.0)
    }
}
