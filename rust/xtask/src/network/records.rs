//! Reading the headers of DTLS 1.2 records (RFC 6347, 4.1 and 4.2.2).

/// `ProtocolVersion` of DTLS 1.0; also in HelloVerifyRequest, whatever is negotiated.
pub(crate) const DTLS_1_0: u16 = 0xfeff;
/// `ProtocolVersion` of DTLS 1.2.
pub(crate) const DTLS_1_2: u16 = 0xfefd;

/// `ContentType` of handshake messages.
pub(crate) const HANDSHAKE: u8 = 22;
/// `ContentType` of the application's data.
pub(crate) const APPLICATION_DATA: u8 = 23;

/// `HandshakeType` of ClientHello.
pub(crate) const CLIENT_HELLO: u8 = 1;
/// `HandshakeType` of HelloVerifyRequest.
pub(crate) const HELLO_VERIFY_REQUEST: u8 = 3;

const HEADER: usize = 13;

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
    let mut records = Vec::new();
    let mut rest = datagram;
    while !rest.is_empty() {
        let (header, after) = rest.split_at_checked(HEADER)?;
        let number = |range: std::ops::Range<usize>| {
            header[range]
                .iter()
                .fold(0_u64, |value, byte| value << 8 | u64::from(*byte))
        };
        let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
        let (contents, next) = after.split_at_checked(length)?;
        let (content_type, epoch) = (header[0], u16::from_be_bytes([header[3], header[4]]));
        // ChangeCipherSpec, alert, handshake, application data.
        if !(20..=23).contains(&content_type) || header[1] != 0xfe {
            return None;
        }
        records.push(Record {
            content_type,
            version: u16::from_be_bytes([header[1], header[2]]),
            epoch,
            sequence: number(5..11),
            length,
            handshake: contents
                .first()
                .copied()
                .filter(|_| content_type == HANDSHAKE && epoch == 0),
        });
        rest = next;
    }
    Some(records)
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
