//! The memory between OpenSSL and the network: one datagram in, any number out.

use std::io::{self, Read, Write};
use std::ops::Range;

use crate::record::queue::Queue;
use crate::wire_format::record::set_number;

/// What OpenSSL reads from and writes to in place of a socket. One read is one datagram; what is written is no datagram
/// yet, but records one behind the other.
#[derive(Default)]
pub(crate) struct Wire {
    incoming: Vec<u8>,
    /// The part of `incoming` that OpenSSL is to read as one datagram.
    unread: Range<usize>,
    /// What OpenSSL wrote.
    written: Vec<u8>,
    pub(crate) outgoing: Queue,
}

impl Wire {
    /// Lends a datagram for reading; called again with the same vector it takes it back.
    pub(crate) fn swap_incoming(&mut self, datagram: &mut Vec<u8>, unread: bool) {
        std::mem::swap(&mut self.incoming, datagram);
        self.unread = 0..if unread { self.incoming.len() } else { 0 };
    }

    /// The datagram that was lent.
    pub(crate) fn incoming(&self) -> &[u8] {
        &self.incoming
    }

    /// Lets OpenSSL read this part of the datagram that was lent, as one of its own.
    pub(crate) fn offer(&mut self, part: Range<usize>) {
        self.unread = part;
    }

    /// Numbers the record that begins there in the datagram that was lent, and gives the number it
    /// had; `None` for a record that is sealed, number and all.
    pub(crate) fn number_incoming(&mut self, record: usize, number: u64) -> Option<u64> {
        set_number(self.incoming.get_mut(record..)?, number)
    }

    /// The records that OpenSSL wrote since the last call.
    pub(crate) fn take_written(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.written)
    }

    pub(crate) fn drain_outgoing(&mut self, send: impl FnMut(&[u8])) {
        self.outgoing.drain(send);
    }
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let unread = std::mem::take(&mut self.unread);
        if unread.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // As with a socket, what does not fit is lost: no DTLS record is that large.
        let datagram = &self.incoming[unread];
        let length = datagram.len().min(into.len());
        into[..length].copy_from_slice(&datagram[..length]);
        Ok(length)
    }
}

impl Write for Wire {
    fn write(&mut self, records: &[u8]) -> io::Result<usize> {
        self.written.extend_from_slice(records);
        Ok(records.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
