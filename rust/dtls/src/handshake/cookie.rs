//! Stateless cookies: a server checks that a client receives at its address before it keeps any state of it (RFC 6347
//! section 4.2.1).

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use openssl::hash::MessageDigest;
use openssl::memcmp;
use openssl::pkey::{PKey, Private};
use openssl::rand::rand_bytes;
use openssl::sign::Signer;

use crate::config::error::ConfigError;
use crate::config::policy::COOKIE_LIFETIME;
use crate::wire_format::{COOKIE_BYTES, ClientHello, HelloVerifyRequest};

/// The first datagram of an unverified client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CookieCheck {
    /// A ClientHello with a cookie that this server gave to this address: begin a session with
    /// [`Session::accept`](crate::Session::accept).
    Verified,
    /// A ClientHello without a valid cookie: send this datagram to the client, and keep no state of it.
    Unverified(HelloVerifyRequest),
    /// Not a ClientHello: drop it.
    NotClientHello,
}

/// Makes and checks a server's cookies.
///
/// A cookie is an HMAC-SHA256 over the client's address and port and its hello's version, random and session identifier,
/// with a random secret. RFC 6347 section 4.2.1 recommends the cipher suites and compression methods
/// as well; they are left out, since the first fragment of a hello need not hold them, and a client may send one of its
/// two hellos whole and the other in fragments. A secret makes cookies for [`COOKIE_LIFETIME`] and verifies them for twice
/// as long, both counted from when it was made. A jar's size does not depend on the number of clients.
#[derive(Debug)]
pub struct CookieJar {
    current: Secret,
    previous: Option<Secret>,
}

#[derive(Debug)]
struct Secret {
    key: PKey<Private>,
    made_at: Instant,
}

impl Secret {
    fn new(now: Instant) -> Result<Self, ConfigError> {
        let mut bytes = [0; 32];
        let key = rand_bytes(&mut bytes)
            .and_then(|()| PKey::hmac(&bytes))
            .map_err(|stack| ConfigError::openssl(&stack))?;
        Ok(Self { key, made_at: now })
    }

    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.made_at)
    }
}

impl CookieJar {
    /// A jar with a new secret.
    ///
    /// # Errors
    /// [`ConfigError::OpenSsl`] if OpenSSL has no random numbers.
    pub fn new(now: Instant) -> Result<Self, ConfigError> {
        Ok(Self {
            current: Secret::new(now)?,
            previous: None,
        })
    }

    /// Checks the first datagram from `client`.
    ///
    /// # Errors
    /// [`ConfigError::OpenSsl`] if OpenSSL cannot compute a cookie.
    pub fn verify_cookie(
        &mut self,
        datagram: &[u8],
        client: SocketAddr,
        now: Instant,
    ) -> Result<CookieCheck, ConfigError> {
        let Some(hello) = ClientHello::parse(datagram) else {
            return Ok(CookieCheck::NotClientHello);
        };
        self.rotate(now)?;
        let expected = cookie(&self.current, &hello, client)?;
        if same(&expected, hello.cookie) {
            return Ok(CookieCheck::Verified);
        }
        if let Some(previous) = &self.previous
            && same(&cookie(previous, &hello, client)?, hello.cookie)
        {
            return Ok(CookieCheck::Verified);
        }
        Ok(CookieCheck::Unverified(HelloVerifyRequest::new(
            &hello, &expected,
        )))
    }

    /// Replaces a secret that is too old to make cookies, and drops one that is too old to verify them.
    fn rotate(&mut self, now: Instant) -> Result<(), ConfigError> {
        if self.current.age(now) >= COOKIE_LIFETIME {
            let retired = std::mem::replace(&mut self.current, Secret::new(now)?);
            self.previous = Some(retired);
        }
        // Secrets are rotated when a hello comes, so the previous one may be much older than the current one.
        self.previous
            .take_if(|previous| previous.age(now) >= 2 * COOKIE_LIFETIME);
        Ok(())
    }
}

fn cookie(
    secret: &Secret,
    hello: &ClientHello<'_>,
    client: SocketAddr,
) -> Result<[u8; COOKIE_BYTES], ConfigError> {
    let address = match client.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let mut mac = [0; COOKIE_BYTES];
    Signer::new(MessageDigest::sha256(), &secret.key)
        .and_then(|mut signer| {
            signer.update(&address.octets())?;
            signer.update(&client.port().to_be_bytes())?;
            signer.update(hello.before_cookie)?;
            signer.sign(&mut mac)
        })
        .map_err(|stack| ConfigError::openssl(&stack))?;
    Ok(mac)
}

fn same(expected: &[u8; COOKIE_BYTES], got: &[u8]) -> bool {
    got.len() == COOKIE_BYTES && memcmp::eq(expected, got)
}
