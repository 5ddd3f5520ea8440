//! One receive buffer a thread, instead of the 128 KB that each of the engine's peers carries.
//!
//! It has no destructor on purpose: a thread-local with one would keep the library from being unloaded when the editor
//! reloads the extension.

use std::cell::RefCell;

/// Larger than any UDP datagram (65,507 bytes of payload over IPv4, 65,527 over IPv6).
pub(crate) const RECEIVE_BUFFER: usize = 65_536;

thread_local! {
    static SCRATCH: RefCell<[u8; RECEIVE_BUFFER]> = const { RefCell::new([0; RECEIVE_BUFFER]) };
}

/// Runs `body` with the thread's buffer. Does not nest.
pub(crate) fn with<R>(body: impl FnOnce(&mut [u8]) -> R) -> R {
    SCRATCH.with_borrow_mut(|buffer| body(buffer))
}
