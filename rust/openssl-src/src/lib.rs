//! OpenSSL 4 under the name and major version that `openssl-sys` asks for.
//!
//! `openssl-sys` 0.9 accepts only `openssl-src` 300.x (OpenSSL 3) for its feature `vendored`, while the `openssl` crate
//! supports OpenSSL 4. `[patch.crates-io]` in the workspace's manifest puts this crate in its place; it re-exports
//! `openssl-src` 400.x, whose interface is the same. It goes when `openssl-sys` accepts 400.x by itself.

pub use sources::*;
