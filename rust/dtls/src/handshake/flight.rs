//! The messages that one side sends before it waits for an answer (RFC 6347 section 4.2.4), cut into datagrams.
//!
//! A flight that is sent again has the same fragments in the same datagrams, with new record numbers (section 4.2.2).
//! Some receivers join fragments only where one begins at the byte at which another ends, or take a datagram for a copy
//! of another whose first fragment begins at the same place: from fragments of two different cuts they never complete a
//! message. So a flight of more than one datagram has from the start datagrams that fit every path. A flight of one
//! datagram, of which a receiver has all or nothing, is cut smaller when it is not answered (section 4.1.1.1).

use std::convert::Infallible;

use crate::record::protection::{SealError, Sealer};
use crate::record::queue::Queue;
use crate::wire_format::{
    Fragment, FragmentHeader, Reader, RecordHeader, content_type, handshake_type,
};

/// The least that a fragment, except the last, has of its message: less is not worth its headers.
const SHORTEST_FRAGMENT: usize = 32;
/// Bytes of UDP payload that every path carries: the 576 of any IPv4 host (RFC 1122 section 3.3.2) less 28 of headers.
const SMALLEST_PATH: usize = 548;

/// The sizes that a flight keeps to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The largest datagram, in bytes of UDP payload.
    pub(crate) datagram: usize,
    /// The largest record, in bytes of its plain text.
    pub(crate) record: usize,
    /// By how many bytes a sealed record is longer than its plain text.
    pub(crate) overhead: usize,
}

impl Limits {
    /// The same, with datagrams that fit every path.
    pub(crate) fn for_every_path(self) -> Self {
        Self {
            datagram: self.datagram.min(SMALLEST_PATH),
            ..self
        }
    }
}

/// Records, in the order and in the datagrams in which they are sent.
#[derive(Default)]
pub(crate) struct Flight {
    /// The plain text of all records, one after the other.
    content: Vec<u8>,
    records: Vec<FlightRecord>,
    /// The number of the first record of epoch 0, when the flight was sent last.
    first_number: u64,
    /// The record of epoch 1, when the flight was sent last.
    sealed: Vec<u8>,
}

/// A record of a flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FlightRecord {
    content_type: u8,
    version: u16,
    /// Whether the record is of epoch 1: that of the Finished message.
    is_sealed: bool,
    begins_datagram: bool,
    length: usize,
}

