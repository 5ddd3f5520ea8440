//! Handshake messages and their fragments (RFC 6347 sections 4.2.2 and 4.2.3).

use super::Reader;

/// The header of a handshake message, or of a fragment of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentHeader {
    /// See [`handshake_type`](super::handshake_type).
    pub message_type: u8,
    /// Bytes of the whole message, of 24 bits.
    pub message_length: usize,
    /// The message's place in the handshake.
    pub message_seq: u16,
    /// Where in the message the fragment begins, of 24 bits.
    pub offset: usize,
    /// Bytes of the fragment, of 24 bits.
    pub length: usize,
}

impl FragmentHeader {
    /// Bytes of a header.
    pub const BYTES: usize = 12;

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            message_type: reader.number(1)? as u8,
            message_length: reader.number(3)?,
            message_seq: reader.number(2)? as u16,
            offset: reader.number(3)?,
            length: reader.number(3)?,
        })
    }

    /// The header on the wire. Of the lengths and the offset, the low 24 bits.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0] = self.message_type;
        bytes[1..4].copy_from_slice(&(self.message_length as u32).to_be_bytes()[1..]);
        bytes[4..6].copy_from_slice(&self.message_seq.to_be_bytes());
        bytes[6..9].copy_from_slice(&(self.offset as u32).to_be_bytes()[1..]);
        bytes[9..].copy_from_slice(&(self.length as u32).to_be_bytes()[1..]);
        bytes
    }
}

/// A handshake message, or a fragment of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Its header.
    pub header: FragmentHeader,
    /// What follows the header: `header.length` bytes.
    pub body: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// Reads one fragment; `None` for one that is cut short. It may reach beyond its message: see
    /// [`is_within_message`](Self::is_within_message).
    pub fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let header = FragmentHeader::read(reader)?;
        let body = reader.take(header.length)?;
        Some(Self { header, body })
    }

    /// Whether the fragment ends within its message, and is empty only if the message is.
    pub fn is_within_message(&self) -> bool {
        self.header.offset + self.header.length <= self.header.message_length
            && self.body.is_empty() == (self.header.message_length == 0)
    }

    /// Whether this is the whole message.
    pub fn is_whole(&self) -> bool {
        self.header.length == self.header.message_length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire_format::handshake_type::CERTIFICATE;

    #[test]
    fn a_fragment_is_read_and_written() {
        let header = FragmentHeader {
            message_type: CERTIFICATE,
            message_length: 0x01_02_03,
            message_seq: 0x0405,
            offset: 0x0607,
            length: 2,
        };
        let bytes = [&header.to_bytes()[..], &[8, 9, 10]].concat();
        assert_eq!(bytes[..12], [11, 1, 2, 3, 4, 5, 0, 6, 7, 0, 0, 2]);
        let mut reader = Reader::new(&bytes);
        let fragment = Fragment::read(&mut reader).unwrap();
        assert_eq!((fragment.header, fragment.body), (header, &[8, 9][..]));
        assert!(fragment.is_within_message() && !fragment.is_whole());
        assert_eq!(reader.rest(), [10]);
        assert_eq!(Fragment::read(&mut Reader::new(&bytes[..13])), None);
    }

    #[test]
    fn a_fragment_beyond_its_message_and_an_empty_one_of_a_message_are_not_within_it() {
        let is_within = |message_length, offset, length| {
            let header = FragmentHeader {
                message_type: CERTIFICATE,
                message_length,
                message_seq: 0,
                offset,
                length,
            };
            let body = &[0; 10][..length];
            Fragment { header, body }.is_within_message()
        };
        assert!(is_within(10, 0, 10) && is_within(10, 9, 1) && is_within(0, 0, 0));
        assert!(!is_within(10, 1, 10) && !is_within(10, 5, 0) && !is_within(0, 0, 1));
    }
}
