//! A look at a datagram's records before OpenSSL sees them (RFC 6347 section 4.1).
//!
//! RFC 6347 section 4.1.2.7 has invalid records dropped in silence, for anyone can send them. OpenSSL
//! drops most, but ends the session over some, such as a sealed record too short for its seal
//! (OpenSSL 3.6, `tls1_cipher`). No honest sender makes any of these, so the whole datagram goes.

use crate::bytes::Reader;

const CHANGE_CIPHER_SPEC: usize = 20;
const APPLICATION_DATA: usize = 23;
const DTLS_MAJOR: usize = 254;
/// RFC 5246 section 6.2.3: 2^14 bytes of plain text and at most 2,048 of what sealing adds.
const LARGEST_SEALED: usize = (1 << 14) + 2048;

/// Whether a datagram is one or more whole records of known types, none of them shorter than its
/// seal or longer than a record can be.
pub(crate) fn are_well_formed(datagram: &[u8], sealing_overhead: usize) -> bool {
    let mut rest = Reader(datagram);
    !datagram.is_empty()
        && std::iter::from_fn(|| {
            (!rest.0.is_empty()).then(|| is_next_fine(&mut rest, sealing_overhead))
        })
        .all(|record| record == Some(true))
}

fn is_next_fine(rest: &mut Reader<'_>, sealing_overhead: usize) -> Option<bool> {
    let content_type = rest.number(1)?;
    let major = rest.number(1)?;
    rest.take(1)?;
    let epoch = rest.number(2)?;
    rest.take(6)?;
    let length = rest.vector(2)?.len();
    let shortest = if epoch == 0 { 1 } else { sealing_overhead };
    Some(
        (CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&content_type)
            && major == DTLS_MAJOR
            && (shortest..=LARGEST_SEALED).contains(&length),
    )
}

/// How many bytes a cipher suite of [`policy`](crate::policy) adds to each record: AES-GCM a nonce of
/// 8 and a tag of 16 (RFC 5288), ChaCha20-Poly1305 the tag alone (RFC 7905).
pub(crate) fn sealing_overhead(cipher: &str) -> usize {
    match cipher.contains("CHACHA20") {
        true => 16,
        false => 8 + 16,
    }
}

const HEADER: usize = 13;
/// Where a header holds the epoch (2 bytes), the number within it (6), and the length (2).
const EPOCH: std::ops::Range<usize> = 3..5;
const NUMBER: std::ops::Range<usize> = 5..11;
const LENGTH: std::ops::Range<usize> = 11..13;

/// Adds to the numbers of a datagram's records of epoch 0, which are in plain text and sealed by
/// nothing. The datagram must come from OpenSSL.
pub(crate) fn shift_numbers(mut datagram: &mut [u8], by: u64) {
    while let Some((header, rest)) = datagram.split_at_mut_checked(HEADER) {
        if header[EPOCH] == [0, 0] {
            let number = big_endian(&header[NUMBER]).wrapping_add(by);
            header[NUMBER].copy_from_slice(&number.to_be_bytes()[2..]);
        }
        let length = big_endian(&header[LENGTH]) as usize;
        let Some((_, next)) = rest.split_at_mut_checked(length) else {
            return;
        };
        datagram = next;
    }
}

/// Sets the number of a record of epoch 0 and gives the one before; leaves others as they are.
pub(crate) fn set_number(record: &mut [u8], number: u64) -> Option<u64> {
    let header = record.get_mut(..HEADER)?;
    if header[EPOCH] != [0, 0] {
        return None;
    }
    let before = big_endian(&header[NUMBER]);
    header[NUMBER].copy_from_slice(&number.to_be_bytes()[2..]);
    Some(before)
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
    pub(crate) epoch: u16,
    pub(crate) number: u64,
    pub(crate) body: &'a [u8],
    /// Where in the datagram it ends.
    pub(crate) end: usize,
}

impl<'a> Record<'a> {
    /// The record that begins at `start`; `None` at the end and where none can be read.
    pub(crate) fn read(datagram: &'a [u8], start: usize) -> Option<Self> {
        let mut rest = Reader(datagram.get(start..)?);
        let content_type = rest.take(1)?[0];
        let [major, _minor] = *rest.take(2)? else {
            return None;
        };
        let epoch = rest.number(2)? as u16;
        let number = big_endian(rest.take(6)?);
        let body = rest.vector(2)?;
        (usize::from(major) == DTLS_MAJOR).then_some(Self {
            content_type,
            epoch,
            number,
            body,
            end: datagram.len() - rest.0.len(),
        })
    }
}
