//! DTLS 1.2 sessions and stateless cookies on OpenSSL, as state machines without input or output.
//!
//! A [`Session`] takes datagrams and the time, and gives datagrams, packets, a status and the next
//! time it wants to be called. It opens no socket, starts no thread, reads no clock of its own and
//! knows nothing of Godot: whoever holds it moves the bytes.
//!
//! ```text
//! datagram in ──► CookieJar (servers, before any session) ──► Session::accept
//! datagram in ──► Session::handle_datagram ──► Session::next_packet
//! Session::send, Session::close, Session::handle_timeout ──► Session::drain_datagrams ──► datagram out
//! ```
//!
//! OpenSSL's `SSL` does the handshake. It is freed once that is done, for it holds 65 KB that only another handshake
//! would need; records are sealed and opened here from then on, with OpenSSL's AEADs and the keys that were agreed on,
//! in less than 1 KB a session.
//!
//! Standards: RFC 6347 (DTLS 1.2), RFC 5246 (TLS 1.2), RFC 5288 (AES-GCM), RFC 7905 (ChaCha20-Poly1305), RFC 6125 (host
//! names in certificates).

mod aead;
mod bytes;
mod channel;
mod context;
mod cookie;
mod early;
mod error;
mod failure;
mod flight;
mod handshake;
mod hello;
mod identity;
mod key_block;
mod listen;
mod names;
mod outbound;
mod padded_serial;
mod pem;
mod policy;
mod protection;
mod queue;
mod records;
mod replay;
mod restart;
mod schedule;
mod screen;
mod secret;
mod session;
mod settings;
mod spare;
mod suite;
mod timer;
mod transport;
mod trial;
mod trust;
mod usage;
mod wire;

pub use aead::forget_keys;
pub use context::{ClientContext, ServerContext};
pub use cookie::{CookieJar, Greeting};
pub use error::{ConfigError, SendError};
pub use failure::{CertificateFailure, Failure};
pub use hello::HelloVerifyRequest;
pub use identity::Identity;
pub use policy::{
    COOKIE_LIFETIME, HANDSHAKE_LIMIT, LINK_MTU, MAX_DATAGRAM, MAX_PACKET, PACKET_QUEUE_BYTES,
    openssl_version,
};
pub use restart::RESTART_SILENCE;
pub use session::{Session, Status};
pub use settings::Settings;
pub use trust::{Roots, Verification};
