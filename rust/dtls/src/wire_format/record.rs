//! A look at a datagram's records before OpenSSL sees them (RFC 6347 section 4.1).
//!
//! RFC 6347 section 4.1.2.7 has invalid records dropped in silence, for anyone can send them. OpenSSL
//! drops most, but ends the session over some, such as a sealed record too short for its seal
//! (`tls1_cipher`, CVE-2026-75806). Each of them is dropped here, alone: the datagram's other records count.

use std::ops::Range;

pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(crate) const ALERT: u8 = 21;
pub(crate) const HANDSHAKE: u8 = 22;
pub(crate) const APPLICATION_DATA: u8 = 23;
const DTLS_MAJOR: u8 = 254;
/// DTLS 1.2 as on the wire.
pub(crate) const DTLS_1_2: u16 = 0xfe_fd;
/// How many bytes a header has.
pub(crate) const HEADER: usize = 13;

/// What stands before each record's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) content_type: u8,
    pub(crate) version: u16,
    pub(crate) epoch: u16,
    /// Of 48 bits.
    pub(crate) number: u64,
    pub(crate) length: usize,
}

impl Header {
    fn read(bytes: &[u8; HEADER]) -> Self {
        let number = |range: Range<usize>| big_endian(&bytes[range]);
        Self {
            content_type: bytes[0],
            version: number(1..3) as u16,
            epoch: number(3..5) as u16,
            number: number(NUMBER),
            length: number(11..13) as usize,
        }
    }

    pub(crate) fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[0] = self.content_type;
        bytes[1..3].copy_from_slice(&self.version.to_be_bytes());
        bytes[3..11].copy_from_slice(&self.numbers());
        bytes[11..].copy_from_slice(&(self.length as u16).to_be_bytes());
        bytes
    }

    /// What an AEAD authenticates beside the plain text, whose length this header must have (RFC 5246 section
    /// 6.2.3.3).
    pub(crate) fn to_associated_data(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&self.numbers());
        bytes[8] = self.content_type;
        bytes[9..11].copy_from_slice(&self.version.to_be_bytes());
        bytes[11..].copy_from_slice(&(self.length as u16).to_be_bytes());
        bytes
    }

    /// Epoch and number.
    fn numbers(self) -> [u8; 8] {
        (u64::from(self.epoch) << 48 | self.number).to_be_bytes()
    }
}

/// A datagram's records, up to the first that is not whole.
pub(crate) fn iter(mut datagram: &[u8]) -> impl Iterator<Item = (Header, &[u8])> {
    std::iter::from_fn(move || {
        let (header, rest) = datagram.split_first_chunk()?;
        let header = Header::read(header);
        let (content, next) = rest.split_at_checked(header.length)?;
        datagram = next;
        Some((header, content))
    })
}

/// Where a header holds the number.
const NUMBER: Range<usize> = 5..11;

/// Sets the number of a record of epoch 0 and gives the one before; leaves others as they are.
pub(crate) fn set_number(record: &mut [u8], number: u64) -> Option<u64> {
    let header = record.first_chunk_mut()?;
    let before = Header::read(header);
    if before.epoch != 0 {
        return None;
    }
    header[NUMBER].copy_from_slice(&number.to_be_bytes()[2..]);
    Some(before.number)
}

/// An unsigned integer of at most 8 bytes.
pub(crate) fn big_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

/// One record, in plain text or sealed.
#[derive(Clone)]
pub(crate) struct Record<'a> {
    pub(crate) content_type: u8,
    version: u16,
    pub(crate) epoch: u16,
    pub(crate) number: u64,
    pub(crate) body: &'a [u8],
    /// Where in the datagram it ends.
    pub(crate) end: usize,
}

impl<'a> Record<'a> {
    /// The record that begins at `start`; `None` at the end, and where no whole one is left.
    pub(crate) fn read(datagram: &'a [u8], start: usize) -> Option<Self> {
        let (header, body) = iter(datagram.get(start..)?).next()?;
        Some(Self {
            content_type: header.content_type,
            version: header.version,
            epoch: header.epoch,
            number: header.number,
            body,
            end: start + HEADER + header.length,
        })
    }

    /// Whether it has a known type and version, and is neither shorter than its seal nor longer than a record with
    /// `max_plain` bytes of plain text.
    ///
    /// OpenSSL ends the session over a longer one in plain text, and keeps 17 KB for one that its buffer does not hold.
    pub(crate) fn is_well_formed(&self, sealing_overhead: usize, max_plain: usize) -> bool {
        let (shortest, longest) = match self.epoch {
            0 => (1, max_plain),
            _ => (sealing_overhead, max_plain + sealing_overhead),
        };
        (CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&self.content_type)
            && self.version >> 8 == u16::from(DTLS_MAJOR)
            && (shortest..=longest).contains(&self.body.len())
    }
}
