//! What all peers of one DTLS server share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use dtls::{CookieJar, Greeting, ServerContext};

use crate::engine_link::Outbox;
use crate::link::Link;

/// Up to so many handshakes at once are done while the script polls, as the engine does them. One costs a server some
/// 0.1 ms with an ECDSA key and 0.3 ms with RSA-2048.
const WITHOUT_THREADS: usize = 4;

/// A server's keys and cookies, and how busy it is.
pub(crate) struct ServerSide {
    pub(crate) context: ServerContext,
    cookies: Mutex<CookieJar>,
    /// How many of its peers shake hands.
    underway: AtomicUsize,
}

impl ServerSide {
    pub(crate) fn new(context: ServerContext, cookies: CookieJar) -> Self {
        Self {
            context,
            cookies: Mutex::new(cookies),
            underway: AtomicUsize::new(0),
        }
    }

    /// Whether so many clients shake hands at once that a game would notice if it had to wait for each.
    pub(crate) fn is_crowded(&self) -> bool {
        self.underway.load(Ordering::Relaxed) > WITHOUT_THREADS
    }

    /// Judges a client's hello, and answers it if it has no cookie that holds; whether it has one.
    pub(crate) fn greet(
        &self,
        link: &mut Link,
        datagram: &[u8],
        now: Instant,
        outbox: &mut Outbox,
    ) -> Result<bool, dtls::ConfigError> {
        let Some(client) = link.remote() else {
            return Ok(false);
        };
        let greeting = self
            .cookies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .greet(datagram, client, now)?;
        if let Greeting::Unverified(request) = &greeting {
            // A client that is gone by now is forgotten all the same.
            let _ = link.send(request.as_bytes(), outbox);
        }
        Ok(greeting == Greeting::Verified)
    }
}

/// Stands for one of a server's peers that shake hands, for as long as it does.
pub(crate) struct Underway(Arc<ServerSide>);

impl Underway {
    pub(crate) fn begin(server: &Arc<ServerSide>) -> Self {
        server.underway.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(server))
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.underway.fetch_sub(1, Ordering::Relaxed);
    }
}
