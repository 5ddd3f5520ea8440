//! Records that overtook the handshake.

use crate::record::queue::Queue;

/// Sealed records that arrived before there were keys to open them.
///
/// OpenSSL would keep up to 16 of them, and before 4.0.2 up to 100 in a buffer of 16 KB each (CVE-2026-54874); anyone who
/// guesses the two addresses can make it do so. Here they share a few kilobytes; what does not fit is lost, as on any
/// network.
pub(crate) struct Early {
    records: Queue,
    most_bytes: usize,
    longest: usize,
}

/// How many bytes of sealed records wait during a client's handshake: a server sends packets as soon as it is done.
const CLIENTS_BYTES: usize = 8192;
/// And during a server's. A client sends nothing but its Finished message, in a record of 53 or 61 bytes, before it has
/// the server's.
const SERVERS_BYTES: usize = 1024;
const LONGEST_FINISHED: usize = 128;

impl Early {
    pub(crate) fn of_client() -> Self {
        Self {
            records: Queue::default(),
            most_bytes: CLIENTS_BYTES,
            longest: CLIENTS_BYTES,
        }
    }

    pub(crate) fn of_server() -> Self {
        Self {
            records: Queue::default(),
            most_bytes: SERVERS_BYTES,
            longest: LONGEST_FINISHED,
        }
    }

    pub(crate) fn push(&mut self, record: &[u8]) {
        if record.len() <= self.longest && self.records.bytes() + record.len() <= self.most_bytes {
            self.records.push(record);
        }
    }

    /// All that waited, in order of arrival.
    pub(crate) fn take(&mut self) -> Queue {
        std::mem::take(&mut self.records)
    }
}
