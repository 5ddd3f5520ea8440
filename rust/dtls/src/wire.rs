//! The memory between OpenSSL and the network: one datagram in, any number out.

use std::io::{self, Read, Write};

use crate::outgoing::Outgoing;
use crate::protection::Count;
use crate::records::{self, big_endian, shift_numbers};

/// What OpenSSL reads from and writes to in place of a socket. One read is one datagram, one write
/// is one datagram.
#[derive(Default)]
pub(crate) struct Wire {
    incoming: Vec<u8>,
    unread: bool,
    pub(crate) outgoing: Outgoing,
    /// The last record that OpenSSL sealed.
    pub(crate) sealed: Option<Count>,
    /// What is added to the numbers of outgoing records of epoch 0.
    shift: u64,
}

impl Wire {
    /// Lends a datagram for reading; called again with the same vector it takes it back.
    pub(crate) fn swap_incoming(&mut self, datagram: &mut Vec<u8>, unread: bool) {
        std::mem::swap(&mut self.incoming, datagram);
        self.unread = unread;
    }

    /// Numbers a server's first record as the hello that it answers (RFC 6347 section 4.2.1), of
    /// which OpenSSL takes the number to be 1. Otherwise the client, if it had to send its hello
    /// more than once, takes the record for a replay of the HelloVerifyRequest.
    pub(crate) fn number_from(&mut self, hello: u64) {
        self.shift = hello.wrapping_sub(1);
    }
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !std::mem::take(&mut self.unread) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // As with a socket, what does not fit is lost: no DTLS record is that large.
        let length = self.incoming.len().min(into.len());
        into[..length].copy_from_slice(&self.incoming[..length]);
        Ok(length)
    }
}

impl Write for Wire {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        let written = self.outgoing.push(datagram);
        if self.shift != 0 {
            shift_numbers(written, self.shift);
        }
        for (header, content) in records::iter(datagram).filter(|(it, _)| it.epoch > 0) {
            self.sealed = Some(Count {
                number: header.number,
                explicit_nonce: big_endian(content.get(..8).unwrap_or_default()),
            });
        }
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
