//! A session after its handshake: records alone (RFC 6347 section 4.1).
//!
//! OpenSSL keeps some 65 KB for each side of a session, most of it buffers for another handshake that never comes. So
//! once the handshake is done its keys are taken over, OpenSSL's session is freed, and records are sealed and opened
//! here, with OpenSSL's AEADs.

use std::ffi::CStr;

use libc::c_int;

use crate::config::policy::MAX_PACKET;
use crate::handshake::flight::LastFlight;
use crate::handshake::outbound::Sealed;
#[cfg(all(test, target_os = "linux"))]
use crate::record::key_block::Keys;
use crate::record::key_block::Sender;
use crate::record::protection::{EPOCH, Opener, SealError, Sealer};
use crate::record::queue::Queue;
use crate::record::replay_window::Window;
use crate::wire_format::record::{self as records, ALERT, APPLICATION_DATA, DTLS_1_2, HANDSHAKE};

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
    /// The largest packet that the other side takes, in bytes.
    max_packet: usize,
    /// What a server sends again when the client, not having got it, repeats its own last flight (RFC 6347 section
    /// 4.2.4).
    last_flight: Option<LastFlight>,
    /// How often it did so.
    answers: usize,
    /// How often it refused to renegotiate.
    refusals: usize,
}

/// How often the last flight is sent again in all. A client that loses every one of them sends its own about 13 times in
/// the minute that it has.
const MOST_ANSWERS: usize = 32;
/// How often a session says that it does not renegotiate.
const MOST_REFUSALS: usize = 8;

/// How the other side ended the session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In order.
    CloseNotify,
    /// With this alert.
    Alert(String),
    /// Not at all: too many of its records were not authentic.
    KeyUsedUp,
}

/// What a datagram held.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// Whether it held a record that the other side alone can have sealed, and that is new.
    pub(crate) is_authentic: bool,
    pub(crate) end: Option<End>,
    /// Whether the other side repeated its last flight: it wants this side's.
    wants_last_flight: bool,
    /// Whether it wants another handshake.
    wants_handshake: bool,
}

impl Channel {
    /// Goes on where a handshake ended; `finished` is the number of the record with the other side's Finished message.
    pub(crate) fn new(handshake: Sealed, is_server: bool, finished: u64) -> Self {
        let mut window = Window::default();
        window.mark(finished);
        Self {
            sealer: handshake.sealer,
            opener: Opener::new(handshake.keys, Sender::of_side(!is_server)),
            window,
            max_packet: handshake.max_packet,
            last_flight: handshake.last_flight,
            answers: 0,
            refusals: 0,
        }
    }

    /// This side's keys, and the other side's.
    #[cfg(all(test, target_os = "linux"))]
    pub(crate) fn keys_of_test(&self) -> (Keys<'_>, Keys<'_>) {
        (self.sealer.keys_of_test(), self.opener.keys_of_test())
    }

    /// The largest packet that can be sent, in bytes.
    pub(crate) fn max_packet(&self) -> usize {
        self.max_packet
    }

    /// Seals one packet into one datagram.
    pub(crate) fn send(&mut self, packet: &[u8], into: &mut Queue) -> Result<(), SealError> {
        if !self.sealer.may_seal(packet.len()) {
            return Err(SealError::KeyUsedUp);
        }
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
                (HANDSHAKE, &[FINISHED, ..]) => received.wants_last_flight = true,
                (HANDSHAKE, &[HELLO_REQUEST | CLIENT_HELLO, ..]) => received.wants_handshake = true,
                _ => {}
            }
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

