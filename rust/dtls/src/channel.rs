//! A session after its handshake: records alone (RFC 6347 section 4.1).
//!
//! OpenSSL keeps some 65 KB for each side of a session, most of it buffers for another handshake that never comes. So
//! once the handshake is done its keys are taken over, OpenSSL's session is freed, and records are sealed and opened
//! here, with OpenSSL's AEADs.

use std::ffi::CStr;

use libc::c_int;
use openssl::error::ErrorStack;
use openssl::ssl::SslRef;

use crate::key_block::KeyBlock;
use crate::outgoing::Outgoing;
use crate::packets::Packets;
use crate::policy::MAX_PACKET;
use crate::protection::{Count, EPOCH, Opener, SealError, Sealer};
use crate::records::{self, ALERT, APPLICATION_DATA, DTLS_1_2, HANDSHAKE};
use crate::replay::Window;
use crate::suite::Suite;

const WARNING: u8 = 1;
const FATAL: u8 = 2;
const CLOSE_NOTIFY: u8 = 0;
const NO_RENEGOTIATION: u8 = 100;
/// Types of handshake messages that come after a handshake: one that asks for another, and the last of the one before.
const HELLO_REQUEST: u8 = 0;
const CLIENT_HELLO: u8 = 1;
const FINISHED: u8 = 20;

/// Which side of the session this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// One side of a connected session.
pub(crate) struct Channel {
    pub(crate) outgoing: Outgoing,
    pub(crate) protocol: &'static str,
    pub(crate) cipher: &'static str,
    sealer: Sealer,
    opener: Opener,
    window: Window,
    /// What a server sends again when the client, not having got it, repeats its own last flight (RFC 6347 section
    /// 4.2.4). Byte for byte the same, so that nothing is sealed twice.
    last_flight: Outgoing,
}

/// How the other side ended the session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In order.
    CloseNotify,
    /// With this alert.
    Alert(String),
}

/// What of a datagram is of interest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    All,
    /// It also held the end of the handshake, which was dealt with.
    AllButHandshake,
}

impl Channel {
    /// Takes over the keys of a session whose handshake is done.
    ///
    /// `sealed` is OpenSSL's count of the records that it sealed, `last_flight` what this side sent last if the other
    /// side may have to ask for it again.
    pub(crate) fn take_over(
        ssl: &SslRef,
        side: Side,
        sealed: Count,
        last_flight: Outgoing,
    ) -> Result<Self, ErrorStack> {
        let cipher = ssl.current_cipher().map_or("", |cipher| cipher.name());
        let suite = Suite::of(cipher).ok_or_else(ErrorStack::get)?;
        let block = KeyBlock::derive(ssl, suite)?;
        let (own, others) = match side {
            Side::Client => (block.client(), block.server()),
            Side::Server => (block.server(), block.client()),
        };
        Ok(Self {
            outgoing: Outgoing::default(),
            protocol: ssl.version_str(),
            cipher,
            sealer: Sealer::new(suite, &own, sealed)?,
            opener: Opener::new(suite, &others)?,
            window: Window::default(),
            last_flight,
        })
    }

    /// Seals one packet into one datagram.
    pub(crate) fn send(&mut self, packet: &[u8]) -> Result<(), SealError> {
        self.seal(APPLICATION_DATA, packet)
    }

    /// Tells the other side that nothing more will come (RFC 5246 section 7.2.1).
    pub(crate) fn say_goodbye(&mut self) -> Result<(), SealError> {
        self.seal(ALERT, &[WARNING, CLOSE_NOTIFY])
    }

    fn seal(&mut self, content_type: u8, plain: &[u8]) -> Result<(), SealError> {
        let sealer = &mut self.sealer;
        self.outgoing
            .push_with(|into| sealer.seal(content_type, plain, into))
    }

    /// Opens every record of a datagram: packets go into the queue, and what is not authentic, or not new, nowhere.
    pub(crate) fn receive(
        &mut self,
        datagram: &[u8],
        take: Take,
        packets: &mut Packets,
    ) -> Option<End> {
        for (header, sealed) in records::iter(datagram) {
            let Some(length) = self.opener.plain_bytes(sealed.len()) else {
                continue;
            };
            if header.epoch != EPOCH
                || header.version != DTLS_1_2
                || length > MAX_PACKET
                || header.content_type == HANDSHAKE && take == Take::AllButHandshake
                || !self.window.is_new(header.number)
            {
                continue;
            }
            let opener = &mut self.opener;
            if header.content_type == APPLICATION_DATA {
                if packets.push_with(length, |into| opener.open(&header, sealed, into)) {
                    self.window.mark(header.number);
                }
                continue;
            }
            let mut message = vec![0; length];
            if !opener.open(&header, sealed, &mut message) {
                continue;
            }
            self.window.mark(header.number);
            match (header.content_type, message.as_slice()) {
                (ALERT, &[_, CLOSE_NOTIFY]) => return Some(End::CloseNotify),
                (ALERT, &[FATAL, alert]) => return Some(End::Alert(name(alert))),
                (HANDSHAKE, &[FINISHED, ..]) => {
                    for datagram in self.last_flight.iter() {
                        self.outgoing.push(datagram);
                    }
                }
                (HANDSHAKE, &[HELLO_REQUEST | CLIENT_HELLO, ..]) => {
                    // If it cannot be told, the other side finds out by waiting.
                    let _ = self.seal(ALERT, &[WARNING, NO_RENEGOTIATION]);
                }
                _ => {}
            }
        }
        None
    }
}

/// An alert in words, such as `decrypt error`.
fn name(alert: u8) -> String {
    // SAFETY: OpenSSL gives a literal for every number.
    let name =
        unsafe { CStr::from_ptr(openssl_sys::SSL_alert_desc_string_long(c_int::from(alert))) };
    name.to_string_lossy().into_owned()
}
