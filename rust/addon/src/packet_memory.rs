//! Where a packet stays while the engine copies it.

use std::cell::Cell;

thread_local! {
    /// The packet taken last by this thread. The engine copies it before it calls anything else on
    /// the same thread; other threads have memory of their own, so that peers can be shared.
    static PACKET: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lets `fill` write a packet to this thread's memory; the pointer holds until the next call.
pub(crate) fn fill<E>(
    fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(*const u8, usize), E> {
    let mut memory = PACKET.take();
    memory.clear();
    let filled = fill(&mut memory).map(|()| (memory.as_ptr(), memory.len()));
    PACKET.set(memory);
    filled
}

/// Runs `body`, during which this thread may take other packets, and keeps the pointer that
/// [`fill`] gave last.
pub(crate) fn keep_during(body: impl FnOnce()) {
    let memory = PACKET.take();
    body();
    PACKET.set(memory);
}