    /// Answers a datagram once, however many of its records ask for it.
    fn answer(&mut self, received: &Received, outgoing: &mut Queue) {
        // If it cannot be sealed, the other side asks again, or finds out by waiting.
        if received.wants_last_flight && self.answers < MOST_ANSWERS {
            self.answers += 1;
            if let Some(last_flight) = &mut self.last_flight
                && let Ok(datagram) = last_flight.next(&mut self.sealer)
            {
                outgoing.push(&datagram);
            }
        } else if received.wants_handshake && self.refusals < MOST_REFUSALS {
            self.refusals += 1;
            let _ = self.seal(ALERT, &[WARNING, NO_RENEGOTIATION], outgoing);
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use testkit::certificates::{Authority, Leaf};

    use super::*;
    use crate::session::Phase;
    use crate::{
        ClientContext, CookieCheck, CookieJar, Failure, Identity, SendError, ServerContext,
        Session, Status, Verification,
    };

    /// Carries what one side sends to the other; gives how many datagrams and bytes there were.
    fn carry(from: &mut Session, to: &mut Session, now: Instant) -> (usize, usize) {
        let (mut count, mut bytes) = (0, 0);
        from.drain_datagrams(|datagram| {
            count += 1;
            bytes += datagram.len();
            to.handle_datagram(datagram, now);
        });
        (count, bytes)
    }

    fn connected(now: Instant) -> (Session, Session) {
        let server = Authority::new("Root").and_then(|it| it.issue(&Leaf::localhost()));
        let server = server.unwrap();
        let (key, chain) = (server.key_pem().unwrap(), server.chain_pem().unwrap());
        let server = ServerContext::new(&Identity::from_pem(&key, &chain, None).unwrap()).unwrap();
        let client = ClientContext::new(Verification::DangerousNone).unwrap();
        let mut client = Session::connect(&client, "", now).unwrap();
        let mut jar = CookieJar::new(now).unwrap();
        let mut server = loop {
            let mut hello = Vec::new();
            client.drain_datagrams(|datagram| hello = datagram.to_vec());
            let address = "192.0.2.7:40000".parse().unwrap();
            match jar.verify_cookie(&hello, address, now).unwrap() {
                CookieCheck::Unverified(request) => {
                    client.handle_datagram(request.as_bytes(), now);
                }
                CookieCheck::Verified => break Session::accept(&server, &hello, now).unwrap(),
                CookieCheck::NotClientHello => panic!("a hello is no noise"),
            }
        };
        for _ in 0..2 {
            carry(&mut server, &mut client, now);
            carry(&mut client, &mut server, now);
        }
        (client, server)
    }

    /// So many sealed handshake messages of one byte, in one datagram.
    fn asking(session: &mut Session, message: u8, count: usize) -> Vec<u8> {
        let Phase::Connected(channel) = &mut session.phase else {
            panic!("a session that is not connected");
        };
        let mut records = Queue::default();
        for _ in 0..count {
            channel.seal(HANDSHAKE, &[message], &mut records).unwrap();
        }
        records.iter().flatten().copied().collect()
    }

    /// 1,723 of them in a datagram were answered by 5,166 datagrams.
    #[test]
    fn however_much_asks_for_an_answer_little_is_sent() {
        let now = Instant::now();
        for message in [FINISHED, CLIENT_HELLO, HELLO_REQUEST] {
            let (mut client, mut server) = connected(now);
            let mut all = (0, 0);
            for _ in 0..200 {
                let datagram = asking(&mut client, message, 1000);
                server.handle_datagram(&datagram, now);
                let (count, bytes) = carry(&mut server, &mut client, now);
                // The last flight is one datagram.
                assert!(count <= 1, "{count} datagrams");
                assert!(bytes < datagram.len() / 50, "{bytes} bytes");
                all = (all.0 + count, all.1 + bytes);
            }
            assert!(all.0 > 0, "the first ones are answered");
            assert!(all.0 <= MOST_ANSWERS && all.1 < 3_000, "{all:?}");
            client.send(b"still here").unwrap();
            carry(&mut client, &mut server, now);
            let got = server.next_packet(<[u8]>::to_vec);
            assert_eq!(got.as_deref(), Some(&b"still here"[..]));
        }
    }

    fn channel(session: &mut Session) -> &mut Channel {
        match &mut session.phase {
            Phase::Connected(channel) => channel,
            _ => panic!("a session that is not connected"),
        }
    }

    #[test]
    fn a_session_whose_key_sealed_as_much_as_it_may_ends_in_order_and_says_why() {
        let now = Instant::now();
        let (mut client, mut server) = connected(now);
        // Two packets of one block, of which each counts as three.
        channel(&mut client).sealer.used().leave_to_seal(7);
        client.send(b"one").unwrap();
        client.send(b"two").unwrap();
        let third = client.send(b"three");
        if client
            .cipher()
            .is_some_and(|name| name.contains("CHACHA20"))
        {
            return assert_eq!(third, Ok(()));
        }
        assert_eq!(third, Err(SendError::Failed));
        assert_eq!(client.status(), Status::Failed);
        let failure = client.failure().unwrap();
        assert_eq!(failure, &Failure::KeyUsedUp);
        assert!(failure.to_string().contains("connect again"), "{failure}");
        carry(&mut client, &mut server, now);
        for packet in [b"one", b"two"] {
            let got = server.next_packet(<[u8]>::to_vec);
            assert_eq!(got.as_deref(), Some(&packet[..]));
        }
        assert_eq!(server.status(), Status::Closed);
    }

    #[test]
    fn a_session_that_was_sent_too_many_forgeries_ends_and_says_why() {
        let now = Instant::now();
        let (mut client, mut server) = connected(now);
        channel(&mut server).opener.used().leave_to_reject(2);
        let forged = |number| {
            let header = records::Header {
                content_type: APPLICATION_DATA,
                version: DTLS_1_2,
                epoch: EPOCH,
                number,
                length: 60,
            };
            [&header.to_bytes()[..], &[7; 60]].concat()
        };
        // Replays and other epochs are not tried with the key.
        let mut of_another_epoch = forged(50);
        of_another_epoch[4] = 2;
        for datagram in [forged(0), of_another_epoch, forged(70)] {
            server.handle_datagram(&datagram, now);
            assert_eq!(server.status(), Status::Connected);
        }
        // What is authentic goes on, and counts for nothing.
        client.send(b"last").unwrap();
        carry(&mut client, &mut server, now);
        server.handle_datagram(&forged(71), now);
        let got = server.next_packet(<[u8]>::to_vec);
        assert_eq!(got.as_deref(), Some(&b"last"[..]));
        assert_eq!(server.status(), Status::Failed);
        let failure = server.failure().unwrap();
        assert_eq!(failure, &Failure::TooManyForgeries);
        assert!(failure.to_string().contains("connect again"), "{failure}");
        carry(&mut server, &mut client, now);
        assert_eq!(client.status(), Status::Closed);
    }
}