impl Flight {
    /// Adds a record, in plain text, to a flight that is not cut yet. At most one of them is of epoch 1.
    pub(crate) fn push(&mut self, header: &RecordHeader, plain: &[u8]) {
        self.add(
            FlightRecord {
                content_type: header.content_type,
                version: header.version,
                is_sealed: header.epoch > 0,
                begins_datagram: true,
                length: plain.len(),
            },
            &[plain],
        );
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The Finished message, header included, if the flight has it.
    pub(crate) fn finished(&self) -> Option<&[u8]> {
        let mut all = self.iter();
        all.find_map(|(record, plain)| record.is_sealed.then_some(plain))
    }

    /// How many datagrams the flight has.
    pub(crate) fn datagram_count(&self) -> usize {
        let records = self.records.iter();
        records.filter(|record| record.begins_datagram).count()
    }

    /// The same messages in as few datagrams as the limits allow. They have no record numbers yet.
    pub(crate) fn cut(&self, limits: &Limits) -> Self {
        let mut cut = Self::default();
        let mut room = 0;
        for (record, plain) in self.iter() {
            let message = match record.content_type {
                content_type::HANDSHAKE if !record.is_sealed => {
                    Fragment::read(&mut Reader::new(plain))
                }
                _ => None,
            };
            match message {
                Some(message) => cut.cut_message(record, &message, limits, &mut room),
                None => cut.cut_whole(record, plain, limits, &mut room),
            }
        }
        // The flight is kept until the other side answers.
        cut.content.shrink_to_fit();
        cut.records.shrink_to_fit();
        cut
    }

    /// Adds a record that cannot be fragmented. `room` is what is left of the last datagram, in bytes.
    fn cut_whole(&mut self, record: FlightRecord, plain: &[u8], limits: &Limits, room: &mut usize) {
        let overhead = if record.is_sealed { limits.overhead } else { 0 };
        let size = RecordHeader::BYTES + plain.len() + overhead;
        let begins_datagram = size > *room;
        if begins_datagram {
            *room = limits.datagram;
        }
        *room = room.saturating_sub(size);
        self.add(
            FlightRecord {
                begins_datagram,
                ..record
            },
            &[plain],
        );
    }

    /// Adds a handshake message in as many fragments as it takes.
    fn cut_message(
        &mut self,
        record: FlightRecord,
        message: &Fragment<'_>,
        limits: &Limits,
        room: &mut usize,
    ) {
        let headers = RecordHeader::BYTES + FragmentHeader::BYTES;
        let datagram = match message.header.message_type {
            // A server without state reads it from one datagram.
            handshake_type::CLIENT_HELLO => limits.datagram.max(SMALLEST_PATH),
            _ => limits.datagram,
        };
        let longest = limits.record.saturating_sub(FragmentHeader::BYTES).max(1);
        let body = message.body;
        let mut at = 0;
        loop {
            let rest = body.len() - at;
            let fits = |room: usize| room.saturating_sub(headers).min(longest);
            let begins_datagram =
                *room < headers || fits(*room) < rest.min(SHORTEST_FRAGMENT).min(longest);
            if begins_datagram {
                *room = datagram;
            }
            let length = rest.min(fits(*room).max(1));
            let header = FragmentHeader {
                offset: message.header.offset + at,
                length,
                ..message.header
            };
            let fragment = FlightRecord {
                begins_datagram,
                length: FragmentHeader::BYTES + length,
                ..record
            };
            self.add(fragment, &[&header.to_bytes(), &body[at..at + length]]);
            *room = room.saturating_sub(headers + length);
            at += length;
            if at == body.len() {
                return;
            }
        }
    }

    /// Gives every record a number that no record had before, and seals the Finished message anew.
    pub(crate) fn number(
        &mut self,
        next_number: &mut u64,
        sealer: Option<&mut Sealer>,
    ) -> Result<(), SealError> {
        self.first_number = *next_number;
        *next_number += self.records.iter().filter(|it| !it.is_sealed).count() as u64;
        let mut sealed = std::mem::take(&mut self.sealed);
        sealed.clear();
        if let (Some(finished), Some(sealer)) = (self.finished(), sealer) {
            sealer.seal(content_type::HANDSHAKE, finished, &mut sealed)?;
        }
        self.sealed = sealed;
        Ok(())
    }

    /// Appends the flight's datagrams, with the record numbers and the seal of the last [`number`](Self::number).
    pub(crate) fn write(&self, into: &mut Queue) {
        let mut sequence_number = self.first_number;
        let mut all = self.iter().peekable();
        while all.peek().is_some() {
            let written = into.push_with::<Infallible>(|datagram| {
                let mut is_first = true;
                while let Some((record, plain)) =
                    all.next_if(|(record, _)| is_first || !record.begins_datagram)
                {
                    is_first = false;
                    if record.is_sealed {
                        datagram.extend_from_slice(&self.sealed);
                        continue;
                    }
                    let header = RecordHeader {
                        content_type: record.content_type,
                        version: record.version,
                        epoch: 0,
                        sequence_number,
                        length: plain.len(),
                    };
                    sequence_number += 1;
                    datagram.extend_from_slice(&header.to_bytes());
                    datagram.extend_from_slice(plain);
                }
                Ok(())
            });
            let Ok(()) = written;
        }
    }

    fn add(&mut self, record: FlightRecord, plain: &[&[u8]]) {
        self.records.push(record);
        for part in plain {
            self.content.extend_from_slice(part);
        }
    }

    fn iter(&self) -> impl Iterator<Item = (FlightRecord, &[u8])> {
        let mut rest = self.content.as_slice();
        self.records.iter().map(move |record| {
            let (plain, next) = rest.split_at(record.length);
            rest = next;
            (*record, plain)
        })
    }
}
