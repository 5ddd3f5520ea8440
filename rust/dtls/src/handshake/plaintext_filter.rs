//! Drops the plain-text records of a handshake that the other side has no reason to send at this point.
//!
//! Until there are keys, anyone who guesses the two addresses can send records that look like the other side's. RFC 6347
//! section 4.1.2.7 has invalid records dropped silently; OpenSSL ends the handshake over many of them. So OpenSSL gets
//! only the messages that can come next, of a plausible length.

use crate::wire_format::{
    ClientHello, Fragment, RANDOM_BYTES, Reader, Record, alert, content_type, handshake_type,
};

/// What to do with a record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// OpenSSL may read it.
    Pass,
    /// It is sealed, and there may be no keys yet.
    Sealed,
    /// A plain-text alert that would end the handshake, with this description.
    Alert(u8),
    /// Drop it, for this reason.
    Drop(&'static str),
}

/// The records that one side of a handshake expects from the other.
pub(crate) struct PlaintextFilter {
    /// Records of epoch 0 with a lower number are dropped: they are older than the hello that this handshake, or this
    /// attempt of it, began with.
    min_number: u64,
    peer: Peer,
}

/// The side whose records are filtered.
enum Peer {
    Server(Server),
    Client(Client),
}

/// What a client knows of its server.
#[derive(Default)]
struct Server {
    cookie: Option<Box<[u8]>>,
    /// Whether the server answered the hello that had its cookie with another HelloVerifyRequest.
    has_refused_cookie: bool,
}

/// What a server knows of its client: the hello that the session began with.
struct Client {
    random: [u8; RANDOM_BYTES],
    message_seq: u16,
    message_length: usize,
    /// Whether only the first fragment of the hello has arrived.
    is_fragmented: bool,
}

/// The longest Certificate message. OpenSSL takes 100 KB by default, and allocates them for the first fragment that
/// states the length. A chain of three certificates has 3 to 6 KB; Mbed TLS takes none of more than 16 KB.
const MAX_CERTIFICATE: usize = 32_768;

impl PlaintextFilter {
    /// For a client whose first hello's record has this number.
    pub(crate) fn for_client(first_hello: u64) -> Self {
        Self {
            min_number: first_hello,
            peer: Peer::Server(Server::default()),
        }
    }

    /// For a server whose session begins with this hello.
    pub(crate) fn for_server(hello: &ClientHello<'_>) -> Self {
        Self {
            min_number: hello.sequence_number,
            peer: Peer::Client(Client {
                random: *hello.random,
                message_seq: hello.message_seq,
                message_length: hello.message_length,
                is_fragmented: hello.is_fragmented,
            }),
        }
    }

    /// Whether a record is the beginning of the hello that a server's session began with: the client sends it again
    /// until it has the server's whole flight.
    pub(crate) fn is_repeated_hello(&self, record: &Record<'_>) -> bool {
        let Peer::Client(client) = &self.peer else {
            return false;
        };
        let header = &record.header;
        (header.epoch, header.content_type) == (0, content_type::HANDSHAKE)
            && header.sequence_number >= self.min_number
            && Fragment::read(&mut Reader::new(record.body))
                .is_some_and(|fragment| client.is_beginning_of_hello(&fragment))
    }

    /// Whether the server refused its own cookie: it was started again, or the cookie was not from it.
    pub(crate) fn is_cookie_refused(&self) -> bool {
        matches!(&self.peer, Peer::Server(server) if server.has_refused_cookie)
    }

    /// Whether the server has sent a cookie.
    pub(crate) fn has_cookie(&self) -> bool {
        matches!(&self.peer, Peer::Server(server) if server.cookie.is_some())
    }

    /// Accepts a server's records of any number. Some servers, OpenSSL's own among them, do not number their records
    /// from that of the hello on, as RFC 6347 section 4.2.1 requires.
    pub(crate) fn accept_any_number(&mut self) {
        if let Peer::Server(_) = self.peer {
            self.min_number = 0;
        }
    }

