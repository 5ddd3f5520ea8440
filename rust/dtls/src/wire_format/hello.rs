//! The first two messages of DTLS, read and written without a session: ClientHello (RFC 6347
//! section 4.2.2) and HelloVerifyRequest (section 4.2.1).

use crate::wire_format::reader::Reader;

const HANDSHAKE_RECORD: usize = 22;
pub(crate) const CLIENT_HELLO: u8 = 1;
const HELLO_VERIFY_REQUEST: u8 = 3;
/// The major version of every DTLS, as on the wire (one's complement of 1).
const DTLS_MAJOR: u8 = 254;
/// RFC 6347 section 4.2.1: a HelloVerifyRequest carries DTLS 1.0, whatever is agreed on later.
const DTLS_1_0: [u8; 2] = [254, 255];

/// Bytes of a cookie: as many as the smallest limit of any DTLS version allows.
pub(crate) const COOKIE_BYTES: usize = 32;

/// Bytes of a client's random (RFC 5246 section 7.4.1.2).
pub(crate) const RANDOM: usize = 32;

/// The longest ClientHello that a server takes, whole or in fragments: OpenSSL allocates the length that the first
/// fragment states, and keeps copies of lists in the message. An ordinary one has 200 bytes, a post-quantum key share
/// 1,216, a cookie at most 255.
const LONGEST_HELLO: usize = 4096;

const RECORD_HEADER: usize = 13;
const MESSAGE_HEADER: usize = 12;
const BODY: usize = 2 + 1 + COOKIE_BYTES;

/// What a cookie is computed from and compared with, borrowed from a ClientHello's datagram.
#[derive(Clone, Copy)]
pub(crate) struct ClientHello<'a> {
    /// The record's epoch and sequence number, repeated by the answer.
    pub(crate) record_number: &'a [u8],
    pub(crate) cookie: &'a [u8],
    /// Version, random and session identifier: what the first fragment holds wherever a client cuts its hello.
    pub(crate) opening: &'a [u8],
    /// The client's random bytes, by which its sessions differ.
    pub(crate) random: &'a [u8],
    /// The message's place in the handshake: 0 for a client that was not asked for a cookie.
    pub(crate) message_number: usize,
    /// Bytes of the whole message.
    pub(crate) length: usize,
    /// Whether this is but the beginning of it.
    pub(crate) is_fragmented: bool,
    /// Bytes of the record that holds it, header included: where the datagram's next record begins.
    pub(crate) record_bytes: usize,
}

impl<'a> ClientHello<'a> {
    /// Reads a datagram whose first record is a ClientHello, or the first fragment of one that holds the whole cookie:
    /// 25 bytes of headers, 36 of the message, its session identifier (at most 32) and the cookie. Anything else is
    /// `None`, and what follows that record is not looked at.
    pub(crate) fn parse(datagram: &'a [u8]) -> Option<Self> {
        let mut record = Reader(datagram);
        if record.number(1)? != HANDSHAKE_RECORD || record.take(2)?[0] != DTLS_MAJOR {
            return None;
        }
        let record_number = record.take(8)?;
        let epoch = &record_number[..2];
        if epoch != [0, 0] {
            return None;
        }

        let mut message = Reader(record.vector(2)?);
        let record_bytes = datagram.len() - record.0.len();
        if message.number(1)? != usize::from(CLIENT_HELLO) {
            return None;
        }
        let length = message.number(3)?;
        let message_number = message.number(2)?;
        let fragment_offset = message.number(3)?;
        let fragment = message.vector(3)?;
        // OpenSSL takes no more than this one message in the record that begins a session.
        let is_alone = message.0.is_empty();
        let fits = fragment.len() <= length && length <= LONGEST_HELLO;
        if message_number > 1 || fragment_offset != 0 || !fits || !is_alone {
            return None;
        }

        let mut body = Reader(fragment);
        if body.take(2)?[0] != DTLS_MAJOR {
            return None;
        }
        let random = body.take(RANDOM)?;
        body.vector(1)?;
        let opening = &fragment[..fragment.len() - body.0.len()];
        let cookie = body.vector(1)?;
        let is_fragmented = fragment.len() < length;
        if !is_fragmented {
            // Cipher suites and compression methods.
            body.vector(2)?;
            body.vector(1)?;
        }
        Some(Self {
            record_number,
            cookie,
            opening,
            random,
            message_number,
            length,
            is_fragmented,
            record_bytes,
        })
    }
}

/// A whole datagram that asks a client to repeat its ClientHello with a cookie.
///
/// 60 bytes: smaller than any ClientHello, so that nobody can use a server to send more to a
/// spoofed address than was spent on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HelloVerifyRequest([u8; RECORD_HEADER + MESSAGE_HEADER + BODY]);

impl HelloVerifyRequest {
    pub(crate) fn new(hello: &ClientHello<'_>, cookie: &[u8; COOKIE_BYTES]) -> Self {
        let mut datagram = [0; RECORD_HEADER + MESSAGE_HEADER + BODY];
        let (record, message) = datagram.split_at_mut(RECORD_HEADER);
        record[0] = HANDSHAKE_RECORD as u8;
        record[1..3].copy_from_slice(&DTLS_1_0);
        record[3..11].copy_from_slice(hello.record_number);
        record[12] = (MESSAGE_HEADER + BODY) as u8;

        let (header, body) = message.split_at_mut(MESSAGE_HEADER);
        header[0] = HELLO_VERIFY_REQUEST;
        header[3] = BODY as u8;
        header[11] = BODY as u8;
        body[..2].copy_from_slice(&DTLS_1_0);
        body[2] = COOKIE_BYTES as u8;
        body[3..].copy_from_slice(cookie);
        Self(datagram)
    }

    /// The datagram to send back.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
