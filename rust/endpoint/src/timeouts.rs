//! How long a connection waits.

use std::time::Duration;

/// The time limits of a connection. A server's connections get the server's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// How long a handshake may take, how long its flights wait for an answer, and how large its datagrams are.
    pub settings: dtls::Settings,
    /// How long a connected peer may be silent, counting what it alone can have sealed; zero is for ever.
    pub idle: Duration,
}
