//! What one side of a handshake sends: OpenSSL's messages, in records and datagrams that are made here.
//!
//! OpenSSL fragments a flight that it sends again at other places than the first time, and numbers its sealed records
//! itself. So only the messages are taken from what it writes. They are cut, numbered and, with the negotiated keys,
//! sealed here. Nothing that OpenSSL sealed is sent, so no nonce is used by both.

use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::ssl::SslRef;

use crate::handshake::flight::{Flight, Limits};
use crate::handshake::openssl_handshake::OpenSslHandshake;
use crate::record::key_block::{KeyBlock, Sender};
use crate::record::last_flight::LastFlight;
use crate::record::protection::{Opener, SealError, Sealer};
use crate::record::queue::Queue;
use crate::wire_format::{Fragment, MAX_PLAINTEXT, Reader, RecordHeader, content_type, records};

/// What one side of a handshake sends.
pub(crate) struct Outbound {
    /// The number of the next record of epoch 0.
    next_number: u64,
    /// The `message_seq` of the next message; OpenSSL wrote those before it already.
    next_message: u16,
    has_changed_cipher: bool,
    has_finished: bool,
    limits: Limits,
    flight: Flight,
    sealing: Option<Box<Sealing>>,
}

/// The keys of epoch 1.
struct Sealing {
    keys: Arc<KeyBlock>,
    sealer: Sealer,
}

/// The keys of a finished handshake, and what its side may have to send again.
pub(crate) struct SealedSide {
    pub(crate) keys: Arc<KeyBlock>,
    pub(crate) sealer: Sealer,
    /// Of a server.
    pub(crate) last_flight: Option<LastFlight>,
    /// The largest plain text of a record that was negotiated, in bytes.
    pub(crate) max_plaintext: usize,
}

impl Outbound {
    /// Records of epoch 0 are numbered from `first_number` on. `max_datagram` is in bytes of UDP payload.
    pub(crate) fn new(first_number: u64, max_datagram: usize) -> Self {
        Self {
            next_number: first_number,
            next_message: 0,
            has_changed_cipher: false,
            has_finished: false,
            limits: Limits {
                datagram: max_datagram,
                record: MAX_PLAINTEXT,
                overhead: 0,
            },
            flight: Flight::default(),
            sealing: None,
        }
    }

    /// Begins again with another hello. The size of the path's datagrams is kept.
    pub(crate) fn begin_again(&mut self, first_number: u64) {
        *self = Self::new(first_number, self.limits.datagram);
    }

    /// The largest plain text of a record, in bytes: the negotiated one, once this side has sent a flight after the
    /// negotiation.
    pub(crate) fn max_plaintext(&self) -> usize {
        self.limits.record
    }

    /// How many datagrams the last flight has.
    pub(crate) fn datagram_count(&self) -> usize {
        self.flight.datagram_count()
    }

    /// Sends the records that OpenSSL wrote; returns whether a new flight is among them.
    pub(crate) fn send(
        &mut self,
        written: &[u8],
        openssl: &OpenSslHandshake,
        outgoing: &mut Queue,
    ) -> Result<bool, SealError> {
        let mut flight = Flight::default();
        let mut alerts = Vec::new();
        let mut next_message = self.next_message;
        for record in records(written) {
            let header = record.header;
            let opened;
            let plain = match header.epoch {
                0 => record.body,
                _ => {
                    opened = self.open(&header, record.body, openssl.ssl())?;
                    &opened
                }
            };
            match (header.content_type, header.epoch) {
                (content_type::HANDSHAKE, 0) => {
                    let message = Fragment::read(&mut Reader::new(plain));
                    if let Some(message) = message
                        && message.header.message_seq >= self.next_message
                    {
                        next_message = next_message.max(message.header.message_seq + 1);
                        flight.push(&header, plain);
                    }
                }
                (content_type::CHANGE_CIPHER_SPEC, 0) if !self.has_changed_cipher => {
                    self.has_changed_cipher = true;
                    flight.push(&header, plain);
                }
                (content_type::HANDSHAKE, _) if !self.has_finished => {
                    self.has_finished = true;
                    flight.push(&header, plain);
                }
                (content_type::ALERT, _) => alerts.push((header, plain.to_vec())),
                // A retransmission of OpenSSL's: see `OpenSslHandshake`'s timer.
                _ => {}
            }
        }
        self.next_message = next_message;
        let is_new = !flight.is_empty();
        if is_new {
            self.limits.record = openssl.max_plaintext();
            self.flight = flight.cut(&self.limits);
            if self.flight.datagram_count() > 1 {
                self.flight = flight.cut(&self.limits.for_every_path());
            }
            self.retransmit(outgoing)?;
        }
        for (header, plain) in alerts {
            self.send_alert(&header, &plain, outgoing)?;
        }
        Ok(is_new)
    }

