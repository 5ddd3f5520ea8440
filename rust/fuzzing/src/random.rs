//! Random numbers that are the same in every run.
//!
//! OpenSSL's own fuzzers replace its generator in the same way (fuzz/fuzz_rand.c). Client and server draw from streams of
//! their own, so that one side's bytes do not depend on whether the other is there.

use std::cell::Cell;
use std::sync::Once;

use libc::{c_double, c_int, c_uchar, c_void};

/// `RAND_METHOD` of openssl/rand.h.
#[repr(C)]
struct Method {
    seed: Option<unsafe extern "C" fn(*const c_void, c_int) -> c_int>,
    bytes: Option<unsafe extern "C" fn(*mut c_uchar, c_int) -> c_int>,
    cleanup: Option<unsafe extern "C" fn()>,
    add: Option<unsafe extern "C" fn(*const c_void, c_int, c_double) -> c_int>,
    pseudorand: Option<unsafe extern "C" fn(*mut c_uchar, c_int) -> c_int>,
    status: Option<unsafe extern "C" fn() -> c_int>,
}

unsafe extern "C" {
    fn RAND_set_rand_method(method: *const Method) -> c_int;
}

static METHOD: Method = Method {
    seed: None,
    bytes: Some(fill),
    cleanup: None,
    add: None,
    pseudorand: Some(fill),
    status: Some(is_seeded),
};

/// Whose numbers are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stream {
    Client = 0,
    Server = 1,
}

const STARTS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03];

thread_local! {
    static STREAMS: Cell<[u64; 2]> = const { Cell::new(STARTS) };
    static CURRENT: Cell<Stream> = const { Cell::new(Stream::Client) };
}

/// Begins both streams anew on this thread; from the first call on, OpenSSL draws from them in the whole process.
pub(crate) fn restart() {
    static REPLACED: Once = Once::new();
    REPLACED.call_once(|| {
        // SAFETY: the method lives as long as the process, and its functions keep to rand.h.
        let replaced = unsafe { RAND_set_rand_method(&raw const METHOD) };
        assert_eq!(replaced, 1, "OpenSSL takes the generator");
    });
    STREAMS.set(STARTS);
}

/// Lets this thread draw from that stream.
pub(crate) fn select(stream: Stream) {
    CURRENT.set(stream);
}

/// # Safety
/// `into` must be valid for writes of `length` bytes.
unsafe extern "C" fn fill(into: *mut c_uchar, length: c_int) -> c_int {
    let length = usize::try_from(length).unwrap_or(0);
    if length > 0 {
        // SAFETY: as the caller vouches.
        let into = unsafe { std::slice::from_raw_parts_mut(into, length) };
        let mut streams = STREAMS.get();
        let state = &mut streams[CURRENT.get() as usize];
        for chunk in into.chunks_mut(8) {
            chunk.copy_from_slice(&next(state).to_le_bytes()[..chunk.len()]);
        }
        STREAMS.set(streams);
    }
    1
}

unsafe extern "C" fn is_seeded() -> c_int {
    1
}

/// SplitMix64: every seed is a good one.
pub(crate) fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
