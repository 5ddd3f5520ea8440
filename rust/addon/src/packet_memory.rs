//! Where a packet stays while the engine copies it.

use std::cell::RefCell;

thread_local! {
    /// The packet taken last by this thread. The engine copies it before it calls anything else on
    /// the same thread; other threads have memory of their own, so that peers can be shared.
    static PACKET: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Lets `fill` write a packet to this thread's memory; the pointer holds until the next call.
pub(crate) fn fill<E>(
    fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(*const u8, usize), E> {
    PACKET.with_borrow_mut(|memory| {
        memory.clear();
        fill(memory)?;
        Ok((memory.as_ptr(), memory.len()))
    })
}
