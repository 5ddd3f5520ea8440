//! What OpenSSL gets to see of a handshake's plain text.
//!
//! Until there are keys, anyone who guesses the two addresses can send records that look like the
//! other side's. RFC 6347 section 4.1.2.7 has invalid records dropped in silence; OpenSSL ends the
//! handshake over many. So nothing passes here but what the other side has reason to send at this
//! point, in the shape that it must have.

use crate::wire_format::hello::{ClientHello, RANDOM};
use crate::wire_format::reader::Reader;
use crate::wire_format::record::{Record, big_endian};

/// What is to be done with a record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// OpenSSL may see it.
    Pass,
    /// Sealed, and there may be no keys yet.
    Sealed,
    /// A plain-text alert that would end the handshake, of this kind.
    Alert(u8),
    /// Nothing that the other side would send.
    Drop,
}

/// What one side of a handshake expects of the other.
pub(crate) enum Screen {
    Client(Server),
    Server(Client),
}

/// What a client knows of its server.
#[derive(Default)]
pub(crate) struct Server {
    /// The number of the record with this attempt's first hello: what is numbered below it is from
    /// an earlier attempt.
    floor: u64,
    cookie: Option<Box<[u8]>>,
    /// Whether the server has answered the hello that had the cookie with another one.
    refused: bool,
}

/// What a server knows of its client.
pub(crate) struct Client {
    random: [u8; RANDOM],
    /// The number of the record with the client's hello.
    floor: u64,
    message_number: usize,
    length: usize,
    /// Whether the rest of the hello is still under way.
    is_fragmented: bool,
}

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const FATAL: u8 = 2;
const CLOSE_NOTIFY: u8 = 0;

// Handshake messages (RFC 5246 section 7.4, RFC 6347 section 4.3.2). The suites of `policy` exchange
// keys by ECDHE alone, and servers here ask for no certificate.
const CLIENT_HELLO: usize = 1;
const SERVER_HELLO: usize = 2;
const HELLO_VERIFY_REQUEST: usize = 3;
const CERTIFICATE: usize = 11;
const SERVER_KEY_EXCHANGE: usize = 12;
const CERTIFICATE_REQUEST: usize = 13;
const SERVER_HELLO_DONE: usize = 14;
const CLIENT_KEY_EXCHANGE: usize = 16;

/// The longest certificate chain. OpenSSL takes 100 KB unless it is told otherwise, and would allocate them for whoever
/// says that they are coming; a chain of three has 3 to 6 KB, and Mbed TLS takes none beyond 16 KB.
const LONGEST_CHAIN: usize = 32_768;

/// A handshake message, or a fragment of one.
struct Fragment<'a> {
    kind: usize,
    length: usize,
    message_number: usize,
    offset: usize,
    body: &'a [u8],
}

impl Screen {
    /// For a client whose first hello's record has this number.
    pub(crate) fn for_client(first_hello: u64) -> Self {
        Self::Client(Server {
            floor: first_hello,
            ..Server::default()
        })
    }

    /// For a server that has just begun with this datagram.
    pub(crate) fn for_server(hello: &ClientHello<'_>) -> Self {
        Self::Server(Client {
            random: hello.random.try_into().unwrap_or([0; RANDOM]),
            floor: big_endian(&hello.record_number[2..]),
            message_number: hello.message_number,
            length: hello.length,
            is_fragmented: hello.is_fragmented,
        })
    }

    /// The random of the hello that a server's session began with. OpenSSL tells it only once it has all fragments.
    pub(crate) fn client_random(&self) -> Option<&[u8; RANDOM]> {
        match self {
            Self::Client(_) => None,
            Self::Server(client) => Some(&client.random),
        }
    }

    /// Whether a server's client sends its hello again: it waits for the server's flight, or for some of it.
    pub(crate) fn is_repeated_hello(&self, record: &Record<'_>) -> bool {
        let Self::Server(client) = self else {
            return false;
        };
        let first = Fragment::read(&mut Reader(record.body));
        (record.epoch, record.content_type) == (0, HANDSHAKE)
            && record.number >= client.floor
            && first.is_some_and(|fragment| client.is_beginning_of_hello(&fragment))
    }

