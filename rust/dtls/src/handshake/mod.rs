//! From the first hello to keys that both sides have (RFC 6347 section 4.2).

pub(crate) mod attempts;
pub(crate) mod cookie;
pub(crate) mod driver;
pub(crate) mod early_records;
pub(crate) mod flight;
pub(crate) mod memory_bio;
pub(crate) mod openssl_handshake;
pub(crate) mod outbound;
pub(crate) mod plaintext_filter;
pub(crate) mod retransmission;
pub(crate) mod verification;
