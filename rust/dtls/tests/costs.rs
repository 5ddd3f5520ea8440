//! What a session costs, counted and not timed: heap of a connected pair, and allocations of a packet.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use dtls::Session;
use libc::{c_char, c_int, c_void, size_t};
use support::Simulation;
use testkit::certificates::KeyKind;

#[path = "../benches/support/mod.rs"]
#[allow(unreachable_pub, dead_code, reason = "shared with the benchmarks")]
mod support;

thread_local! {
    /// Bytes that this thread has allocated and not freed.
    static HELD: Cell<usize> = const { Cell::new(0) };
    /// How often this thread has allocated.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn note(allocated: usize, freed: usize) {
    HELD.set(HELD.get().wrapping_add(allocated).wrapping_sub(freed));
    ALLOCATIONS.set(ALLOCATIONS.get() + usize::from(allocated > 0));
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        note(0, layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

unsafe extern "C" {
    fn CRYPTO_set_mem_functions(
        malloc: unsafe extern "C" fn(size_t, *const c_char, c_int) -> *mut c_void,
        realloc: unsafe extern "C" fn(*mut c_void, size_t, *const c_char, c_int) -> *mut c_void,
        free: unsafe extern "C" fn(*mut c_void, *const c_char, c_int),
    ) -> c_int;
}

/// OpenSSL frees without the size, so the size is stored before each allocation, which stays aligned.
const SIZE: usize = 16;

unsafe extern "C" fn counted_malloc(size: size_t, file: *const c_char, line: c_int) -> *mut c_void {
    // SAFETY: no memory is given to be moved.
    unsafe { counted_realloc(std::ptr::null_mut(), size, file, line) }
}

unsafe extern "C" fn counted_realloc(
    old: *mut c_void,
    size: size_t,
    file: *const c_char,
    line: c_int,
) -> *mut c_void {
    if size == 0 {
        // SAFETY: as the caller promises.
        unsafe { counted_free(old, file, line) };
        return std::ptr::null_mut();
    }
    // SAFETY: `old` is null or came from here, so that `SIZE` bytes before it begins what malloc gave, with its size;
    // the new memory has room for a size and is checked for null.
    unsafe {
        let (start, freed) = match old.is_null() {
            true => (old, 0),
            false => {
                let start = old.byte_sub(SIZE);
                (start, *start.cast::<usize>())
            }
        };
        let start = libc::realloc(start, size + SIZE);
        if start.is_null() {
            return start;
        }
        note(size, freed);
        *start.cast::<usize>() = size;
        start.byte_add(SIZE)
    }
}

unsafe extern "C" fn counted_free(at: *mut c_void, _file: *const c_char, _line: c_int) {
    if at.is_null() {
        return;
    }
    // SAFETY: it came from `counted_realloc`.
    unsafe {
        let start = at.byte_sub(SIZE);
        note(0, *start.cast::<usize>());
        libc::free(start);
    }
}

/// One test, since OpenSSL must not have allocated before.
#[test]
fn a_connected_session_is_small_and_its_packets_allocate_nothing() {
    // SAFETY: nothing of OpenSSL was called before, and the three functions belong together.
    let set = unsafe { CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free) };
    assert_eq!(set, 1, "OpenSSL has allocated already");

    for key in [KeyKind::P256, KeyKind::Rsa2048] {
        let mut simulation = Simulation::new(key);
        // What is made once, by the first connections, is no connection's own.
        let _first: Vec<_> = (0..3).map(|_| simulation.connect()).collect();
        let before = HELD.get();
        let mut pairs: Vec<_> = (0..20).map(|_| simulation.connect()).collect();
        let each = (HELD.get() - before) / pairs.len();
        // Measured: 1.2 KB. A cipher context for each key would be 4.5 more, OpenSSL's `SSL` 131.
        assert!(each < 2_000, "{each} bytes for each client and server");

        let (client, server) = &mut pairs[0];
        let mut datagram = Vec::with_capacity(2048);
        let mut exchange = |rounds: usize| {
            for round in 0..rounds {
                let packet = &[7; 1200][..1 + round * 100 % 1200];
                cross(client, server, packet, &mut datagram, &simulation);
                cross(server, client, packet, &mut datagram, &simulation);
            }
        };
        exchange(20);
        let before = ALLOCATIONS.get();
        exchange(100);
        assert_eq!(ALLOCATIONS.get() - before, 0, "for 200 packets");

        // All have a packet waiting before the first is taken.
        let mut frame = || {
            for (client, server) in &mut pairs {
                client.send(&[7; 100]).unwrap();
                deliver(client, server, &mut datagram, &simulation);
            }
            for (_, server) in &mut pairs {
                assert_eq!(server.next_packet(<[u8]>::len), Some(100));
            }
        };
        frame();
        let before = ALLOCATIONS.get();
        (0..10).for_each(|_| frame());
        assert_eq!(
            ALLOCATIONS.get() - before,
            0,
            "for packets of 20 peers at once"
        );
    }
}

fn cross(
    from: &mut Session,
    to: &mut Session,
    packet: &[u8],
    datagram: &mut Vec<u8>,
    simulation: &Simulation,
) {
    from.send(packet).unwrap();
    deliver(from, to, datagram, simulation);
    assert_eq!(to.next_packet(|it| it == packet), Some(true));
}

fn deliver(from: &mut Session, to: &mut Session, datagram: &mut Vec<u8>, simulation: &Simulation) {
    datagram.clear();
    from.drain_datagrams(|sent| datagram.extend_from_slice(sent));
    to.handle_datagram(datagram, simulation.now);
}
