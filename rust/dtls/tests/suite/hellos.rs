//! ClientHellos of any content and size.

use std::time::Instant;

use dtls::{CookieCheck, CookieJar};
use testkit::forged::{handshake_message, plain_record};

use crate::simulation::CLIENT_ADDRESS;

const CLIENT_HELLO: u8 = 1;

/// A ClientHello's fields.
#[derive(Clone)]
pub(crate) struct Hello {
    pub(crate) record_number: u64,
    pub(crate) message_number: u16,
    pub(crate) session_id: Vec<u8>,
    pub(crate) cookie: Vec<u8>,
    pub(crate) suites: Vec<u8>,
    pub(crate) extensions: Vec<u8>,
}

impl Hello {
    /// What a client sends first. ECDHE with AES-GCM for either kind of key, X25519 and P-256, and the usual signatures.
    pub(crate) fn first() -> Self {
        let mut hello = Self {
            record_number: 0,
            message_number: 0,
            session_id: Vec::new(),
            cookie: Vec::new(),
            suites: vec![0xc0, 0x2b, 0xc0, 0x2f],
            extensions: Vec::new(),
        };
        hello.extend(10, &vector(2, &[0, 29, 0, 23]));
        hello.extend(13, &vector(2, &[4, 3, 8, 4]));
        hello.extend(23, &[]);
        hello
    }

    pub(crate) fn extend(&mut self, kind: u16, content: &[u8]) {
        self.extensions.extend(kind.to_be_bytes());
        self.extensions.extend(vector(2, content));
    }

    /// What the client sends next: the same with a cookie of this jar.
    pub(crate) fn with_cookie(&self, jar: &mut CookieJar, now: Instant) -> Self {
        let first = self.datagram();
        let Ok(CookieCheck::Unverified(request)) = jar.verify_cookie(&first, CLIENT_ADDRESS, now)
        else {
            panic!("a first hello is asked for a cookie");
        };
        Self {
            record_number: self.record_number + 1,
            message_number: 1,
            cookie: request.as_bytes()[28..].to_vec(),
            ..self.clone()
        }
    }

    fn body(&self) -> Vec<u8> {
        let mut body = vec![254, 253];
        body.extend([7; 32]);
        body.extend(vector(1, &self.session_id));
        body.extend(vector(1, &self.cookie));
        body.extend(vector(2, &self.suites));
        body.extend([1, 0]);
        body.extend(vector(2, &self.extensions));
        body
    }

    /// The whole hello in one datagram.
    pub(crate) fn datagram(&self) -> Vec<u8> {
        let body = self.body();
        let whole = handshake_message(CLIENT_HELLO, body.len(), self.message_number, 0, &body);
        plain_record(22, self.record_number, &whole)
    }
}

/// Bytes with their length before them, in so many bytes.
fn vector(length_bytes: usize, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    [&length[length.len() - length_bytes..], content].concat()
}
