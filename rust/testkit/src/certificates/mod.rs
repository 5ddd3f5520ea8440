//! Throw-away keys and certificates, for the demo and the tests alone.
//!
//! Not a certificate authority for anything real: serial numbers and names are not recorded, and nothing can be revoked.
//!
//! ```
//! use testkit::certificates::{Authority, Leaf};
//!
//! let authority = Authority::new("Test root")?;
//! let server = authority.issue(&Leaf::named("game.example"))?;
//! assert!(server.certificate_pem()?.starts_with(b"-----BEGIN CERTIFICATE-----"));
//! # Ok::<(), testkit::certificates::Error>(())
//! ```

mod authority;
mod certificate;
mod identity;
mod key;
mod leaf;

/// What every function here fails with: OpenSSL's own list of reasons.
pub use openssl::error::ErrorStack as Error;

pub use authority::Authority;
pub use identity::Identity;
pub use key::KeyKind;
pub use leaf::Leaf;

/// The result of making a key or a certificate.
pub type Result<T> = std::result::Result<T, Error>;
