//! Randomness for OpenSSL that can be had again: keys, randoms and signatures follow from a seed, so
//! that a run that failed fails again, bit by bit.

use std::cell::Cell;
use std::sync::Once;

use libc::{c_int, c_uchar, c_void};

thread_local! {
    /// The generator's state on this thread; 0 where OpenSSL's own is in use.
    static STATE: Cell<u64> = const { Cell::new(0) };
}

type Fill = unsafe extern "C" fn(*mut c_uchar, c_int) -> c_int;

/// `RAND_METHOD` (openssl/rand.h).
#[repr(C)]
struct Method {
    seed: Option<unsafe extern "C" fn(*const c_void, c_int) -> c_int>,
    bytes: Option<Fill>,
    cleanup: Option<unsafe extern "C" fn()>,
    add: Option<unsafe extern "C" fn(*const c_void, c_int, f64) -> c_int>,
    pseudorand: Option<Fill>,
    status: Option<unsafe extern "C" fn() -> c_int>,
}

unsafe extern "C" {
    fn RAND_set_rand_method(method: *const Method) -> c_int;
    fn RAND_OpenSSL() -> *const Method;
}

static METHOD: Method = Method {
    seed: None,
    bytes: Some(fill),
    cleanup: None,
    add: None,
    pseudorand: Some(fill),
    status: Some(status),
};

unsafe extern "C" fn status() -> c_int {
    1
}

unsafe extern "C" fn fill(into: *mut c_uchar, length: c_int) -> c_int {
    let mut state = STATE.get();
    if state == 0 {
        // SAFETY: OpenSSL's own method is there for good, and the buffer is the caller's.
        return unsafe {
            match (*RAND_OpenSSL()).bytes {
                Some(bytes) => bytes(into, length),
                None => 0,
            }
        };
    }
    // SAFETY: OpenSSL vouches for so many bytes.
    let into =
        unsafe { std::slice::from_raw_parts_mut(into, usize::try_from(length).unwrap_or(0)) };
    for byte in into {
        state = crate::world::step(state);
        *byte = (state >> 24) as u8;
    }
    STATE.set(state);
    1
}

/// Runs `body` on this thread with the randomness of a seed.
pub(crate) fn throw<T>(seed: u64, body: impl FnOnce() -> T) -> T {
    static SET: Once = Once::new();
    // SAFETY: the method is there for good, and its functions hold to OpenSSL's contract.
    SET.call_once(|| assert_eq!(unsafe { RAND_set_rand_method(&raw const METHOD) }, 1));
    let before = STATE.replace(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let result = body();
    STATE.set(before);
    result
}
