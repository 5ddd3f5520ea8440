//! A server's last flight, sent again to a client that did not get it (RFC 6347 section 4.2.4).

use crate::record::protection::{SealError, Sealer};
use crate::wire_format::{RecordHeader, content_type, version};

/// ChangeCipherSpec and Finished.
pub(crate) struct LastFlight {
    /// The number of the next record of epoch 0.
    next_number: u64,
    finished: Box<[u8]>,
}

impl LastFlight {
    /// `finished` is the Finished message with its header, `next_number` that of the next record of epoch 0.
    pub(crate) fn new(finished: &[u8], next_number: u64) -> Self {
        Self {
            next_number,
            finished: finished.into(),
        }
    }

    /// The flight as one datagram. Each has new record numbers, and so a new seal: the client takes none for a replay.
    pub(crate) fn next(&mut self, sealer: &mut Sealer) -> Result<Vec<u8>, SealError> {
        let header = RecordHeader {
            content_type: content_type::CHANGE_CIPHER_SPEC,
            version: version::DTLS_1_2,
            epoch: 0,
            sequence_number: self.next_number,
            length: 1,
        };
        self.next_number += 1;
        let mut datagram = header.to_bytes().to_vec();
        datagram.push(1);
        sealer.seal(content_type::HANDSHAKE, &self.finished, &mut datagram)?;
        Ok(datagram)
    }
}
