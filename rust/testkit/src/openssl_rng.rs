//! OpenSSL's random numbers from a seed: keys, nonces and signatures are the same in every run.
//!
//! OpenSSL's own fuzzers replace its generator in the same way (fuzz/fuzz_rand.c). The replacement holds for the whole
//! process from the first call on; a thread without a generator of its own keeps OpenSSL's.

use std::cell::Cell;
use std::ffi::{c_double, c_int, c_uchar, c_void};
use std::sync::Once;

use crate::SeededRng;

thread_local! {
    static GENERATOR: Cell<Option<SeededRng>> = const { Cell::new(None) };
}

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
    fn RAND_OpenSSL() -> *const Method;
}

static METHOD: Method = Method {
    seed: None,
    bytes: Some(fill),
    cleanup: None,
    add: None,
    pseudorand: Some(fill),
    status: Some(is_seeded),
};

/// Runs `body` with OpenSSL's random numbers on this thread from a seed.
pub fn with_seed<T>(seed: u64, body: impl FnOnce() -> T) -> T {
    let before = replace(Some(SeededRng::new(seed)));
    let result = body();
    replace(before);
    result
}

/// Makes OpenSSL draw from this generator on this thread, or from its own; the result is the generator before.
///
/// # Panics
/// If OpenSSL refuses a generator of ours.
pub fn replace(generator: Option<SeededRng>) -> Option<SeededRng> {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: METHOD is a static, and its functions have the signatures of rand.h.
        let installed = unsafe { RAND_set_rand_method(&raw const METHOD) };
        assert_eq!(installed, 1, "OpenSSL takes the generator");
    });
    GENERATOR.replace(generator)
}

unsafe extern "C" fn is_seeded() -> c_int {
    1
}

/// # Safety
/// `into` must be valid for writes of `length` bytes.
unsafe extern "C" fn fill(into: *mut c_uchar, length: c_int) -> c_int {
    let Some(mut generator) = GENERATOR.take() else {
        // SAFETY: OpenSSL's own method is a static of the library, and the buffer is passed on as it came.
        return unsafe {
            match (*RAND_OpenSSL()).bytes {
                Some(bytes) => bytes(into, length),
                None => 0,
            }
        };
    };
    let length = usize::try_from(length).unwrap_or(0);
    if length > 0 {
        // SAFETY: `into` is valid for `length` bytes by this function's contract, which is that of rand.h.
        generator.fill(unsafe { std::slice::from_raw_parts_mut(into, length) });
    }
    GENERATOR.set(Some(generator));
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw() -> [u8; 20] {
        let mut bytes = [0; 20];
        openssl::rand::rand_bytes(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_seed_repeats_what_openssl_draws_on_this_thread_alone() {
        let first = with_seed(1, draw);
        let elsewhere = || std::thread::spawn(draw).join().unwrap();
        let (second, other_thread) = with_seed(1, || (draw(), elsewhere()));
        assert_eq!(first, second);
        assert_ne!(first, with_seed(2, draw));
        assert_ne!(first, other_thread);
        assert_ne!(draw(), draw());
    }
}
