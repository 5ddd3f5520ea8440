//! The first two messages of a handshake: ClientHello (RFC 6347 section 4.2.1, RFC 5246 section 7.4.1.2) and
//! HelloVerifyRequest. A server reads and writes them before it has a session.

use super::{
    Fragment, FragmentHeader, Reader, RecordHeader, content_type, handshake_type, records, version,
};

/// Bytes of the cookies that servers make here: the most that a HelloVerifyRequest of any DTLS version may carry.
pub const COOKIE_BYTES: usize = 32;

/// Bytes of a client's random (RFC 5246 section 7.4.1.2).
pub const RANDOM_BYTES: usize = 32;

/// The longest ClientHello that a server takes, in bytes of its body, whole or in fragments.
///
/// OpenSSL allocates the length that the first fragment states, and keeps copies of lists in the message. An ordinary
/// one has 200 bytes, a post-quantum key share 1,216, a cookie at most 255.
pub const MAX_CLIENT_HELLO: usize = 4096;

/// The fields of a ClientHello that a server needs before it has a session.
#[derive(Clone, Copy, Debug)]
pub struct ClientHello<'a> {
    /// The number of its record, of epoch 0. The record of the answer repeats it (RFC 6347 section 4.2.1).
    pub sequence_number: u64,
    /// The cookie; empty in a client's first hello.
    pub cookie: &'a [u8],
    /// Version, random and session identifier: the first fragment has them, wherever a client splits its hello.
    pub before_cookie: &'a [u8],
    /// The client's random, different for each handshake.
    pub random: &'a [u8; RANDOM_BYTES],
    /// The message's place in the handshake: 0 until the client is asked for a cookie, then 1.
    pub message_seq: u16,
    /// Bytes of the whole message's body.
    pub message_length: usize,
    /// Whether the datagram has only the message's first fragment.
    pub is_fragmented: bool,
    /// Bytes of the record that holds it, header included: where the datagram's next record begins.
    pub record_bytes: usize,
}

impl<'a> ClientHello<'a> {
    /// Reads a datagram whose first record is a ClientHello, or the first fragment of one that holds the whole cookie:
    /// 25 bytes of headers, 36 of the message, its session identifier (at most 32) and the cookie. `None` for anything
    /// else. What follows that record is ignored.
    pub fn parse(datagram: &'a [u8]) -> Option<Self> {
        let record = records(datagram).next()?;
        if record.header.content_type != content_type::HANDSHAKE
            || record.header.version >> 8 != u16::from(version::MAJOR)
            || record.header.epoch != 0
        {
            return None;
        }

        let mut messages = Reader::new(record.body);
        let fragment = Fragment::read(&mut messages)?;
        let header = fragment.header;
        // OpenSSL takes no more than this one message in the record that begins a session.
        let is_alone = messages.rest().is_empty();
        if header.message_type != handshake_type::CLIENT_HELLO
            || header.message_seq > 1
            || header.offset != 0
            || header.length > header.message_length
            || header.message_length > MAX_CLIENT_HELLO
            || !is_alone
        {
            return None;
        }

        let mut body = Reader::new(fragment.body);
        if body.take(2)?[0] != version::MAJOR {
            return None;
        }
        let random = body.take(RANDOM_BYTES)?.first_chunk()?;
        let _session_id = body.vector(1)?;
        let before_cookie = &fragment.body[..fragment.body.len() - body.rest().len()];
        let cookie = body.vector(1)?;
        if fragment.is_whole() {
            let _cipher_suites = body.vector(2)?;
            let _compression_methods = body.vector(1)?;
        }
        Some(Self {
            sequence_number: record.header.sequence_number,
            cookie,
            before_cookie,
            random,
            message_seq: header.message_seq,
            message_length: header.message_length,
            is_fragmented: !fragment.is_whole(),
            record_bytes: record.bytes.len(),
        })
    }
}

/// A datagram that asks a client to repeat its ClientHello with a cookie.
///
/// It has 60 bytes, fewer than any ClientHello: a server that answers spoofed addresses amplifies nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HelloVerifyRequest([u8; Self::BYTES]);

impl HelloVerifyRequest {
    const BODY_BYTES: usize = 2 + 1 + COOKIE_BYTES;
    const BYTES: usize = RecordHeader::BYTES + FragmentHeader::BYTES + Self::BODY_BYTES;

    pub(crate) fn new(hello: &ClientHello<'_>, cookie: &[u8; COOKIE_BYTES]) -> Self {
        let record = RecordHeader {
            content_type: content_type::HANDSHAKE,
            version: version::DTLS_1_0,
            epoch: 0,
            sequence_number: hello.sequence_number,
            length: FragmentHeader::BYTES + Self::BODY_BYTES,
        };
        let message = FragmentHeader {
            message_type: handshake_type::HELLO_VERIFY_REQUEST,
            message_length: Self::BODY_BYTES,
            message_seq: 0,
            offset: 0,
            length: Self::BODY_BYTES,
        };
        let mut datagram = [0; Self::BYTES];
        let (headers, body) = datagram.split_at_mut(Self::BYTES - Self::BODY_BYTES);
        headers[..RecordHeader::BYTES].copy_from_slice(&record.to_bytes());
        headers[RecordHeader::BYTES..].copy_from_slice(&message.to_bytes());
        body[..2].copy_from_slice(&version::DTLS_1_0.to_be_bytes());
        body[2] = COOKIE_BYTES as u8;
        body[3..].copy_from_slice(cookie);
        Self(datagram)
    }

    /// The datagram to send to the client.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
