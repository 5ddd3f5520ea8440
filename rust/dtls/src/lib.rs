//! DTLS 1.2 sessions and stateless cookies on OpenSSL, as state machines without input or output.
//!
//! A [`Session`] takes datagrams and the time, and returns datagrams, packets, a status and the time at which it has
//! something to do. It opens no socket, starts no thread and reads no clock; its owner moves the bytes.
//!
//! ```text
//! datagram in ──► CookieJar (servers, before any session) ──► Session::accept
//! datagram in ──► Session::handle_datagram ──► Session::next_packet
//! Session::send, Session::close, Session::handle_timeout ──► Session::drain_datagrams ──► datagram out
//! ```
//!
//! OpenSSL's `SSL` does the handshake, and is freed when that is finished. From then on records are sealed and opened
//! here, with OpenSSL's AEADs and the negotiated keys: see docs/decisions/record-layer.md.
//!
//! | module | content |
//! | --- | --- |
//! | `wire_format` | records and handshake messages as bytes |
//! | `config` | contexts: keys, certificates, trust, settings |
//! | `record` | the record layer after the handshake |
//! | `handshake` | cookies, and the driver of OpenSSL's handshake |
//! | `session` | handshake and record layer together; restarts |
//!
//! Log events have the target `dtls`, at the levels debug (handshakes, ends) and trace (dropped records). They contain no
//! key and no packet.
//!
//! Standards: RFC 6347 (DTLS 1.2), RFC 5246 (TLS 1.2), RFC 5288 (AES-GCM), RFC 7905 (ChaCha20-Poly1305), RFC 6125 (host
//! names in certificates).

mod config;
mod failure;
mod handshake;
mod openssl_error;
mod record;
mod session;
#[cfg(test)]
mod tests;
pub mod wire_format;

pub use config::client_contexts::{ClientContexts, Trust};
pub use config::context::{ClientContext, ServerContext};
pub use config::error::ConfigError;
pub use config::identity::Identity;
pub use config::pem_text;
pub use config::policy::{
    COOKIE_LIFETIME, HANDSHAKE_LIMIT, LINK_MTU, MAX_DATAGRAM, MAX_PACKET, PACKET_QUEUE_BYTES,
    openssl_version,
};
pub use config::settings::Settings;
pub use config::trust::{Roots, Verification};
pub use failure::{CertificateFailure, Failure};
pub use handshake::cookie::{CookieCheck, CookieJar};
pub use record::aead::forget_keys;
pub use session::{RESTART_SILENCE, SendError, Session, Status};
pub use wire_format::HelloVerifyRequest;
