//! What one side sends before it waits for an answer (RFC 6347 section 4.2.4).
//!
//! A flight keeps its pieces: whatever is sent again has the same fragments of messages in the same datagrams, with new
//! record numbers (section 4.2.2). There are receivers that join fragments only where one begins at the very byte at
//! which another ends, or that take a datagram for a copy of another whose first fragment begins at the same place; these
//! would never complete a message of which they have parts from two ways to cut it. So a flight of more than one datagram
//! has datagrams from the start that cross every path. One of a single datagram, of which a receiver has all or nothing,
//! is cut when it is not answered (section 4.1.1.1).

use std::convert::Infallible;

use crate::record::protection::{SealError, Sealer};
use crate::record::queue::Queue;
use crate::wire_format::record::{
    CHANGE_CIPHER_SPEC, DTLS_1_2, HANDSHAKE, HEADER, Header, big_endian,
};

/// Bytes of a handshake message's or fragment's header (RFC 6347 section 4.2.2).
const MESSAGE_HEADER: usize = 12;
/// The least that a fragment takes of its message, but the last: less is not worth its headers.
const SHORTEST_FRAGMENT: usize = 32;
/// A hello is not cut for less than [`SMALLEST_PATH`]: a server without state reads it from one datagram.
const CLIENT_HELLO: u8 = 1;
/// Bytes of UDP payload that every path carries: the 576 of any IPv4 host (RFC 1122 section 3.3.2) less 28 of headers.
const SMALLEST_PATH: usize = 548;

/// What the pieces of a flight must keep to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The largest datagram, in bytes of UDP payload.
    pub(crate) datagram: usize,
    /// The largest record, in bytes of its plain text.
    pub(crate) record: usize,
    /// By how much sealing makes a record longer.
    pub(crate) overhead: usize,
}

impl Limits {
    /// The same for datagrams that cross every path.
    pub(crate) fn of_every_path(self) -> Self {
        Self {
            datagram: self.datagram.min(SMALLEST_PATH),
            ..self
        }
    }
}

/// Records, in the order and in the datagrams in which they are sent.
#[derive(Default)]
pub(crate) struct Flight {
    /// The plain text of all pieces, one behind the other.
    content: Vec<u8>,
    pieces: Vec<Piece>,
    /// The number that the first record of epoch 0 was sent with last.
    first_number: u64,
    /// The record of epoch 1 as it was sent last.
    sealed: Vec<u8>,
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    content_type: u8,
    version: u16,
    /// Whether the record is of epoch 1: that of the Finished message.
    is_sealed: bool,
    begins_datagram: bool,
    length: usize,
}

