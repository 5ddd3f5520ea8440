//! An allocator for tests in which a use of freed memory ends the process, for Linux.
//!
//! Where the environment variable OPENSSL_DTLS_GUARD_MEMORY is set, each of a library's larger allocations has pages of
//! its own, which nothing can read or write once they are freed. Without the variable it is the system's allocator.

#![cfg(target_os = "linux")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicU8, Ordering};

/// The allocator, for `#[global_allocator]`.
pub struct Guarded;

/// A peer's state is larger than that, as is what else is shared between objects; most strings are not.
const SMALLEST: usize = 256;

/// The largest alignment that a page has for certain.
const PAGE: usize = 4096;

/// Whether allocations are guarded: 0 before the first allocation, else [`OFF`] or [`ON`].
static WANTED: AtomicU8 = AtomicU8::new(0);
const OFF: u8 = 1;
const ON: u8 = 2;

/// Constant from the first call on, so that an allocation is freed as it was made.
fn is_guarded(layout: Layout) -> bool {
    if layout.size() < SMALLEST || layout.align() > PAGE {
        return false;
    }
    let mut wanted = WANTED.load(Ordering::Relaxed);
    if wanted == 0 {
        // SAFETY: the name ends in NUL. A library's first allocation is made while it is loaded, when no thread changes
        // the environment; `std::env` would allocate.
        let value = unsafe { libc::getenv(c"OPENSSL_DTLS_GUARD_MEMORY".as_ptr()) };
        wanted = if value.is_null() { OFF } else { ON };
        WANTED.store(wanted, Ordering::Relaxed);
    }
    wanted == ON
}

// SAFETY: both kinds of memory are as large as requested, aligned to at least `layout.align()`, and not in use: the
// system's allocator guarantees that for the one, `mmap` for the other, whose pages are aligned to `PAGE`. `is_guarded`
// returns the same for a layout each time, so that memory is freed by what allocated it. `realloc` and `alloc_zeroed` are
// the trait's own, which call these two.
unsafe impl GlobalAlloc for Guarded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !is_guarded(layout) {
            // SAFETY: the layout is not empty, by `alloc`'s contract.
            return unsafe { System.alloc(layout) };
        }
        // SAFETY: a new mapping changes no other.
        let pages = unsafe {
            libc::mmap(
                ptr::null_mut(),
                layout.size(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if pages == libc::MAP_FAILED {
            return ptr::null_mut();
        }
        pages.cast()
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if !is_guarded(layout) {
            // SAFETY: `alloc` got this memory from `System` with this layout, by `dealloc`'s contract.
            return unsafe { System.dealloc(memory, layout) };
        }
        // SAFETY: the pages are this allocation's alone, which has ended. They stay mapped, without
        // access and without memory behind them, so that no later allocation gets their address.
        unsafe {
            libc::madvise(memory.cast(), layout.size(), libc::MADV_DONTNEED);
            libc::mprotect(memory.cast(), layout.size(), libc::PROT_NONE);
        }
    }
}