    /// Whether a server has refused the cookie that it gave before: it was started anew, or
    /// the cookie was another's.
    pub(crate) fn is_cookie_refused(&self) -> bool {
        matches!(self, Self::Client(server) if server.refused)
    }

    /// Whether a client's server has asked for a cookie.
    pub(crate) fn has_cookie(&self) -> bool {
        matches!(self, Self::Client(server) if server.cookie.is_some())
    }

    /// Lets records of any number pass: some servers (OpenSSL's own, for one) do not number theirs as
    /// the hello that they answer, whatever RFC 6347 section 4.2.1 says.
    pub(crate) fn take_any_number(&mut self) {
        if let Self::Client(server) = self {
            server.floor = 0;
        }
    }

    pub(crate) fn judge(&mut self, record: &Record<'_>) -> Verdict {
        match record.epoch {
            0 if record.number < self.floor() => return Verdict::Drop,
            0 => {}
            1 => return Verdict::Sealed,
            _ => return Verdict::Drop,
        }
        let passes = match (record.content_type, record.body) {
            (CHANGE_CIPHER_SPEC, body) => body == [1],
            (ALERT, &[FATAL, kind]) => return Verdict::Alert(kind),
            (ALERT, &[_, CLOSE_NOTIFY]) => return Verdict::Alert(CLOSE_NOTIFY),
            (HANDSHAKE, body) => self.pass_messages(record.number, body),
            _ => false,
        };
        if passes { Verdict::Pass } else { Verdict::Drop }
    }

    fn floor(&self) -> u64 {
        match self {
            Self::Client(server) => server.floor,
            Self::Server(client) => client.floor,
        }
    }

    fn pass_messages(&mut self, record_number: u64, body: &[u8]) -> bool {
        let mut rest = Reader(body);
        while !rest.0.is_empty() {
            let Some(fragment) = Fragment::read(&mut rest) else {
                return false;
            };
            let passes = match self {
                Self::Client(server) => server.would_send(&fragment, record_number),
                Self::Server(client) => client.would_send(&fragment),
            };
            if !passes {
                return false;
            }
        }
        !body.is_empty()
    }
}

impl<'a> Fragment<'a> {
    /// `None` for what is cut short, reaches beyond its message, or is empty where the message is not.
    fn read(rest: &mut Reader<'a>) -> Option<Self> {
        let fragment = Self {
            kind: rest.number(1)?,
            length: rest.number(3)?,
            message_number: rest.number(2)?,
            offset: rest.number(3)?,
            body: rest.vector(3)?,
        };
        let fits = fragment.offset + fragment.body.len() <= fragment.length;
        (fits && fragment.body.is_empty() == (fragment.length == 0)).then_some(fragment)
    }

    fn is_whole(&self) -> bool {
        self.body.len() == self.length
    }
}

impl Server {
    fn would_send(&mut self, fragment: &Fragment<'_>, record_number: u64) -> bool {
        // Messages are numbered in order; a HelloVerifyRequest, where there was one, is the first.
        let place = fragment
            .message_number
            .checked_sub(usize::from(self.cookie.is_some()));
        let (places, lengths) = match fragment.kind {
            HELLO_VERIFY_REQUEST => return self.would_ask_for_cookie(fragment, record_number),
            SERVER_HELLO => (0..=0, 38..=2048),
            CERTIFICATE => (1..=1, 3..=LONGEST_CHAIN),
            SERVER_KEY_EXCHANGE => (2..=2, 4..=4096),
            CERTIFICATE_REQUEST => (3..=3, 4..=16_384),
            SERVER_HELLO_DONE => (3..=4, 0..=0),
            _ => return false,
        };
        place.is_some_and(|place| places.contains(&place)) && lengths.contains(&fragment.length)
    }