impl Flight {
    /// Adds a record, in plain text, to a flight that is not cut yet. Of epoch 1 there can be one.
    pub(crate) fn push(&mut self, header: &Header, plain: &[u8]) {
        self.add(
            Piece {
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
        self.pieces.is_empty()
    }

    /// The Finished message, header included, if the flight has it.
    pub(crate) fn finished(&self) -> Option<&[u8]> {
        let mut all = self.iter();
        all.find_map(|(piece, plain)| piece.is_sealed.then_some(plain))
    }

    /// Whether more than one datagram is sent.
    pub(crate) fn has_several_datagrams(&self) -> bool {
        self.pieces.iter().filter(|it| it.begins_datagram).count() > 1
    }

    /// The same messages in as few datagrams as the limits allow, to be numbered next.
    pub(crate) fn cut(&self, limits: &Limits) -> Self {
        let mut cut = Self::default();
        let mut room = 0;
        for (piece, plain) in self.iter() {
            match plain.split_first_chunk::<MESSAGE_HEADER>() {
                Some((message, body)) if piece.content_type == HANDSHAKE && !piece.is_sealed => {
                    cut.cut_message(piece, message, body, limits, &mut room);
                }
                _ => {
                    let overhead = if piece.is_sealed { limits.overhead } else { 0 };
                    let size = HEADER + plain.len() + overhead;
                    let begins_datagram = size > room;
                    if begins_datagram {
                        room = limits.datagram;
                    }
                    room = room.saturating_sub(size);
                    let piece = Piece {
                        begins_datagram,
                        ..piece
                    };
                    cut.add(piece, &[plain]);
                }
            }
        }
        // It is kept for as long as the other side is silent.
        cut.content.shrink_to_fit();
        cut.pieces.shrink_to_fit();
        cut
    }

    fn cut_message(
        &mut self,
        piece: Piece,
        message: &[u8; MESSAGE_HEADER],
        body: &[u8],
        limits: &Limits,
        room: &mut usize,
    ) {
        let offset = big_endian(&message[6..9]) as usize;
        let headers = HEADER + MESSAGE_HEADER;
        let datagram = match message[0] {
            CLIENT_HELLO => limits.datagram.max(SMALLEST_PATH),
            _ => limits.datagram,
        };
        let longest = limits.record.saturating_sub(MESSAGE_HEADER).max(1);
        let mut at = 0;
        loop {
            let rest = body.len() - at;
            let fits = |room: usize| room.saturating_sub(headers).min(longest);
            let begins_datagram =
                *room < headers || fits(*room) < rest.min(SHORTEST_FRAGMENT).min(longest);
            if begins_datagram {
                *room = datagram;
            }
            let taken = rest.min(fits(*room).max(1));
            let mut header = *message;
            header[6..9].copy_from_slice(&((offset + at) as u32).to_be_bytes()[1..]);
            header[9..12].copy_from_slice(&(taken as u32).to_be_bytes()[1..]);
            let fragment = Piece {
                begins_datagram,
                length: MESSAGE_HEADER + taken,
                ..piece
            };
            self.add(fragment, &[&header, &body[at..at + taken]]);
            *room = room.saturating_sub(headers + taken);
            at += taken;
            if at == body.len() {
                return;
            }
        }
    }

    /// Gives every record a number that no record had before, and seals what is to be sealed.
    pub(crate) fn number(
        &mut self,
        next_number: &mut u64,
        sealer: Option<&mut Sealer>,
    ) -> Result<(), SealError> {
        self.first_number = *next_number;
        *next_number += self.pieces.iter().filter(|it| !it.is_sealed).count() as u64;
        let mut sealed = std::mem::take(&mut self.sealed);
        sealed.clear();
        if let (Some(finished), Some(sealer)) = (self.finished(), sealer) {
            sealer.seal(HANDSHAKE, finished, &mut sealed)?;
        }
        self.sealed = sealed;
        Ok(())
    }

    /// Appends the flight's datagrams, with the numbers and the seal of the last call of [`number`](Self::number).
    pub(crate) fn write(&self, into: &mut Queue) {
        let mut number = self.first_number;
        let mut all = self.iter().peekable();
        while all.peek().is_some() {
            let written = into.push_with::<Infallible>(|datagram| {
                let mut is_first = true;
                while let Some((piece, plain)) =
                    all.next_if(|(piece, _)| is_first || !piece.begins_datagram)
                {
                    is_first = false;
                    if piece.is_sealed {
                        datagram.extend_from_slice(&self.sealed);
                        continue;
                    }
                    let header = Header {
                        content_type: piece.content_type,
                        version: piece.version,
                        epoch: 0,
                        number,
                        length: plain.len(),
                    };
                    number += 1;
                    datagram.extend_from_slice(&header.to_bytes());
                    datagram.extend_from_slice(plain);
                }
                Ok(())
            });
            let Ok(()) = written;
        }
    }

    fn add(&mut self, piece: Piece, plain: &[&[u8]]) {
        self.pieces.push(piece);
        for part in plain {
            self.content.extend_from_slice(part);
        }
    }

    fn iter(&self) -> impl Iterator<Item = (Piece, &[u8])> {
        let mut rest = self.content.as_slice();
        self.pieces.iter().map(move |piece| {
            let (plain, next) = rest.split_at(piece.length);
            rest = next;
            (*piece, plain)
        })
    }
}

/// A server's last flight, ChangeCipherSpec and Finished, kept for a client that did not get it (RFC 6347 section 4.2.4).
pub(crate) struct LastFlight {
    next_number: u64,
    finished: Box<[u8]>,
}

impl LastFlight {
    /// `next_number` is that of the next record of epoch 0.
    pub(crate) fn new(flight: &Flight, next_number: u64) -> Option<Self> {
        Some(Self {
            next_number,
            finished: flight.finished()?.into(),
        })
    }

    /// Its one datagram. Each has new record numbers and so a new seal: whatever the client has received since, it takes
    /// none of them for a replay.
    pub(crate) fn next(&mut self, sealer: &mut Sealer) -> Result<Vec<u8>, SealError> {
        let header = Header {
            content_type: CHANGE_CIPHER_SPEC,
            version: DTLS_1_2,
            epoch: 0,
            number: self.next_number,
            length: 1,
        };
        self.next_number += 1;
        let mut datagram = header.to_bytes().to_vec();
        datagram.push(1);
        sealer.seal(HANDSHAKE, &self.finished, &mut datagram)?;
        Ok(datagram)
    }
}
