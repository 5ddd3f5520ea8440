//! A session after its handshake: records alone (RFC 6347 section 4.1).
//!
//! OpenSSL keeps some 65 KB for each side of a session, most of it buffers for another handshake that never comes. So
//! once the handshake is done its keys are taken over, OpenSSL's session is freed, and records are sealed and opened
//! here, with OpenSSL's AEADs.

use std::ffi::CStr;

use libc::c_int;

use crate::key_block::KeyBlock;
use crate::policy::MAX_PACKET;
use crate::protection::{Count, EPOCH, Opener, SealError, Sealer};
use crate::queue::Queue;
use crate::records::{self, ALERT, APPLICATION_DATA, DTLS_1_2, HANDSHAKE};
use crate::replay::Window;

const WARNING: u8 = 1;
const FATAL: u8 = 2;
const CLOSE_NOTIFY: u8 = 0;
const NO_RENEGOTIATION: u8 = 100;
/// Types of handshake messages that come after a handshake: one that asks for another, and the last of the one before.
const HELLO_REQUEST: u8 = 0;
const CLIENT_HELLO: u8 = 1;
const FINISHED: u8 = 20;

/// One side of a connected session.
pub(crate) struct Channel {
    sealer: Sealer,
    opener: Opener,
    window: Window,
    /// What a server sends again when the client, not having got it, repeats its own last flight (RFC 6347 section
    /// 4.2.4). Byte for byte the same, so that nothing is sealed twice.
    last_flight: Queue,
    /// How often it did so.
    answers: usize,
}

/// How the other side ended the session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In order.
    CloseNotify,
    /// With this alert.
    Alert(String),
}

/// What a datagram held.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// Whether it held a record that the other side alone can have sealed, and that is new.
    pub(crate) is_authentic: bool,
    pub(crate) end: Option<End>,
}

impl Channel {
    /// Goes on with the keys that a handshake agreed on.
    ///
    /// `sealed` is OpenSSL's count of the records that it sealed, `finished` the number of the record with the
    /// other side's Finished message, `last_flight` what this side sent at the end of the handshake.
    pub(crate) fn new(
        block: &KeyBlock,
        is_server: bool,
        sealed: Count,
        finished: u64,
        last_flight: Queue,
    ) -> Self {
        let suite = block.suite();
        let (own, others) = match is_server {
            false => (block.client(), block.server()),
            true => (block.server(), block.client()),
        };
        let mut window = Window::default();
        window.mark(finished);
        Self {
            sealer: Sealer::new(suite, &own, sealed),
            opener: Opener::new(suite, &others),
            window,
            last_flight,
            answers: 0,
        }
    }

    /// Seals one packet into one datagram.
    pub(crate) fn send(&mut self, packet: &[u8], into: &mut Queue) -> Result<(), SealError> {
        self.seal(APPLICATION_DATA, packet, into)
    }

    /// Tells the other side that nothing more will come (RFC 5246 section 7.2.1).
    pub(crate) fn say_goodbye(&mut self, into: &mut Queue) -> Result<(), SealError> {
        self.seal(ALERT, &[WARNING, CLOSE_NOTIFY], into)
    }

    fn seal(&mut self, content_type: u8, plain: &[u8], into: &mut Queue) -> Result<(), SealError> {
        into.push_with(|into| self.sealer.seal(content_type, plain, into))
    }

    /// Opens every record of a datagram: packets go into the queue, and what is not authentic, or not new, nowhere.
    pub(crate) fn receive(
        &mut self,
        datagram: &[u8],
        packets: &mut Queue,
        outgoing: &mut Queue,
    ) -> Received {
        let mut received = Received::default();
        for (header, sealed) in records::iter(datagram) {
            let Some(length) = self.opener.plain_bytes(sealed.len()) else {
                continue;
            };
            if header.epoch != EPOCH
                || header.version != DTLS_1_2
                || length > MAX_PACKET
                || !self.window.is_new(header.number)
            {
                continue;
            }
            let opener = &mut self.opener;
            if header.content_type == APPLICATION_DATA && length > 0 {
                let opened = packets.push_with(|into| {
                    let start = into.len();
                    into.resize(start + length, 0);
                    opener.open(&header, sealed, &mut into[start..])
                });
                if opened.is_ok() {
                    self.window.mark(header.number);
                    received.is_authentic = true;
                }
                continue;
            }
            let mut message = vec![0; length];
            if opener.open(&header, sealed, &mut message).is_err() {
                continue;
            }
            self.window.mark(header.number);
            received.is_authentic = true;
            match (header.content_type, message.as_slice()) {
                (ALERT, &[_, CLOSE_NOTIFY]) => received.end = Some(End::CloseNotify),
                (ALERT, &[FATAL, alert]) => received.end = Some(End::Alert(name(alert))),
                (HANDSHAKE, &[FINISHED, ..]) => self.answer(outgoing),
                (HANDSHAKE, &[HELLO_REQUEST | CLIENT_HELLO, ..]) => {
                    // If it cannot be told, the other side finds out by waiting.
                    let _ = self.seal(ALERT, &[WARNING, NO_RENEGOTIATION], outgoing);
                }
                _ => {}
            }
            if received.end.is_some() {
                break;
            }
        }
        received
    }

    /// Sends a server's last flight again. The later a client asks for it, the more is lost on the way: it goes out up
    /// to three times then.
    fn answer(&mut self, outgoing: &mut Queue) {
        self.answers += 1;
        for _ in 0..self.answers.min(3) {
            for datagram in self.last_flight.iter() {
                outgoing.push(datagram);
            }
        }
    }
}

/// An alert in OpenSSL's words, such as `decrypt error`.
pub(crate) fn name(alert: u8) -> String {
    // SAFETY: OpenSSL gives a literal for every number.
    let name =
        unsafe { CStr::from_ptr(openssl_sys::SSL_alert_desc_string_long(c_int::from(alert))) };
    name.to_string_lossy().into_owned()
}
