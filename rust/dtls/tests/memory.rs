//! How much memory unauthenticated datagrams make a session hold, OpenSSL's part included, in bytes.
//!
//! `DTLS_DATAGRAMS=1000000` sends so many datagrams instead of 100,000.

#[allow(dead_code, reason = "the suite uses the rest")]
#[path = "suite/clock.rs"]
mod clock;
#[allow(dead_code, reason = "the suite uses the rest")]
#[path = "suite/hellos.rs"]
mod hellos;
#[path = "suite/hostile.rs"]
mod hostile;
#[allow(dead_code, reason = "the suite uses the rest")]
#[path = "suite/simulation.rs"]
mod simulation;
#[path = "memory/unfinished.rs"]
mod unfinished;

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use dtls::{RESTART_SILENCE, Session, Status};
use testkit::forged::plain_record;

use crate::hostile::Hostile;
use crate::simulation::{server_context, taken};

/// Bytes that this program and OpenSSL hold, and the most that they held.
pub(crate) static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn take(bytes: usize) {
    let held = HELD.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(held, Relaxed);
}

struct Counting;

// SAFETY: forwards to the system's allocator; counting neither allocates nor fails.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

unsafe extern "C" {
    fn CRYPTO_set_mem_functions(
        allocate: unsafe extern "C" fn(usize, *const c_char, c_int) -> *mut c_void,
        reallocate: unsafe extern "C" fn(*mut c_void, usize, *const c_char, c_int) -> *mut c_void,
        free: unsafe extern "C" fn(*mut c_void, *const c_char, c_int),
    ) -> c_int;
}

/// Keeps a block's size before it, where `free` finds it.
const HEADER: usize = 16;

unsafe extern "C" fn allocate(size: usize, file: *const c_char, line: c_int) -> *mut c_void {
    // SAFETY: a new block.
    unsafe { reallocate(std::ptr::null_mut(), size, file, line) }
}

unsafe extern "C" fn reallocate(
    block: *mut c_void,
    size: usize,
    file: *const c_char,
    line: c_int,
) -> *mut c_void {
    // SAFETY: OpenSSL hands back what it got from here; every block has its size before it.
    unsafe {
        if size == 0 {
            free(block, file, line);
            return std::ptr::null_mut();
        }
        let (start, before) = match block.is_null() {
            true => (std::ptr::null_mut(), 0),
            false => {
                let start = block.byte_sub(HEADER);
                (start, *start.cast::<usize>())
            }
        };
        let new = libc::realloc(start, HEADER + size);
        if new.is_null() {
            return new;
        }
        HELD.fetch_sub(before, Relaxed);
        take(size);
        new.cast::<usize>().write(size);
        new.byte_add(HEADER)
    }
}

unsafe extern "C" fn free(block: *mut c_void, _file: *const c_char, _line: c_int) {
    if block.is_null() {
        return;
    }
    // SAFETY: as above.
    unsafe {
        let start = block.byte_sub(HEADER);
        HELD.fetch_sub(*start.cast::<usize>(), Relaxed);
        libc::free(start);
    }
}

/// Sends a session so many hostile datagrams within 50 seconds, and gives how many bytes more than
/// before were held at most, and in the end.
fn bombard(
    session: &mut Session,
    start: std::time::Instant,
    captured: &[Vec<u8>],
    count: u32,
) -> (usize, usize) {
    let mut hostile = Hostile::new(u64::from(count));
    hostile.captured = captured.to_vec();
    let before = HELD.load(Relaxed);
    let mut peak = 0;
    for number in 0..count {
        let now = start + Duration::from_secs(50) * number / count;
        let datagram = hostile.datagram();
        PEAK.store(HELD.load(Relaxed), Relaxed);
        let received = datagram.capacity();
        session.handle_datagram(&datagram, now);
        session.handle_timeout(now);
        session.drain_datagrams(|_| {});
        peak = peak.max(PEAK.load(Relaxed).saturating_sub(before + received));
    }
    (peak, HELD.load(Relaxed).saturating_sub(before))
}

