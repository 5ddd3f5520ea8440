//! What OpenSSL reads and writes in place of a socket.

use std::io::{self, Read, Write};

use crate::wire_format::renumber_plaintext;

/// Memory that stands for a socket: one record in, any number of records out.
#[derive(Default)]
pub(crate) struct MemoryBio {
    /// The record that the next read returns; empty if there is none.
    incoming: Vec<u8>,
    /// The records that OpenSSL wrote, one after the other. It writes 4 KB at a time, so a write may end within a record.
    written: Vec<u8>,
}

impl MemoryBio {
    /// Makes the next read return this record, as a datagram of its own.
    pub(crate) fn offer(&mut self, record: &[u8]) {
        self.incoming = record.to_vec();
    }

    /// The same, with another sequence number. A sealed record keeps its own.
    pub(crate) fn offer_renumbered(&mut self, record: &[u8], sequence_number: u64) {
        self.offer(record);
        renumber_plaintext(&mut self.incoming, sequence_number);
    }

    /// The records that OpenSSL wrote since the last call.
    pub(crate) fn take_written(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.written)
    }
}

impl Read for MemoryBio {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let record = std::mem::take(&mut self.incoming);
        if record.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // As with a socket, what does not fit is lost. No record of DTLS is larger than OpenSSL's buffer.
        let length = record.len().min(into.len());
        into[..length].copy_from_slice(&record[..length]);
        Ok(length)
    }
}

impl Write for MemoryBio {
    fn write(&mut self, records: &[u8]) -> io::Result<usize> {
        self.written.extend_from_slice(records);
        Ok(records.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
