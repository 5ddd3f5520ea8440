//! Records (RFC 6347 section 4.1).

use std::ops::Range;

use super::{big_endian, content_type, version};

/// The most bytes of plain text that a record carries (RFC 5246 section 6.2.1).
pub const MAX_PLAINTEXT: usize = 1 << 14;

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// See [`content_type`].
    pub content_type: u8,
    /// See [`version`].
    pub version: u16,
    /// The number of the cipher state: 0 before the first ChangeCipherSpec, in plain text.
    pub epoch: u16,
    /// The record's number within its epoch, of 48 bits.
    pub sequence_number: u64,
    /// Bytes that follow the header.
    pub length: usize,
}

impl RecordHeader {
    /// Bytes of a header.
    pub const BYTES: usize = 13;

    /// Where the header has the sequence number.
    const SEQUENCE_NUMBER: Range<usize> = 5..11;

    /// Reads a header; every value is possible.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let number = |range: Range<usize>| big_endian(&bytes[range]);
        Self {
            content_type: bytes[0],
            version: number(1..3) as u16,
            epoch: number(3..5) as u16,
            sequence_number: number(Self::SEQUENCE_NUMBER),
            length: number(11..13) as usize,
        }
    }

    /// The header on the wire. Of the sequence number and the length, the low 48 and 16 bits.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0] = self.content_type;
        bytes[1..3].copy_from_slice(&self.version.to_be_bytes());
        bytes[3..11].copy_from_slice(&self.epoch_and_number());
        bytes[11..].copy_from_slice(&(self.length as u16).to_be_bytes());
        bytes
    }

    /// The additional data of an AEAD (RFC 5246 section 6.2.3.3). The header's length must be that of the plain text.
    pub(crate) fn to_additional_data(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.epoch_and_number());
        bytes[8] = self.content_type;
        bytes[9..11].copy_from_slice(&self.version.to_be_bytes());
        bytes[11..].copy_from_slice(&(self.length as u16).to_be_bytes());
        bytes
    }

    /// The epoch and the sequence number as 64 bits, as an AEAD's additional data and nonce take them.
    pub(crate) fn epoch_and_number(&self) -> [u8; 8] {
        (u64::from(self.epoch) << 48 | self.sequence_number).to_be_bytes()
    }
}

/// A record of a datagram, in plain text or sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its header.
    pub header: RecordHeader,
    /// What follows the header.
    pub body: &'a [u8],
    /// The header and the body.
    pub bytes: &'a [u8],
}

impl Record<'_> {
    /// Whether the record has a known type and a DTLS version, and is neither shorter than its seal nor longer than a
    /// record with `max_plaintext` bytes of plain text.
    ///
    /// RFC 6347 section 4.1.2.7 has invalid records dropped silently. OpenSSL drops most, but ends the session over a
    /// plain-text record that is too long or a sealed one that is too short (`tls1_cipher`, CVE-2026-75806), and
    /// allocates 17 KB for one that its buffer does not hold.
    pub(crate) fn is_well_formed(&self, sealing_overhead: usize, max_plaintext: usize) -> bool {
        let (shortest, longest) = match self.header.epoch {
            0 => (1, max_plaintext),
            _ => (sealing_overhead, max_plaintext + sealing_overhead),
        };
        (content_type::CHANGE_CIPHER_SPEC..=content_type::APPLICATION_DATA)
            .contains(&self.header.content_type)
            && self.header.version >> 8 == u16::from(version::MAJOR)
            && (shortest..=longest).contains(&self.body.len())
    }
}

/// The records of a datagram: see [`records`].
#[derive(Clone, Debug)]
pub struct Records<'a>(&'a [u8]);

impl<'a> Records<'a> {
    /// The bytes behind the last record returned; empty at the end of a datagram of whole records.
    pub fn remainder(&self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        let (header, rest) = self.0.split_first_chunk()?;
        let header = RecordHeader::from_bytes(header);
        let (body, next) = rest.split_at_checked(header.length)?;
        let bytes = &self.0[..RecordHeader::BYTES + header.length];
        self.0 = next;
        Some(Record {
            header,
            body,
            bytes,
        })
    }
}

/// A datagram's records, up to the first that is not whole.
#[inline]
pub fn records(datagram: &[u8]) -> Records<'_> {
    Records(datagram)
}

/// Sets the sequence number of the record that `record` begins with, if it is of epoch 0; a sealed one stays as it is.
pub(crate) fn renumber_plaintext(record: &mut [u8], sequence_number: u64) {
    let Some(header) = record.first_chunk_mut() else {
        return;
    };
    if RecordHeader::from_bytes(header).epoch == 0 {
        header[RecordHeader::SEQUENCE_NUMBER].copy_from_slice(&sequence_number.to_be_bytes()[2..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire_format::content_type::{APPLICATION_DATA, HANDSHAKE};
    use crate::wire_format::version::{DTLS_1_0, DTLS_1_2};

    #[test]
    fn a_datagram_of_two_records_is_read_and_written() {
        let mut datagram = vec![22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 5, 0, 2, 3, 9];
        datagram.extend([23, 0xfe, 0xfd, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 22]);
        let mut all = records(&datagram);
        let (first, second) = (all.next().unwrap(), all.next().unwrap());
        assert_eq!(
            first.header,
            RecordHeader {
                content_type: HANDSHAKE,
                version: DTLS_1_0,
                epoch: 0,
                sequence_number: 5,
                length: 2,
            }
        );
        assert_eq!(first.body, [3, 9]);
        assert_eq!(
            second.header,
            RecordHeader {
                content_type: APPLICATION_DATA,
                version: DTLS_1_2,
                epoch: 1,
                sequence_number: 1 << 40,
                length: 1,
            }
        );
        assert!(all.next().is_none() && all.remainder().is_empty());
        assert_eq!([first.bytes, second.bytes].concat(), datagram);
        for record in [first, second] {
            assert_eq!(
                record.header.to_bytes(),
                record.bytes[..RecordHeader::BYTES]
            );
        }
    }

    #[test]
    fn what_follows_the_last_whole_record_is_the_remainder() {
        let whole = [22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 9];
        for end in 0..whole.len() {
            let datagram = [&whole[..], &whole[..end]].concat();
            let mut all = records(&datagram);
            assert_eq!(all.by_ref().count(), 1);
            assert_eq!(all.remainder(), &whole[..end]);
        }
    }

    #[test]
    fn plain_text_alone_is_renumbered() {
        let mut record = [22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0];
        renumber_plaintext(&mut record, 0x0102_0304_0506);
        assert_eq!(record[5..11], [1, 2, 3, 4, 5, 6]);
        record[4] = 1;
        renumber_plaintext(&mut record, 9);
        assert_eq!(record[5..11], [1, 2, 3, 4, 5, 6]);
    }
}
