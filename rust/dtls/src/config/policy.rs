//! What every session keeps to: versions, cipher suites, sizes and times.

use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::ssl::{SslContextBuilder, SslMode, SslOptions, SslSessionCacheMode, SslVersion};

/// The smallest link, in bytes of a whole IP packet, that handshake flights are cut for.
///
/// RFC 6347 section 4.1.1.1 leaves the discovery of a path's MTU to the application; 1,200 bytes
/// cross every link that games are played on.
pub const LINK_MTU: usize = 1200;

/// What an IPv6 header (40 bytes, the larger one) and a UDP header (8) take of each datagram.
const IP_AND_UDP_HEADERS: usize = 48;

/// The largest handshake datagram, in bytes of UDP payload.
pub const MAX_DATAGRAM: usize = LINK_MTU - IP_AND_UDP_HEADERS;

/// The largest packet of application data, in bytes: one record's plain text (RFC 6347 section 4.1).
pub const MAX_PACKET: usize = 16_384;

/// How many bytes of decrypted packets wait in a session before it takes no more datagrams.
pub const PACKET_QUEUE_BYTES: usize = 65_536;

/// How long a flight of a handshake waits for an answer at first, unless
/// [`Settings`](crate::Settings) say otherwise (RFC 6347 section 4.2.4.1).
pub(crate) const FIRST_RETRANSMISSION: Duration = Duration::from_secs(1);

/// The longest such wait, of a limit for the handshake: with waits of up to a minute, as the RFC
/// allows, a player on a bad network would sit through most of the limit in silence.
pub(crate) fn longest_retransmission(first: Duration, limit: Duration) -> Duration {
    (limit / 10).clamp(first, Duration::from_secs(60).max(first))
}

/// How many times a server sends a flight that its client does not ask for again, copies included.
pub(crate) const MOST_UNASKED: u32 = 8;

/// With which retransmission flights go into smaller datagrams (RFC 6347 section 4.1.1.1).
pub(crate) const BACK_OFF_AT: u32 = 2;

/// How long a handshake may take before it fails, unless [`Settings`](crate::Settings) say otherwise.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(60);

/// How long a cookie is honoured, at least; at most it is twice this.
pub const COOKIE_LIFETIME: Duration = Duration::from_secs(30);

/// Forward-secret AEAD suites alone: what RFC 9325 section 4.2 recommends for (D)TLS 1.2.
const CIPHER_SUITES: &str = "ECDHE+AESGCM:ECDHE+CHACHA20";

/// The same for a CPU without instructions for AES, where ChaCha20 is several times as fast.
const CIPHER_SUITES_WITHOUT_AES: &str = "ECDHE+CHACHA20:ECDHE+AESGCM";

/// The groups that servers agree on keys with (RFC 8422).
const GROUPS: &str = "X25519:P-256:P-384";

/// The same for clients, and the curve of one more kind of key: RFC 8422 section 5.1.1 has a client offer the curves of
/// the certificates that it takes. For an agreement it is several times as slow, so that servers leave it out.
pub(crate) const CLIENT_GROUPS: &str = "X25519:P-256:P-384:P-521";

/// The linked OpenSSL's own words for its version, such as `OpenSSL 4.0.3 29 Sep 2026`.
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

/// Gives a fresh context the settings that clients and servers share.
pub(crate) fn apply(context: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    context.set_min_proto_version(Some(SslVersion::DTLS1_2))?;
    // Said, since OpenSSL from 4.1 on has DTLS 1.3 as well, whose messages and records are others (RFC 9147): the filter of
    // plain text, the take-over of the keys and the record layer know 1.2 alone.
    context.set_max_proto_version(Some(SslVersion::DTLS1_2))?;
    context.set_cipher_list(match has_aes() {
        true => CIPHER_SUITES,
        false => CIPHER_SUITES_WITHOUT_AES,
    })?;
    context.set_groups_list(GROUPS)?;
    // NO_QUERY_MTU: the transport here is memory and has no MTU to be asked for, upon which OpenSSL
    // would cut flights into datagrams of 256 bytes.
    // The server's order counts, but for a client that wants ChaCha20 first: it has no instructions for AES.
    context.set_options(
        SslOptions::NO_QUERY_MTU
            | SslOptions::NO_TICKET
            | SslOptions::NO_RENEGOTIATION
            | SslOptions::CIPHER_SERVER_PREFERENCE
            | SslOptions::PRIORITIZE_CHACHA,
    );
    // A handshake waits most of the time: it keeps no buffers of 17 KB for records meanwhile.
    context.set_mode(SslMode::RELEASE_BUFFERS);
    context.set_session_cache_mode(SslSessionCacheMode::OFF);
    Ok(())
}

#[cfg(test)]
mod tests {
    use openssl::ssl::{SslContext, SslMethod};

    use super::*;

    /// Without it the newest version of the linked OpenSSL would be agreed on, whichever that is.
    #[test]
    fn no_version_but_1_2_is_left_to_agree_on() {
        for method in [SslMethod::dtls_server(), SslMethod::dtls_client()] {
            let mut context = SslContext::builder(method).unwrap();
            assert_eq!(context.max_proto_version(), None, "OpenSSL's default");
            apply(&mut context).unwrap();
            assert_eq!(context.min_proto_version(), Some(SslVersion::DTLS1_2));
            assert_eq!(context.max_proto_version(), Some(SslVersion::DTLS1_2));
        }
    }
}