    /// Sends the flight with new record numbers, in the same fragments and datagrams.
    pub(crate) fn retransmit(&mut self, outgoing: &mut Queue) -> Result<(), SealError> {
        let sealer = self.sealing.as_mut().map(|it| &mut it.sealer);
        self.flight.number(&mut self.next_number, sealer)?;
        self.flight.write(outgoing);
        Ok(())
    }

    /// Sends the flight byte for byte as it was sent last.
    pub(crate) fn copy(&self, outgoing: &mut Queue) {
        self.flight.write(outgoing);
    }

    /// Sends the flight with new record numbers; from now on every datagram fits every path (RFC 6347 section 4.1.1.1).
    pub(crate) fn back_off(&mut self, outgoing: &mut Queue) -> Result<(), SealError> {
        self.limits = self.limits.for_every_path();
        if self.flight.datagram_count() == 1 {
            self.flight = self.flight.cut(&self.limits);
        }
        self.retransmit(outgoing)
    }

    /// Hands over the keys of a finished handshake; `None` if no Finished message was sent.
    pub(crate) fn finish(&mut self, is_server: bool) -> Option<SealedSide> {
        let Sealing { keys, sealer } = *self.sealing.take()?;
        let last_flight = self.flight.finished().filter(|_| is_server);
        Some(SealedSide {
            keys,
            sealer,
            last_flight: last_flight.map(|finished| LastFlight::new(finished, self.next_number)),
            max_plaintext: self.limits.record,
        })
    }

    /// Opens a record that OpenSSL sealed.
    fn open(
        &mut self,
        header: &RecordHeader,
        sealed: &[u8],
        ssl: &SslRef,
    ) -> Result<Vec<u8>, SealError> {
        let own = Sender::of_side(ssl.is_server());
        let sealing = match &mut self.sealing {
            Some(sealing) => sealing,
            none => {
                let keys = KeyBlock::derive(ssl)?;
                let sealer = Sealer::new(Arc::clone(&keys), own);
                none.insert(Box::new(Sealing { keys, sealer }))
            }
        };
        let mut opener = Opener::new(Arc::clone(&sealing.keys), own);
        self.limits.overhead = opener.overhead();
        let length = opener.plain_bytes(sealed.len());
        let mut plain = vec![0; length.ok_or_else(ErrorStack::get)?];
        opener.open(header, sealed, &mut plain)?;
        Ok(plain)
    }

    fn send_alert(
        &mut self,
        header: &RecordHeader,
        plain: &[u8],
        outgoing: &mut Queue,
    ) -> Result<(), SealError> {
        let mut datagram =
            Vec::with_capacity(RecordHeader::BYTES + plain.len() + self.limits.overhead);
        match &mut self.sealing {
            Some(sealing) if header.epoch > 0 => {
                sealing
                    .sealer
                    .seal(content_type::ALERT, plain, &mut datagram)?;
            }
            _ => {
                let sequence_number = self.next_number;
                self.next_number += 1;
                let header = RecordHeader {
                    sequence_number,
                    ..*header
                };
                datagram.extend_from_slice(&header.to_bytes());
                datagram.extend_from_slice(plain);
            }
        }
        outgoing.push(&datagram);
        Ok(())
    }
}