/// Beginnings of messages that claim to be as long as any may be, each in the place where a client
/// takes it.
fn greedy() -> impl Iterator<Item = Vec<u8>> {
    let messages = [(11, 32_768), (12, 4096), (13, 16_384)];
    (1_u8..)
        .zip(messages)
        .flat_map(|(after_hello, (kind, length))| {
            let length = &u32::to_be_bytes(length)[1..];
            let mut message = vec![kind];
            message.extend(length);
            message.extend([0, after_hello + 1, 0, 0, 0, 0, 0, 1, 7]);
            (1..4).map(move |number| plain_record(22, number, &message))
        })
}

#[test]
fn unauthenticated_datagrams_make_a_session_hold_no_more_than_a_few_records() {
    // SAFETY: first of all, before OpenSSL has allocated anything; the functions keep its contract.
    let set = unsafe { CRYPTO_set_mem_functions(allocate, reallocate, free) };
    assert_eq!(set, 1, "OpenSSL's memory is counted");
    unfinished::handshakes_hold_little();
    let count = std::env::var("DTLS_DATAGRAMS").map_or(100_000, |text| text.parse().unwrap()) / 5;

    let captured: Vec<Vec<u8>> = {
        let mut other = simulation::connected();
        other.client.send(b"of another session").unwrap();
        other.settle();
        other
            .sent
            .into_iter()
            .map(|(_, datagram)| datagram)
            .collect()
    };
    let most: Vec<Vec<u8>> = captured.iter().cloned().chain(greedy()).collect();
    let mut results = Vec::new();

    let mut simulation = simulation::start();
    let now = simulation.now();
    results.push((
        "client that waits for a cookie",
        bombard(&mut simulation.client, now, &captured, count),
    ));
    let mut simulation = simulation::start();
    simulation.run(Duration::from_secs(1), |simulation| {
        simulation.server.session.is_some()
    });
    simulation.drop_in_flight();
    let now = simulation.now();
    results.push((
        "client that waits for the server's flight",
        bombard(&mut simulation.client, now, &most, count),
    ));
    results.push((
        "server that waits for the client's flight",
        bombard(simulation.server.session(), now, &most, count),
    ));

    let mut simulation = simulation::connected();
    let now = simulation.now();
    let own: Vec<Vec<u8>> = simulation
        .sent
        .iter()
        .map(|(_, datagram)| datagram.clone())
        .chain(captured)
        .collect();
    results.push((
        "connected client",
        bombard(&mut simulation.client, now, &own, count),
    ));
    results.push((
        "connected server",
        bombard(simulation.server.session(), now, &own, count),
    ));

    // Somebody at the client's address has a cookie and begins again: a handshake as any other, beside the session.
    let context = server_context();
    let held_before = HELD.load(Relaxed);
    let first = hellos::Hello::first();
    let hello = first
        .with_cookie(&mut simulation.server.jar, now)
        .datagram();
    simulation.server.session().offer_restart(&hello, now);
    results.push((
        "connected server with a restart that waits",
        bombard(simulation.server.session(), now, &most, count),
    ));
    assert!(HELD.load(Relaxed) - held_before < 16_384);
    simulation.server.session().offer_restart(&hello, now);
    let now = now + RESTART_SILENCE;
    simulation
        .server
        .session()
        .accept_restart(&context, now)
        .unwrap();
    assert!(simulation.server.session().is_restarting());
    let begun = HELD.load(Relaxed) - held_before;
    let shaking_hands = bombard(simulation.server.session(), now, &most, count);
    let most_held = begun + shaking_hands.0;
    println!("restart: {begun} bytes as it begins, {most_held} at most");
    // As a handshake without a session beside it.
    assert!(most_held < 68_000 + 34_000, "{most_held} bytes");
    results.push((
        "connected server during the handshake of a restart",
        shaking_hands,
    ));

    for (who, (peak, end)) in &results {
        println!("{who}: {count} datagrams, {peak} bytes more at most, {end} in the end");
    }
    assert_eq!(simulation.client.status(), Status::Connected);
    simulation.client.send(b"still here").unwrap();
    simulation.settle();
    assert_eq!(taken(simulation.server.session()), [b"still here"]);
    for (who, (peak, end)) in results {
        // A chain of 32 KB with a bit for each byte, a list of authorities, two record buffers.
        assert!(peak < 120_000, "{who}: {peak} bytes");
        assert!(end < 120_000, "{who}: {end} bytes");
    }
}
