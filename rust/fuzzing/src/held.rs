//! How much memory the code under test holds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

/// The bytes that this thread has allocated and not freed, what C code allocates left out. Only differences mean something:
/// other threads may free what this one allocated.
pub(crate) fn bytes() -> usize {
    HELD.get()
}

/// The most that [`bytes`] was since this was last called.
pub(crate) fn take_peak() -> usize {
    PEAK.replace(HELD.get())
}

struct Counting;

// SAFETY: all calls are forwarded to the system's allocator. The counters are thread-locals without a destructor, so
// their use neither allocates nor fails.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.get().wrapping_add(layout.size());
        HELD.set(held);
        if held > PEAK.get() {
            PEAK.set(held);
        }
        // SAFETY: the caller upholds the same contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get().wrapping_sub(layout.size()));
        // SAFETY: the caller upholds the same contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
