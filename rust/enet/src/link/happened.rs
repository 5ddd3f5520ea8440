//! What happened below ENet.

use std::net::SocketAddr;

/// What happened below ENet, for the host.
#[derive(Default)]
pub(crate) struct Happened {
    /// For the owner.
    pub(crate) events: Vec<endpoint::Event>,
    /// The addresses whose sessions are gone.
    pub(crate) ended: Vec<SocketAddr>,
}
