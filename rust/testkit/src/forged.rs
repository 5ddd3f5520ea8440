//! Records and handshake messages in plain text, as tests forge them (RFC 6347 sections 4.1 and 4.2.2).
//!
//! `dtls::wire_format` reads them; this crate is below `dtls` and only writes.

const RECORD_HEADER: usize = 13;
const MESSAGE_HEADER: usize = 12;

/// A record of epoch 0.
///
/// # Panics
/// If the body has more than 65,535 bytes.
pub fn plain_record(content_type: u8, number: u64, body: &[u8]) -> Vec<u8> {
    let mut record = vec![content_type, 254, 253, 0, 0];
    record.extend(&number.to_be_bytes()[2..]);
    record.extend(length_of(2, body));
    record.extend(body);
    record
}

/// A handshake message of that length, or the fragment of it that begins at `offset`.
pub fn handshake_message(
    kind: u8,
    length: usize,
    number: u16,
    offset: usize,
    fragment: &[u8],
) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend(&length.to_be_bytes()[size_of::<usize>() - 3..]);
    message.extend(number.to_be_bytes());
    message.extend(&offset.to_be_bytes()[size_of::<usize>() - 3..]);
    message.extend(length_of(3, fragment));
    message.extend(fragment);
    message
}

/// Cuts a datagram that holds one whole message into datagrams with at most `size` bytes of it each. Their records have
/// the datagram's version, and its number and those after it.
///
/// # Panics
/// If the datagram is shorter than the two headers, or `size` is 0.
pub fn cut(datagram: &[u8], size: usize) -> Vec<Vec<u8>> {
    let number = record_number(datagram);
    cut_with_numbers(datagram, size, number..)
}

/// As [`cut`], with these record numbers.
///
/// # Panics
/// As [`cut`].
pub fn cut_with_numbers(
    datagram: &[u8],
    size: usize,
    numbers: impl IntoIterator<Item = u64>,
) -> Vec<Vec<u8>> {
    let (record_header, message) = datagram.split_at(RECORD_HEADER);
    let (header, body) = message.split_at(MESSAGE_HEADER);
    let message_number = u16::from_be_bytes([header[4], header[5]]);
    let message = |(at, fragment)| {
        handshake_message(header[0], body.len(), message_number, at * size, fragment)
    };
    let fragments = body.chunks(size).enumerate().map(message);
    let numbered = numbers.into_iter().zip(fragments);
    numbered
        .map(|(number, fragment)| {
            let mut record = plain_record(record_header[0], number, &fragment);
            record[1..3].copy_from_slice(&record_header[1..3]);
            record
        })
        .collect()
}

/// The number of the datagram's first record, without its epoch.
///
/// # Panics
/// If the datagram is shorter than a record's header.
pub fn record_number(datagram: &[u8]) -> u64 {
    let bytes = datagram[5..11].iter();
    bytes.fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

/// The length of the content in so many bytes.
fn length_of(bytes: usize, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let (too_much, length) = length.split_at(length.len() - bytes);
    assert!(too_much.iter().all(|byte| *byte == 0), "the length fits");
    length.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_have_their_places_and_join_to_the_message() {
        let body: Vec<u8> = (0..250).collect();
        let whole = plain_record(22, 7, &handshake_message(1, body.len(), 3, 0, &body));
        let pieces = cut(&whole, 100);
        let lengths: Vec<usize> = pieces.iter().map(|piece| piece.len() - 25).collect();
        assert_eq!(lengths, [100, 100, 50]);
        let mut joined: Vec<u8> = Vec::new();
        for (number, piece) in (7..).zip(&pieces) {
            assert_eq!(record_number(piece), number);
            assert_eq!(piece[13..19], whole[13..19], "kind, length and number");
            assert_eq!(piece[19..22], [0, 0, joined.len() as u8]);
            joined.extend(&piece[25..]);
        }
        assert_eq!(joined, body);
        assert_eq!(cut(&whole, 250), [whole]);
    }

    #[test]
    fn fragments_can_have_the_number_of_the_whole() {
        let whole = plain_record(22, 1 << 40, &handshake_message(1, 20, 0, 0, &[7; 20]));
        let numbers = std::iter::repeat(record_number(&whole));
        let pieces = cut_with_numbers(&whole, 8, numbers);
        assert_eq!(pieces.len(), 3);
        assert!(pieces.iter().all(|piece| record_number(piece) == 1 << 40));
    }
}
