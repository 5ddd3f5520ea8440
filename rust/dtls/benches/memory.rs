//! `cargo bench -p dtls --bench memory [-- LINES]`: how much heap a connected client and server take, and which of
//! OpenSSL's lines hold the most of it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};

use dtls::Session;
use testkit::certificates::KeyKind;

#[allow(unreachable_pub, dead_code, reason = "shared by several benches")]
mod support;

const PAIRS: usize = 200;

/// Rust's own allocations.
struct Counting;

static RUST: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        RUST.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        RUST.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

/// One of OpenSSL's allocations.
struct Piece {
    size: usize,
    /// The address of the file's name, and the line, that it was made in.
    place: (usize, c_int),
}

/// OpenSSL's live allocations by address.
type Live = HashMap<usize, Piece>;

static OPENSSL: LazyLock<Mutex<Live>> = LazyLock::new(Mutex::default);
/// Whether they are recorded one by one.
static RECORDING: AtomicBool = AtomicBool::new(false);

unsafe extern "C" {
    fn CRYPTO_set_mem_functions(
        malloc: unsafe extern "C" fn(usize, *const c_char, c_int) -> *mut c_void,
        realloc: unsafe extern "C" fn(*mut c_void, usize, *const c_char, c_int) -> *mut c_void,
        free: unsafe extern "C" fn(*mut c_void, *const c_char, c_int),
    ) -> c_int;
    fn malloc(size: usize) -> *mut c_void;
    fn realloc(at: *mut c_void, size: usize) -> *mut c_void;
    fn free(at: *mut c_void);
}

fn note(at: *mut c_void, size: usize, file: *const c_char, line: c_int) {
    if RECORDING.load(Ordering::Relaxed) && !at.is_null() {
        let place = (file as usize, line);
        let mut live = OPENSSL.lock().unwrap();
        live.insert(at as usize, Piece { size, place });
    }
}

fn forget(at: *mut c_void) {
    if RECORDING.load(Ordering::Relaxed) && !at.is_null() {
        OPENSSL.lock().unwrap().remove(&(at as usize));
    }
}

unsafe extern "C" fn noted_malloc(size: usize, file: *const c_char, line: c_int) -> *mut c_void {
    // SAFETY: malloc takes any size.
    let at = unsafe { malloc(size) };
    note(at, size, file, line);
    at
}

unsafe extern "C" fn noted_realloc(
    old: *mut c_void,
    size: usize,
    file: *const c_char,
    line: c_int,
) -> *mut c_void {
    forget(old);
    // SAFETY: OpenSSL passes what `noted_malloc` gave.
    let at = unsafe { realloc(old, size) };
    note(at, size, file, line);
    at
}

unsafe extern "C" fn noted_free(at: *mut c_void, _file: *const c_char, _line: c_int) {
    forget(at);
    // SAFETY: OpenSSL passes what `noted_malloc` gave.
    unsafe { free(at) }
}

fn main() {
    // SAFETY: nothing of OpenSSL was called before, and the three functions belong together.
    let set = unsafe { CRYPTO_set_mem_functions(noted_malloc, noted_realloc, noted_free) };
    assert_eq!(set, 1, "OpenSSL has allocated already");
    let lines: usize = std::env::args()
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(0);
    let mut simulation = support::Simulation::new(KeyKind::P256);
    // What is made once, by the first connections, is no connection's own.
    let first: Vec<_> = (0..5).map(|_| simulation.connect()).collect();
    RECORDING.store(true, Ordering::Relaxed);
    let rust = RUST.load(Ordering::Relaxed);
    let resident = resident_kilobytes();
    let mut pairs: Vec<_> = (0..PAIRS).map(|_| simulation.connect()).collect();
    let rust_of_vec = PAIRS * size_of::<(Session, Session)>();
    let report = |when: &str, pairs: usize| {
        let live = OPENSSL.lock().unwrap();
        let sum: usize = live.values().map(|piece| piece.size).sum();
        let rust = RUST.load(Ordering::Relaxed) - rust;
        let each = |bytes: usize| bytes as f64 / pairs as f64 / 1024.0;
        println!(
            "{when}: OpenSSL {:.1} KB, Rust {:.1} KB (of it the sessions themselves {:.1}), resident {:.1} KB",
            each(sum),
            each(rust.saturating_sub(live.capacity() * (size_of::<(usize, Piece)>() + 1))),
            each(rust_of_vec),
            (resident_kilobytes() - resident) as f64 / pairs as f64,
        );
        list(&live, lines, pairs);
    };
    report("after the handshake", PAIRS);
    for (client, server) in &mut pairs {
        exchange_packet(client, server);
        exchange_packet(server, client);
    }
    report("after one packet each way", PAIRS);
    black_box((first, pairs));
}

fn exchange_packet(from: &mut Session, to: &mut Session) {
    let now = std::time::Instant::now();
    from.send(&[7; 100]).unwrap();
    to.handle_datagram(&support::datagram(from), now);
    assert_eq!(to.next_packet(<[u8]>::len), Some(100));
}

fn list(live: &Live, lines: usize, pairs: usize) {
    let mut places: HashMap<(usize, c_int), (usize, usize)> = HashMap::new();
    for piece in live.values() {
        let (bytes, count) = places.entry(piece.place).or_default();
        *bytes += piece.size;
        *count += 1;
    }
    let mut places: Vec<_> = places.into_iter().collect();
    places.sort_by_key(|&(_, (bytes, _))| std::cmp::Reverse(bytes));
    for ((file, line), (bytes, count)) in places.into_iter().take(lines) {
        // SAFETY: OpenSSL's file names are literals.
        let file = unsafe { CStr::from_ptr(file as *const c_char) };
        println!(
            "  {:>8} bytes in {:>5.1} pieces  {}:{line}",
            bytes / pairs,
            count as f64 / pairs as f64,
            file.to_string_lossy()
        );
    }
}

/// What Linux says; elsewhere 0.
fn resident_kilobytes() -> usize {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
            line.split_whitespace().nth(1)?.parse().ok()
        })
        .unwrap_or(0)
}