    /// Decides on a record, and remembers the cookie if it has one.
    pub(crate) fn check(&mut self, record: &Record<'_>) -> Verdict {
        let header = &record.header;
        match header.epoch {
            0 if header.sequence_number < self.min_number => {
                return Verdict::Drop("older than this handshake");
            }
            0 => {}
            1 => return Verdict::Sealed,
            _ => return Verdict::Drop("of an epoch that does not exist"),
        }
        let passes = match (header.content_type, record.body) {
            (content_type::CHANGE_CIPHER_SPEC, body) => body == [1],
            (content_type::ALERT, &[alert::FATAL, description]) => {
                return Verdict::Alert(description);
            }
            (content_type::ALERT, &[_, alert::CLOSE_NOTIFY]) => {
                return Verdict::Alert(alert::CLOSE_NOTIFY);
            }
            (content_type::HANDSHAKE, body) => self.pass_messages(header.sequence_number, body),
            _ => false,
        };
        match passes {
            true => Verdict::Pass,
            false => Verdict::Drop("not what can come next in plain text"),
        }
    }

    fn pass_messages(&mut self, record_number: u64, body: &[u8]) -> bool {
        let mut rest = Reader::new(body);
        while !rest.rest().is_empty() {
            let Some(fragment) = Fragment::read(&mut rest) else {
                return false;
            };
            let passes = fragment.is_within_message()
                && match &mut self.peer {
                    Peer::Server(server) => {
                        server.would_send(&fragment, record_number > self.min_number)
                    }
                    Peer::Client(client) => client.would_send(&fragment),
                };
            if !passes {
                return false;
            }
        }
        !body.is_empty()
    }
}

impl Server {
    /// `answers_later_hello`: the record's number is above that of the attempt's first hello.
    fn would_send(&mut self, fragment: &Fragment<'_>, answers_later_hello: bool) -> bool {
        let header = &fragment.header;
        // Messages are numbered in order; a HelloVerifyRequest, where there was one, is the first.
        let place = header
            .message_seq
            .checked_sub(u16::from(self.cookie.is_some()));
        // The cipher suites of `policy` exchange keys by ECDHE alone.
        let (places, lengths) = match header.message_type {
            handshake_type::HELLO_VERIFY_REQUEST => {
                return self.would_ask_for_cookie(fragment, answers_later_hello);
            }
            handshake_type::SERVER_HELLO => (0..=0, 38..=2048),
            handshake_type::CERTIFICATE => (1..=1, 3..=MAX_CERTIFICATE),
            handshake_type::SERVER_KEY_EXCHANGE => (2..=2, 4..=4096),
            handshake_type::CERTIFICATE_REQUEST => (3..=3, 4..=16_384),
            handshake_type::SERVER_HELLO_DONE => (3..=4, 0..=0),
            _ => return false,
        };
        place.is_some_and(|place| places.contains(&place))
            && lengths.contains(&header.message_length)
    }

    fn would_ask_for_cookie(&mut self, fragment: &Fragment<'_>, answers_later_hello: bool) -> bool {
        let mut body = Reader::new(fragment.body);
        let (Some(_version), Some(cookie)) = (body.take(2), body.vector(1)) else {
            return false;
        };
        if !fragment.is_whole() || fragment.header.message_seq != 0 || !body.rest().is_empty() {
            return false;
        }
        match &self.cookie {
            None => {
                self.cookie = Some(cookie.into());
                true
            }
            // RFC 6347 section 4.2.1: its record has the number of the hello that it answers.
            Some(first) => {
                self.has_refused_cookie |= answers_later_hello && **first != *cookie;
                false
            }
        }
    }
}

impl Client {
    fn is_beginning_of_hello(&self, fragment: &Fragment<'_>) -> bool {
        fragment.is_within_message()
            && self.is_of_hello(fragment)
            && fragment.header.offset == 0
            // Version and random.
            && fragment.body.get(2..2 + RANDOM_BYTES) == Some(&self.random)
    }

    fn would_send(&self, fragment: &Fragment<'_>) -> bool {
        let header = &fragment.header;
        match header.message_type {
            handshake_type::CLIENT_HELLO => self.is_fragmented && self.is_of_hello(fragment),
            handshake_type::CLIENT_KEY_EXCHANGE => {
                header.message_seq == self.message_seq + 1
                    // A point of P-384 takes 97 bytes, its length 1.
                    && (2..=256).contains(&header.message_length)
            }
            _ => false,
        }
    }