    fn would_ask_for_cookie(&mut self, fragment: &Fragment<'_>, record_number: u64) -> bool {
        let mut body = Reader(fragment.body);
        let (Some(_version), Some(cookie)) = (body.take(2), body.vector(1)) else {
            return false;
        };
        if !fragment.is_whole() || fragment.message_number != 0 || !body.0.is_empty() {
            return false;
        }
        match &self.cookie {
            None => {
                self.cookie = Some(cookie.into());
                true
            }
            // RFC 6347 section 4.2.1 has it carry the number of the hello that it answers.
            Some(given) => {
                self.refused |= record_number > self.floor && **given != *cookie;
                false
            }
        }
    }
}

impl Client {
    fn is_beginning_of_hello(&self, fragment: &Fragment<'_>) -> bool {
        fragment.kind == CLIENT_HELLO
            && fragment.message_number == self.message_number
            && fragment.length == self.length
            && fragment.offset == 0
            // Version and random.
            && fragment.body.get(2..2 + RANDOM) == Some(&self.random)
    }

    fn would_send(&self, fragment: &Fragment<'_>) -> bool {
        match fragment.kind {
            CLIENT_HELLO => {
                self.is_fragmented
                    && fragment.message_number == self.message_number
                    && fragment.length == self.length
            }
            CLIENT_KEY_EXCHANGE => {
                fragment.message_number == self.message_number + 1
                    // A point of P-384 takes 97 bytes, its length 1.
                    && (2..=256).contains(&fragment.length)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn client_hello(is_fragmented: bool) -> ClientHello<'static> {
        ClientHello {
            record_number: &[0; 8],
            cookie: &[7; 32],
            opening: &[],
            random: &[0; RANDOM],
            message_number: 1,
            length: 4096,
            is_fragmented,
            record_bytes: 100,
        }
    }

    /// A server whose client's hello is not complete, and a client that has a cookie.
    fn screens() -> [(&'static str, Screen); 2] {
        let mut client = Screen::for_client(0);
        let body = [&[254, 255, 32][..], &[7; 32]].concat();
        let request = message(HELLO_VERIFY_REQUEST, body.len(), 0, &body);
        assert_eq!(judge(&mut client, HANDSHAKE, 0, &request), Verdict::Pass);
        [
            ("server", Screen::for_server(&client_hello(true))),
            ("client", client),
        ]
    }

    fn message(kind: usize, length: usize, number: usize, body: &[u8]) -> Vec<u8> {
        let bytes = |value: usize, count: usize| value.to_be_bytes()[8 - count..].to_vec();
        let parts = [
            bytes(kind, 1),
            bytes(length, 3),
            bytes(number, 2),
            bytes(0, 3),
            bytes(body.len(), 3),
            body.to_vec(),
        ];
        parts.concat()
    }

    fn judge(screen: &mut Screen, content_type: u8, epoch: u16, body: &[u8]) -> Verdict {
        let header = crate::wire_format::record::Header {
            content_type,
            version: crate::wire_format::record::DTLS_1_2,
            epoch,
            number: 9,
            length: body.len(),
        };
        let record = [&header.to_bytes()[..], body].concat();
        screen.judge(&Record::read(&record, 0).expect("a whole record"))
    }

    /// CVE-2026-95690: OpenSSL allocates the whole length for the first fragment of each of ten messages ahead of their
    /// turn. Of each kind one passes, in one place and no longer than it can be.
    #[test]
    fn little_can_be_allocated_for_messages_ahead_of_their_turn() {
        for (who, mut screen) in screens() {
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
                        LONGEST_CHAIN,
                        102_400,
                        0xff_ffff,
                    ] {
                        let body = message(kind, length, number, &[7]);
                        if judge(&mut screen, HANDSHAKE, 0, &body) == Verdict::Pass {
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
                    ((CERTIFICATE, 2), LONGEST_CHAIN),
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
        for (who, mut screen) in screens() {
            for content_type in 0..=255 {
                for epoch in (1..=300).chain([65_535]) {
                    let verdict = judge(&mut screen, content_type, epoch, &[7; 40]);
                    assert_ne!(verdict, Verdict::Pass, "{who}, {content_type}, {epoch}");
                }
            }
        }
    }
}
