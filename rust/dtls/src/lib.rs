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

mod config;
mod failure;
mod handshake;
mod record;
mod session;
mod wire_format;

pub use config::context::{ClientContext, ServerContext};
pub use config::error::{ConfigError, SendError};
pub use config::identity::Identity;
pub use config::policy::{
    COOKIE_LIFETIME, HANDSHAKE_LIMIT, LINK_MTU, MAX_DATAGRAM, MAX_PACKET, PACKET_QUEUE_BYTES,
    openssl_version,
};
pub use config::settings::Settings;
pub use config::trust::{Roots, Verification};
pub use failure::{CertificateFailure, Failure};
pub use handshake::cookie::{CookieCheck, CookieJar};
pub use record::aead::forget_keys;
pub use session::restart::RESTART_SILENCE;
pub use session::{Session, Status};
pub use wire_format::hello::HelloVerifyRequest;