    fn is_of_hello(&self, fragment: &Fragment<'_>) -> bool {
        let header = &fragment.header;
        header.message_type == handshake_type::CLIENT_HELLO
            && header.message_seq == self.message_seq
            && header.message_length == self.message_length
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::wire_format::content_type::HANDSHAKE;
    use crate::wire_format::handshake_type::{
        CERTIFICATE, CERTIFICATE_REQUEST, CLIENT_HELLO, CLIENT_KEY_EXCHANGE, HELLO_VERIFY_REQUEST,
        SERVER_HELLO, SERVER_KEY_EXCHANGE,
    };
    use crate::wire_format::{FragmentHeader, RecordHeader, records, version};

    fn client_hello(is_fragmented: bool) -> ClientHello<'static> {
        ClientHello {
            sequence_number: 0,
            cookie: &[7; 32],
            before_cookie: &[],
            random: &[0; RANDOM_BYTES],
            message_seq: 1,
            message_length: 4096,
            is_fragmented,
            record_bytes: 100,
        }
    }

    /// A server whose client's hello is not complete, and a client that has a cookie.
    fn filters() -> [(&'static str, PlaintextFilter); 2] {
        let mut client = PlaintextFilter::for_client(0);
        let body = [&[254, 255, 32][..], &[7; 32]].concat();
        let request = message(HELLO_VERIFY_REQUEST, body.len(), 0, &body);
        assert_eq!(check(&mut client, HANDSHAKE, 0, &request), Verdict::Pass);
        [
            ("server", PlaintextFilter::for_server(&client_hello(true))),
            ("client", client),
        ]
    }

    fn message(message_type: u8, message_length: usize, message_seq: u16, body: &[u8]) -> Vec<u8> {
        let header = FragmentHeader {
            message_type,
            message_length,
            message_seq,
            offset: 0,
            length: body.len(),
        };
        [&header.to_bytes()[..], body].concat()
    }

    fn check(filter: &mut PlaintextFilter, content_type: u8, epoch: u16, body: &[u8]) -> Verdict {
        let header = RecordHeader {
            content_type,
            version: version::DTLS_1_2,
            epoch,
            sequence_number: 9,
            length: body.len(),
        };
        let record = [&header.to_bytes()[..], body].concat();
        filter.check(&records(&record).next().expect("a whole record"))
    }

    /// CVE-2026-95690: OpenSSL allocates the whole length for the first fragment of each of ten messages that come
    /// before their turn. Of each type one passes, in one place and no longer than it can be.
    #[test]
    fn one_message_of_each_type_passes_before_its_turn() {
        for (who, mut filter) in filters() {
            let mut longest = HashMap::new();
            for kind in 0..=255 {
                for number in (0..20).chain([255, 65_535]) {
                    for length in [
                        1,
                        2,
                        38,
                        256,
                        2048,
                        4096,
                        16_384,
                        MAX_CERTIFICATE,
                        102_400,
                        0xff_ffff,
                    ] {
                        let body = message(kind, length, number, &[7]);
                        if check(&mut filter, HANDSHAKE, 0, &body) == Verdict::Pass {
                            let bytes = longest.entry((kind, number)).or_insert(0);
                            *bytes = length.max(*bytes);
                        }
                    }
                }
            }
            let mut passing: Vec<_> = longest.into_iter().collect();
            passing.sort_unstable();
            let expected: &[_] = match who {
                "server" => &[((CLIENT_HELLO, 1), 4096), ((CLIENT_KEY_EXCHANGE, 2), 256)],
                _ => &[
                    ((SERVER_HELLO, 1), 2048),
                    ((CERTIFICATE, 2), MAX_CERTIFICATE),
                    ((SERVER_KEY_EXCHANGE, 3), 4096),
                    ((CERTIFICATE_REQUEST, 4), 16_384),
                ],
            };
            assert_eq!(passing, expected, "{who}");
        }
    }

    /// CVE-2026-54874: OpenSSL keeps records of the next epoch until it has keys for them. None gets there.
    #[test]
    fn no_record_of_a_later_epoch_passes_before_there_are_keys() {
        for (who, mut filter) in filters() {
            for content_type in 0..=255 {
                for epoch in (1..=300).chain([65_535]) {
                    let verdict = check(&mut filter, content_type, epoch, &[7; 40]);
                    assert_ne!(verdict, Verdict::Pass, "{who}, {content_type}, {epoch}");
                }
            }
        }
    }
}
