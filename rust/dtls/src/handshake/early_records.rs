//! Sealed records that arrive before the keys to open them.

use crate::record::queue::Queue;

/// A bounded store of sealed records, in order of arrival.
///
/// OpenSSL would keep up to 16 of them, and before 4.0.2 up to 100 in a buffer of 16 KB each (CVE-2026-54874); anyone who
/// guesses the two addresses can make it do so. Here they share a few kilobytes, and a record that does not fit is lost
/// as if on the network.
pub(crate) struct EarlyRecords {
    records: Queue,
    max_bytes: usize,
    longest: usize,
}

/// Bytes of records kept during a client's handshake: a server may send packets as soon as it is connected.
const CLIENT_BYTES: usize = 8192;
/// Bytes of records kept during a server's. Before a client has the server's Finished, it sends nothing sealed but its
/// own, in a record of 53 or 61 bytes.
const SERVER_BYTES: usize = 1024;
const LONGEST_FINISHED: usize = 128;

impl EarlyRecords {
    /// For a client's handshake.
    pub(crate) fn for_client() -> Self {
        Self {
            records: Queue::default(),
            max_bytes: CLIENT_BYTES,
            longest: CLIENT_BYTES,
        }
    }

    /// For a server's handshake.
    pub(crate) fn for_server() -> Self {
        Self {
            records: Queue::default(),
            max_bytes: SERVER_BYTES,
            longest: LONGEST_FINISHED,
        }
    }

    /// Keeps a record, header included; returns whether it fits.
    pub(crate) fn push(&mut self, record: &[u8]) -> bool {
        let fits =
            record.len() <= self.longest && self.records.bytes() + record.len() <= self.max_bytes;
        if fits {
            self.records.push(record);
        }
        fits
    }

    /// Takes all records, oldest first.
    pub(crate) fn take(&mut self) -> Queue {
        std::mem::take(&mut self.records)
    }
}
