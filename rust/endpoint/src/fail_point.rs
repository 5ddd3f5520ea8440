//! Panics on demand, for tests of what a panic leaves behind.

/// Panics in a debug build whose environment variable `OPENSSL_DTLS_PANIC` is `name`.
#[inline(always)]
pub fn fail_point(name: &str) {
    if cfg!(debug_assertions) && std::env::var_os("OPENSSL_DTLS_PANIC").is_some_and(|at| at == name)
    {
        panic!("as asked for by OPENSSL_DTLS_PANIC");
    }
}
