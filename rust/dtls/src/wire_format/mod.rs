//! Records and handshake messages of DTLS 1.2 as bytes: constants, types and parsers.
//!
//! The session, the tools and the tests share these parsers. They check lengths and nothing else: what they return is
//! not authenticated, and may come from anyone who can send to the socket.
//!
//! Sources: RFC 6347 sections 4.1 (records) and 4.2.2 (handshake messages), RFC 5246 sections 6.2.1, 7.2 and 7.4.

mod client_hello;
mod handshake;
mod reader;
mod record;

pub use client_hello::{
    COOKIE_BYTES, ClientHello, HelloVerifyRequest, MAX_CLIENT_HELLO, RANDOM_BYTES,
};
pub use handshake::{Fragment, FragmentHeader};
pub use reader::Reader;
pub(crate) use record::renumber_plaintext;
pub use record::{MAX_PLAINTEXT, Record, RecordHeader, Records, records};

/// `ContentType` of a record (RFC 5246 section 6.2.1).
pub mod content_type {
    #![allow(missing_docs)]
    pub const CHANGE_CIPHER_SPEC: u8 = 20;
    pub const ALERT: u8 = 21;
    pub const HANDSHAKE: u8 = 22;
    pub const APPLICATION_DATA: u8 = 23;
}

/// `ProtocolVersion` of a record or a hello (RFC 6347 section 4.1).
pub mod version {
    /// The first byte of every version of DTLS.
    pub const MAJOR: u8 = 0xfe;
    /// DTLS 1.0. A HelloVerifyRequest carries it whatever is negotiated (RFC 6347 section 4.2.1).
    pub const DTLS_1_0: u16 = 0xfeff;
    /// DTLS 1.2.
    pub const DTLS_1_2: u16 = 0xfefd;
}

/// `HandshakeType` of a message (RFC 5246 section 7.4, RFC 6347 section 4.3.2).
pub mod handshake_type {
    #![allow(missing_docs)]
    pub const HELLO_REQUEST: u8 = 0;
    pub const CLIENT_HELLO: u8 = 1;
    pub const SERVER_HELLO: u8 = 2;
    pub const HELLO_VERIFY_REQUEST: u8 = 3;
    pub const CERTIFICATE: u8 = 11;
    pub const SERVER_KEY_EXCHANGE: u8 = 12;
    pub const CERTIFICATE_REQUEST: u8 = 13;
    pub const SERVER_HELLO_DONE: u8 = 14;
    pub const CLIENT_KEY_EXCHANGE: u8 = 16;
    pub const FINISHED: u8 = 20;
}

/// `AlertLevel` and `AlertDescription` (RFC 5246 section 7.2), as far as sessions handle them themselves.
pub mod alert {
    #![allow(missing_docs)]
    pub const WARNING: u8 = 1;
    pub const FATAL: u8 = 2;

    pub const CLOSE_NOTIFY: u8 = 0;
    pub const NO_RENEGOTIATION: u8 = 100;
}

/// Big-endian bytes as an unsigned integer; of more than 8 bytes, the last 8.
pub(crate) fn big_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |value, &byte| value << 8 | u64::from(byte))
}
