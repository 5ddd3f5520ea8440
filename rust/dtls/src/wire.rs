//! The memory between OpenSSL and the network: one datagram in, any number out.

use std::io::{self, Read, Write};
use std::ops::Range;

use crate::protection::Count;
use crate::queue::Queue;
use crate::records::{self, big_endian, set_number, shift_numbers};

/// What OpenSSL reads from and writes to in place of a socket. One read is one datagram, one write
/// is one datagram.
#[derive(Default)]
pub(crate) struct Wire {
    incoming: Vec<u8>,
    /// The part of `incoming` that OpenSSL is to read as one datagram.
    unread: Range<usize>,
    pub(crate) outgoing: Queue,
    /// The last record that OpenSSL sealed.
    pub(crate) sealed: Option<Count>,
    /// What was sent last and waits for an answer.
    flight: Queue,
    recording: Recording,
    /// What is added to the numbers of outgoing records of epoch 0.
    shift: u64,
}

/// Whether outgoing datagrams are remembered as a flight.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Recording {
    #[default]
    Off,
    /// The next datagram is the first of a new flight.
    Begin,
    On,
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

    /// Numbers a server's first record as the hello that it answers (RFC 6347 section 4.2.1), of
    /// which OpenSSL takes the number to be 1. Otherwise the client, if it had to send its hello
    /// more than once, takes the record for a replay of the HelloVerifyRequest.
    pub(crate) fn number_from(&mut self, hello: u64) {
        self.shift = hello.wrapping_sub(1);
    }

    /// Begins anew, with records of epoch 0 numbered from `first`.
    pub(crate) fn begin_anew(&mut self, first: u64) {
        self.flight.clear();
        self.sealed = None;
        self.shift = first;
    }

    /// What is written next is the beginning of a flight that takes the last one's place.
    pub(crate) fn begin_flight(&mut self) {
        self.recording = Recording::Begin;
    }

    /// How many datagrams were written since [`begin_flight`](Self::begin_flight).
    pub(crate) fn begun_flight(&self) -> usize {
        match self.recording {
            Recording::On => self.flight.len(),
            Recording::Off | Recording::Begin => 0,
        }
    }

    /// No flight waits for an answer from now on.
    pub(crate) fn end_flights(&mut self) {
        self.recording = Recording::Off;
        self.flight.clear();
    }

    /// Ends them as [`end_flights`](Self::end_flights) does; gives the flight that was begun last, if anything was
    /// written since.
    pub(crate) fn take_flight(&mut self) -> Queue {
        let begun = match self.recording {
            Recording::On => std::mem::take(&mut self.flight),
            Recording::Off | Recording::Begin => Queue::default(),
        };
        self.end_flights();
        begun
    }

    /// Sends the last flight once more as it is, so that whoever has received it drops it as a replay
    /// (RFC 6347 section 4.1.2.6).
    pub(crate) fn repeat_flight(&mut self) {
        for datagram in self.flight.iter() {
            self.outgoing.push(datagram);
        }
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
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        let written = self.outgoing.push(datagram);
        if self.shift != 0 {
            shift_numbers(written, self.shift);
        }
        if self.recording == Recording::Begin {
            self.flight.clear();
            self.recording = Recording::On;
        }
        if self.recording == Recording::On {
            self.flight.push(written);
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
