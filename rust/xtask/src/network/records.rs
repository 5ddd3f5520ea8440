//! Reading the headers of DTLS 1.2 records (RFC 6347, 4.1 and 4.2.2).

use dtls::wire_format;

pub(crate) use dtls::wire_format::content_type::{APPLICATION_DATA, HANDSHAKE};
pub(crate) use dtls::wire_format::handshake_type::{CLIENT_HELLO, HELLO_VERIFY_REQUEST};
pub(crate) use dtls::wire_format::version::{DTLS_1_0, DTLS_1_2};

/// The header of one record, and what can be seen of its contents.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Record {
    /// `ContentType`.
    pub(crate) content_type: u8,
    /// `ProtocolVersion`, as two bytes.
    pub(crate) version: u16,
    /// Number of the cipher state; 0 is not encrypted.
    pub(crate) epoch: u16,
    /// The record's number within its epoch, 48 bits.
    pub(crate) sequence: u64,
    /// Bytes that follow the header.
    pub(crate) length: usize,
    /// `HandshakeType`, while it is not encrypted.
    pub(crate) handshake: Option<u8>,
}

/// The records of a datagram; nothing if it is not made of whole records alone.
pub(crate) fn parse(datagram: &[u8]) -> Option<Vec<Record>> {
    let mut rest = wire_format::records(datagram);
    let mut all = Vec::new();
    for record in rest.by_ref() {
        let header = record.header;
        if !(wire_format::content_type::CHANGE_CIPHER_SPEC..=APPLICATION_DATA)
            .contains(&header.content_type)
            || header.version >> 8 != u16::from(wire_format::version::MAJOR)
        {
            return None;
        }
        all.push(Record {
            content_type: header.content_type,
            version: header.version,
            epoch: header.epoch,
            sequence: header.sequence_number,
            length: header.length,
            handshake: record
                .body
                .first()
                .copied()
                .filter(|_| header.content_type == HANDSHAKE && header.epoch == 0),
        });
    }
    rest.remainder().is_empty().then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_of_two_records_is_read() {
        let mut datagram = vec![22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 5, 0, 2, 3, 9];
        datagram.extend([23, 0xfe, 0xfd, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 22]);
        let records = parse(&datagram).unwrap();
        assert_eq!(
            records[0],
            Record {
                content_type: HANDSHAKE,
                version: DTLS_1_0,
                epoch: 0,
                sequence: 5,
                length: 2,
                handshake: Some(HELLO_VERIFY_REQUEST),
            }
        );
        assert_eq!(records[1].content_type, APPLICATION_DATA);
        assert_eq!(records[1].version, DTLS_1_2);
        assert_eq!(records[1].sequence, 1 << 40);
        assert_eq!(records[1].handshake, None);
    }

    #[test]
    fn what_is_not_dtls_is_refused() {
        let whole = [22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 9];
        assert!(parse(&whole).is_some());
        for end in 1..whole.len() {
            assert_eq!(parse(&whole[..end]), None, "cut after {end} bytes");
        }
        assert_eq!(parse("La risposta è... 42!".as_bytes()), None);
    }
}
