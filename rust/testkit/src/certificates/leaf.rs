//! The contents of an end-entity certificate.

use std::net::IpAddr;

use super::KeyKind;

/// The contents of a server's or client's certificate.
///
/// [`Leaf::named`] gives one that is valid now; the fields change it from there.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The subject's common name (CN); none leaves the subject empty.
    pub common_name: Option<String>,
    /// DNS names in the subject alternative name; wildcards as they are.
    pub dns: Vec<String>,
    /// IP addresses in the subject alternative name.
    pub ips: Vec<IpAddr>,
    /// First day of validity, counted from now: negative lies in the past.
    pub not_before_days: i64,
    /// Last day of validity, counted from now: negative has expired.
    pub not_after_days: i64,
    /// The kind of its private key.
    pub key: KeyKind,
    /// Bytes of an unknown extension that only make the certificate bigger.
    pub padding: usize,
    /// Whether its serial number has a superfluous leading zero, as one in 512 of mbedTLS' has: forbidden by X.690
    /// section 8.3.2.
    pub has_padded_serial: bool,
    /// Whether its key usage allows signatures, which every handshake needs.
    pub may_sign: bool,
}

impl Leaf {
    /// A leaf whose common name and only DNS name are `name`, valid from yesterday for 825 days.
    pub fn named(name: &str) -> Self {
        Self {
            common_name: Some(name.to_owned()),
            dns: vec![name.to_owned()],
            ips: Vec::new(),
            not_before_days: -1,
            not_after_days: 825,
            key: KeyKind::default(),
            padding: 0,
            has_padded_serial: false,
            may_sign: true,
        }
    }

    /// A leaf for this machine: `localhost`, 127.0.0.1 and ::1.
    pub fn localhost() -> Self {
        Self {
            ips: vec![
                [127, 0, 0, 1].into(),
                IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
            ],
            ..Self::named("localhost")
        }
    }

    /// The same leaf, expired since yesterday.
    pub fn expired(self) -> Self {
        Self {
            not_before_days: -30,
            not_after_days: -1,
            ..self
        }
    }

    /// The same leaf, valid from tomorrow on.
    pub fn not_yet_valid(self) -> Self {
        Self {
            not_before_days: 1,
            ..self
        }
    }
}
