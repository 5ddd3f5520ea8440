//! The records of a session after its handshake (RFC 6347 section 4.1).
//!
//! OpenSSL's `SSL` is freed by then: see docs/decisions/record-layer.md.

use std::sync::Arc;

use log::trace;

#[cfg(all(test, target_os = "linux"))]
use crate::record::key_block::Keys;
use crate::record::key_block::{KeyBlock, Sender};
use crate::record::last_flight::LastFlight;
use crate::record::protection::{EPOCH, Opener, SealError, Sealer};
use crate::record::queue::Queue;
use crate::record::replay_window::ReplayWindow;
use crate::wire_format::{
    MAX_PLAINTEXT, RecordHeader, alert, content_type, handshake_type, records, version,
};

/// One side's record layer.
pub(crate) struct RecordLayer {
    id: u64,
    sealer: Sealer,
    opener: Opener,
    window: ReplayWindow,
    /// The largest plain text that the other side takes, in bytes.
    max_plaintext: usize,
    /// Of a server: sent again when the client repeats its own last flight, which shows that it did not get this one
    /// (RFC 6347 section 4.2.4).
    last_flight: Option<LastFlight>,
    /// How many times it was sent again.
    answers: usize,
    /// How many times a renegotiation was refused.
    refusals: usize,
}

/// What a handshake hands over to the record layer.
pub(crate) struct Established {
    /// The session in log events.
    pub(crate) id: u64,
    pub(crate) is_server: bool,
    pub(crate) keys: Arc<KeyBlock>,
    /// This side's sealer, which has sealed its Finished message.
    pub(crate) sealer: Sealer,
    /// The number of the record with the other side's Finished message.
    pub(crate) finished_number: u64,
    /// The largest plain text of a record that was negotiated, in bytes.
    pub(crate) max_plaintext: usize,
    pub(crate) last_flight: Option<LastFlight>,
}

/// How many times the last flight is sent again. A client that loses every copy sends its own about 13 times in the
/// minute that it has.
pub(crate) const MOST_ANSWERS: usize = 32;
/// How many times a renegotiation is refused.
const MOST_REFUSALS: usize = 8;

/// How the other side ended the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With close_notify.
    CloseNotify,
    /// With this fatal alert.
    Alert(u8),
    /// Not at all: too many of its records were not authentic.
    KeyUsedUp,
}

/// What a datagram held.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// Whether it held an authentic record that is no replay.
    pub(crate) is_authentic: bool,
    pub(crate) end: Option<End>,
    /// Whether the other side repeated its last flight, and so needs this side's.
    wants_last_flight: bool,
    /// Whether the other side asks for another handshake.
    wants_handshake: bool,
}

impl RecordLayer {
    /// Goes on where a handshake ended.
    pub(crate) fn new(established: Established) -> Self {
        let mut window = ReplayWindow::default();
        window.mark(established.finished_number);
        Self {
            id: established.id,
            sealer: established.sealer,
            opener: Opener::new(established.keys, Sender::of_side(!established.is_server)),
            window,
            max_plaintext: established.max_plaintext,
            last_flight: established.last_flight,
            answers: 0,
            refusals: 0,
        }
    }

    /// This side's keys, and the other side's.
    #[cfg(all(test, target_os = "linux"))]
    pub(crate) fn keys_of_test(&self) -> (Keys<'_>, Keys<'_>) {
        (self.sealer.keys_of_test(), self.opener.keys_of_test())
    }

    #[cfg(test)]
    pub(crate) fn sealer_of_test(&mut self) -> &mut Sealer {
        &mut self.sealer
    }

    #[cfg(test)]
    pub(crate) fn opener_of_test(&mut self) -> &mut Opener {
        &mut self.opener
    }

    /// The largest packet that can be sent, in bytes.
    pub(crate) fn max_plaintext(&self) -> usize {
        self.max_plaintext
    }

    /// Seals one packet into one datagram.
    pub(crate) fn send(&mut self, packet: &[u8], into: &mut Queue) -> Result<(), SealError> {
        if !self.sealer.may_seal(packet.len()) {
            return Err(SealError::KeyUsedUp);
        }
        self.seal(content_type::APPLICATION_DATA, packet, into)
    }

    /// Sends close_notify (RFC 5246 section 7.2.1).
    pub(crate) fn close(&mut self, into: &mut Queue) -> Result<(), SealError> {
        let alert = [alert::WARNING, alert::CLOSE_NOTIFY];
        self.seal(content_type::ALERT, &alert, into)
    }

