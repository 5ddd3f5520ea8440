//! The constants of every session: protocol versions, cipher suites, groups, sizes and times.

use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::ssl::{
    SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions, SslSessionCacheMode, SslVersion,
};

use crate::config::error::ConfigError;
use crate::config::padded_serial;
use crate::openssl_error::forget_earlier_errors;
use crate::wire_format::MAX_PLAINTEXT;

/// The smallest link, in bytes of a whole IP packet, that handshake flights are cut for.
///
/// RFC 6347 section 4.1.1.1 leaves the discovery of a path's MTU to the application; 1,200 bytes
/// pass on every link that games are played on.
pub const LINK_MTU: usize = 1200;

/// What an IPv6 header (40 bytes, the larger one) and a UDP header (8) take of each datagram.
const IP_AND_UDP_HEADERS: usize = 48;

/// The largest handshake datagram, in bytes of UDP payload.
pub const MAX_DATAGRAM: usize = LINK_MTU - IP_AND_UDP_HEADERS;

/// The largest packet of application data, in bytes: one record's plain text (RFC 6347 section 4.1).
pub const MAX_PACKET: usize = MAX_PLAINTEXT;

/// How many bytes of decrypted packets wait in a session before it takes no more datagrams.
pub const PACKET_QUEUE_BYTES: usize = 65_536;

/// How long a flight of a handshake waits for an answer at first, unless
/// [`Settings`](crate::Settings) say otherwise (RFC 6347 section 4.2.4.1).
pub(crate) const FIRST_RETRANSMISSION: Duration = Duration::from_secs(1);

/// How long a handshake may take before it fails, unless [`Settings`](crate::Settings) say otherwise.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(60);

/// How long a cookie is accepted, at least; at most it is twice this.
pub const COOKIE_LIFETIME: Duration = Duration::from_secs(30);

/// Only forward-secret AEAD suites, as RFC 9325 section 4.2 recommends for (D)TLS 1.2.
const CIPHER_SUITES: &str = "ECDHE+AESGCM:ECDHE+CHACHA20";

/// The same for a CPU without instructions for AES, where ChaCha20 is several times as fast.
const CIPHER_SUITES_WITHOUT_AES: &str = "ECDHE+CHACHA20:ECDHE+AESGCM";

/// The groups for a server's key exchange (RFC 8422).
const GROUPS: &str = "X25519:P-256:P-384";

/// The same for clients, and P-521: RFC 8422 section 5.1.1 has a client offer the curves of the certificates that it
/// accepts. For the key exchange it is several times as slow, so servers do not offer it.
const CLIENT_GROUPS: &str = "X25519:P-256:P-384:P-521";

/// The version of the linked OpenSSL, such as `OpenSSL 4.0.3 29 Sep 2026`.
pub fn openssl_version() -> &'static str {
    openssl::version::version()
}

/// Whether this CPU has instructions for AES and for GCM.
fn has_aes() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return is_x86_feature_detected!("aes") && is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

/// A context for servers, without a key.
///
/// # Errors
/// [`ConfigError::OpenSsl`].
pub(crate) fn server_builder() -> Result<SslContextBuilder, ConfigError> {
    forget_earlier_errors();
    let build = || {
        let mut context = SslContext::builder(SslMethod::dtls_server())?;
        apply(&mut context)?;
        Ok(context)
    };
    build().map_err(|stack: ErrorStack| ConfigError::openssl(&stack))
}

/// A context for clients, without roots.
///
/// # Errors
/// [`ConfigError::OpenSsl`].
pub(crate) fn client_builder() -> Result<SslContextBuilder, ConfigError> {
    forget_earlier_errors();
    let build = || {
        let mut context = SslContext::builder(SslMethod::dtls_client())?;
        apply(&mut context)?;
        context.set_groups_list(CLIENT_GROUPS)?;
        padded_serial::replace_in_handshakes(&mut context);
        Ok(context)
    };
    build().map_err(|stack: ErrorStack| ConfigError::openssl(&stack))
}

/// Sets the options that clients and servers share.
fn apply(context: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    context.set_min_proto_version(Some(SslVersion::DTLS1_2))?;
    // OpenSSL has DTLS 1.3 from 4.1 on, with other messages and records (RFC 9147). The plain-text filter, the derivation
    // of the keys and the record layer implement 1.2 only.
    context.set_max_proto_version(Some(SslVersion::DTLS1_2))?;
    context.set_cipher_list(match has_aes() {
        true => CIPHER_SUITES,
        false => CIPHER_SUITES_WITHOUT_AES,
    })?;
    context.set_groups_list(GROUPS)?;
    // NO_QUERY_MTU: the BIO is memory and has no MTU to ask for; OpenSSL would cut flights into datagrams of 256 bytes.
    // The server's order of cipher suites counts, except for a client that prefers ChaCha20: it has no AES instructions.
    context.set_options(
        SslOptions::NO_QUERY_MTU
            | SslOptions::NO_TICKET
            | SslOptions::NO_RENEGOTIATION
            | SslOptions::CIPHER_SERVER_PREFERENCE
            | SslOptions::PRIORITIZE_CHACHA,
    );
    // A handshake waits most of the time, and needs no buffers of 17 KB for records meanwhile.
    context.set_mode(SslMode::RELEASE_BUFFERS);
    context.set_session_cache_mode(SslSessionCacheMode::OFF);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By default, OpenSSL negotiates its newest version.
    #[test]
    fn no_version_but_1_2_is_negotiated() {
        for method in [SslMethod::dtls_server(), SslMethod::dtls_client()] {
            let mut context = SslContext::builder(method).unwrap();
            assert_eq!(context.max_proto_version(), None, "OpenSSL's default");
            apply(&mut context).unwrap();
            assert_eq!(context.min_proto_version(), Some(SslVersion::DTLS1_2));
            assert_eq!(context.max_proto_version(), Some(SslVersion::DTLS1_2));
        }
    }
}
