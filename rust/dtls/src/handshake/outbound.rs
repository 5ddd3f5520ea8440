//! A handshake's way out: OpenSSL's messages, in records and datagrams that are made here.
//!
//! OpenSSL cuts a flight that it sends again at other places than at first, and numbers its sealed records itself. So
//! what it writes is taken for its messages alone: here they are cut, numbered, and sealed with the keys that were agreed
//! on. Nothing that OpenSSL sealed is sent, so that no nonce can be used by both.

use std::ffi::c_uchar;
use std::sync::Arc;

use foreign_types::ForeignTypeRef;
use openssl::error::ErrorStack;
use openssl::ssl::SslRef;
use openssl_sys::SSL_SESSION;

use crate::config::policy::MAX_PACKET;
use crate::handshake::flight::{Flight, LastFlight, Limits};
use crate::record::key_block::{KeyBlock, Sender};
use crate::record::protection::{Opener, SealError, Sealer};
use crate::record::queue::Queue;
use crate::wire_format::record::{
    self as records, ALERT, CHANGE_CIPHER_SPEC, HANDSHAKE, HEADER, Header, big_endian,
};

// openssl/ssl.h
unsafe extern "C" {
    fn SSL_SESSION_get_max_fragment_length(session: *const SSL_SESSION) -> c_uchar;
}

/// The largest datagram that OpenSSL is told of. It cuts nothing then but messages of more than a record.
pub(crate) const OPENSSLS_MTU: u32 = 65_535;

/// What one side of a handshake sends.
pub(crate) struct Outbound {
    /// The number of the next record of epoch 0.
    next_number: u64,
    /// The `message_seq` of the next message: what is numbered below it was sent.
    next_message: u64,
    has_changed_cipher: bool,
    has_finished: bool,
    limits: Limits,
    flight: Flight,
    sealing: Option<Box<Sealing>>,
}

/// What records of epoch 1 are sealed with.
struct Sealing {
    keys: Arc<KeyBlock>,
    sealer: Sealer,
}

/// What a finished handshake leaves to the session.
pub(crate) struct Sealed {
    pub(crate) keys: Arc<KeyBlock>,
    pub(crate) sealer: Sealer,
    pub(crate) last_flight: Option<LastFlight>,
    /// The largest packet that the other side takes, in bytes.
    pub(crate) max_packet: usize,
}

impl Outbound {
    /// Nothing was sent yet. Records of epoch 0 are numbered from `first_number` on.
    pub(crate) fn new(first_number: u64, max_datagram: usize) -> Self {
        Self {
            next_number: first_number,
            next_message: 0,
            has_changed_cipher: false,
            has_finished: false,
            limits: Limits {
                datagram: max_datagram,
                record: MAX_PACKET,
                overhead: 0,
            },
            flight: Flight::default(),
            sealing: None,
        }
    }

    /// Begins anew with another hello. What was learned of the path holds still.
    pub(crate) fn begin_anew(&mut self, first_number: u64) {
        *self = Self::new(first_number, self.limits.datagram);
    }

    /// The largest plain text of a record, in bytes: that which was agreed on for both sides, once this side has sent a
    /// flight after that.
    pub(crate) fn max_record(&self) -> usize {
        self.limits.record
    }

    /// Sends what OpenSSL wrote; tells whether a new flight was among it.
    pub(crate) fn send(
        &mut self,
        written: &[u8],
        ssl: &SslRef,
        outgoing: &mut Queue,
    ) -> Result<bool, SealError> {
        let mut flight = Flight::default();
        let mut alerts = Vec::new();
        let mut next_message = self.next_message;
        for (header, content) in records::iter(written) {
            let opened;
            let plain = match header.epoch {
                0 => content,
                _ => {
                    opened = self.open(&header, content, ssl)?;
                    &opened
                }
            };
            match (header.content_type, header.epoch) {
                (HANDSHAKE, 0) => {
                    let number = big_endian(plain.get(4..6).unwrap_or_default());
                    if number >= self.next_message {
                        next_message = next_message.max(number + 1);
                        flight.push(&header, plain);
                    }
                }
                (CHANGE_CIPHER_SPEC, 0) if !self.has_changed_cipher => {
                    self.has_changed_cipher = true;
                    flight.push(&header, plain);
                }
                (HANDSHAKE, _) if !self.has_finished => {
                    self.has_finished = true;
                    flight.push(&header, plain);
                }
                (ALERT, _) => alerts.push((header, plain.to_vec())),
                // OpenSSL's timer expired after all, see `timer`.
                _ => {}
            }
        }
        self.next_message = next_message;
        let is_new = !flight.is_empty();
        if is_new {
            self.limits.record = max_record(ssl);
            self.flight = flight.cut(&self.limits);
            if self.flight.has_several_datagrams() {
                self.flight = flight.cut(&self.limits.of_every_path());
            }
            self.retransmit(outgoing)?;
        }
        for (header, plain) in alerts {
            self.send_alert(&header, &plain, outgoing)?;
        }
        Ok(is_new)
    }

    /// Sends the flight with new record numbers, in the same pieces.
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

    /// Sends the flight with new record numbers, and from now on no datagram that does not cross every path (RFC 6347
    /// section 4.1.1.1).
    pub(crate) fn back_off(&mut self, outgoing: &mut Queue) -> Result<(), SealError> {
        self.limits = self.limits.of_every_path();
        if !self.flight.has_several_datagrams() {
            self.flight = self.flight.cut(&self.limits);
        }
        self.retransmit(outgoing)
    }

    /// Hands over what the session goes on with; `None` if no Finished message was sent.
    pub(crate) fn finish(self, is_server: bool) -> Option<Sealed> {
        let Sealing { keys, sealer } = *self.sealing?;
        Some(Sealed {
            keys,
            sealer,
            last_flight: match is_server {
                true => LastFlight::new(&self.flight, self.next_number),
                false => None,
            },
            max_packet: self.limits.record,
        })
    }

    /// Opens a record that OpenSSL sealed.
    fn open(&mut self, header: &Header, sealed: &[u8], ssl: &SslRef) -> Result<Vec<u8>, SealError> {
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
        header: &Header,
        plain: &[u8],
        outgoing: &mut Queue,
    ) -> Result<(), SealError> {
        let mut datagram = Vec::with_capacity(HEADER + plain.len() + self.limits.overhead);
        match &mut self.sealing {
            Some(sealing) if header.epoch > 0 => {
                sealing.sealer.seal(ALERT, plain, &mut datagram)?;
            }
            _ => {
                let number = self.next_number;
                self.next_number += 1;
                datagram.extend_from_slice(&Header { number, ..*header }.to_bytes());
                datagram.extend_from_slice(plain);
            }
        }
        outgoing.push(&datagram);
        Ok(())
    }
}

/// The largest plain text of a record that the two sides agreed on (RFC 6066 section 4), or else that DTLS allows.
fn max_record(ssl: &SslRef) -> usize {
    let code = ssl.session().map_or(0, |session| {
        // SAFETY: the session is valid for as long as the reference lives, and OpenSSL only reads it.
        unsafe { SSL_SESSION_get_max_fragment_length(session.as_ptr()) }
    });
    match code {
        1..=4 => 256 << code,
        _ => MAX_PACKET,
    }
}
