//! Whether an accepted socket's queue is empty, without the socket.

use std::sync::Arc;

use crate::route::Route;

/// Shows whether an accepted socket has datagrams, with one atomic load: see
/// [`crate::DatagramSocket::queue_probe`].
///
/// It keeps neither the socket open nor its address in the listener.
pub struct QueueProbe(Arc<Route>);

impl QueueProbe {
    pub(crate) fn new(route: &Arc<Route>) -> QueueProbe {
        QueueProbe(Arc::clone(route))
    }

    /// Whether the socket is open and has no datagrams.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.queued() == Some(0)
    }

    pub(crate) fn is_of(&self, route: &Arc<Route>) -> bool {
        Arc::ptr_eq(&self.0, route)
    }
}