    /// Seals one record into one datagram.
    pub(crate) fn seal(
        &mut self,
        content_type: u8,
        plain: &[u8],
        into: &mut Queue,
    ) -> Result<(), SealError> {
        into.push_with(|into| self.sealer.seal(content_type, plain, into))
    }

    /// Opens every record of a datagram. The packets go into the queue; records that are not authentic, or replays, are
    /// dropped.
    pub(crate) fn receive(
        &mut self,
        datagram: &[u8],
        packets: &mut Queue,
        outgoing: &mut Queue,
    ) -> Received {
        let mut received = Received::default();
        for record in records(datagram) {
            let (header, sealed) = (record.header, record.body);
            let Some(length) = self.openable_bytes(&header) else {
                continue;
            };
            let opener = &mut self.opener;
            if header.content_type == content_type::APPLICATION_DATA && length > 0 {
                let opened = packets.push_with(|into| {
                    let start = into.len();
                    into.resize(start + length, 0);
                    opener.open(&header, sealed, &mut into[start..])
                });
                match opened {
                    Ok(()) => {
                        self.window.mark(header.sequence_number);
                        received.is_authentic = true;
                    }
                    Err(_) => self.log_dropped(&header, "not authentic"),
                }
                continue;
            }
            let mut message = vec![0; length];
            if opener.open(&header, sealed, &mut message).is_err() {
                self.log_dropped(&header, "not authentic");
                continue;
            }
            self.window.mark(header.sequence_number);
            received.is_authentic = true;
            received.read_message(header.content_type, &message);
            if received.end.is_some() {
                return received;
            }
        }
        if self.opener.is_used_up() {
            received.end = Some(End::KeyUsedUp);
            return received;
        }
        self.answer(&received, outgoing);
        received
    }

    /// Bytes of a record's plain text; `None` for a record that is dropped before it is opened.
    #[inline]
    fn openable_bytes(&self, header: &RecordHeader) -> Option<usize> {
        let length = self.opener.plain_bytes(header.length);
        let why = match length {
            None => "shorter than its seal",
            _ if header.epoch != EPOCH => "of another epoch",
            _ if header.version != version::DTLS_1_2 => "of another version",
            Some(length) if length > MAX_PLAINTEXT => "longer than a record may be",
            _ if !self.window.is_new(header.sequence_number) => "a replay, or too old",
            Some(length) => return Some(length),
        };
        self.log_dropped(header, why);
        None
    }

    /// Answers a datagram once, however many of its records ask for it.
    fn answer(&mut self, received: &Received, outgoing: &mut Queue) {
        // If the answer cannot be sealed, the other side repeats its request or times out.
        if received.wants_last_flight && self.answers < MOST_ANSWERS {
            self.answers += 1;
            if let Some(last_flight) = &mut self.last_flight
                && let Ok(datagram) = last_flight.next(&mut self.sealer)
            {
                trace!(target: "dtls", "session {}: sends its last flight again", self.id);
                outgoing.push(&datagram);
            }
        } else if received.wants_handshake && self.refusals < MOST_REFUSALS {
            self.refusals += 1;
            let alert = [alert::WARNING, alert::NO_RENEGOTIATION];
            let _ = self.seal(content_type::ALERT, &alert, outgoing);
        }
    }

    #[cold]
    fn log_dropped(&self, header: &RecordHeader, why: &str) {
        trace!(
            target: "dtls",
            "session {}: dropped a record (type {}, epoch {}, number {}, {} bytes): {why}",
            self.id,
            header.content_type,
            header.epoch,
            header.sequence_number,
            header.length,
        );
    }
}

impl Received {
    /// Reads an authentic record that is no packet.
    fn read_message(&mut self, content_type: u8, message: &[u8]) {
        use handshake_type::{CLIENT_HELLO, FINISHED, HELLO_REQUEST};
        match (content_type, message) {
            (content_type::ALERT, &[_, alert::CLOSE_NOTIFY]) => self.end = Some(End::CloseNotify),
            (content_type::ALERT, &[alert::FATAL, description]) => {
                self.end = Some(End::Alert(description));
            }
            (content_type::HANDSHAKE, &[FINISHED, ..]) => self.wants_last_flight = true,
            (content_type::HANDSHAKE, &[HELLO_REQUEST | CLIENT_HELLO, ..]) => {
                self.wants_handshake = true;
            }
            _ => {}
        }
    }
}
