//! One receive buffer for each thread, instead of 128 KB in each socket as in the engine.
//!
//! The type has no destructor: a thread-local with one would keep the library from being unloaded when the editor
//! reloads the extension.

use std::cell::RefCell;

/// Larger than any UDP datagram (65,507 bytes of payload over IPv4, 65,527 over IPv6).
pub(crate) const RECEIVE_BUFFER: usize = 65_536;

thread_local! {
    static SCRATCH: RefCell<[u8; RECEIVE_BUFFER]> = const { RefCell::new([0; RECEIVE_BUFFER]) };
}

/// Calls `body` with the thread's buffer. Calls must not nest.
pub(crate) fn with<R>(body: impl FnOnce(&mut [u8]) -> R) -> R {
    SCRATCH.with_borrow_mut(|buffer| body(buffer))
}
