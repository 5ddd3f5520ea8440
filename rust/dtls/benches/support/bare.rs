//! OpenSSL alone, as a plain program would use it: the baseline that sessions are measured against.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::rc::Rc;

use openssl::pkey::PKey;
use openssl::ssl::{
    ErrorCode, HandshakeError, MidHandshakeSslStream, Ssl, SslContext, SslContextBuilder,
    SslMethod, SslOptions, SslSessionCacheMode, SslStream, SslVerifyMode,
};
use openssl::x509::X509;
use testkit::certificates::{KeyKind, Leaf};

/// The contexts of both sides, set as the sessions' are, but at their fastest: they keep their buffers.
pub struct Contexts {
    server: SslContext,
    client: SslContext,
}

impl Contexts {
    /// A server with a self-signed certificate of this kind, which its clients trust.
    pub fn new(key: KeyKind) -> Self {
        let leaf = Leaf {
            key,
            ..Leaf::localhost()
        };
        let identity = testkit::certificates::Identity::self_signed(&leaf).unwrap();
        let certificate = X509::from_pem(&identity.certificate_pem().unwrap()).unwrap();
        let key = PKey::private_key_from_pem(&identity.key_pem().unwrap()).unwrap();

        let mut server = context(SslMethod::dtls_server());
        server.set_certificate(&certificate).unwrap();
        server.set_private_key(&key).unwrap();
        server.set_options(SslOptions::COOKIE_EXCHANGE);
        server.set_cookie_generate_cb(|_, into| {
            into[..32].fill(7);
            Ok(32)
        });
        server.set_cookie_verify_cb(|_, cookie| cookie == [7; 32]);

        let mut client = context(SslMethod::dtls_client());
        client.cert_store_mut().add_cert(certificate).unwrap();
        client.set_verify(SslVerifyMode::PEER);
        Self {
            server: server.build(),
            client: client.build(),
        }
    }

    /// A client and a server over these transports, connected.
    pub fn connect<C: Read + Write, S: Read + Write>(
        &self,
        client: C,
        server: S,
    ) -> (SslStream<C>, SslStream<S>) {
        let mut client = Side::begin(ssl(&self.client).connect(client));
        let mut server = Side::begin(ssl(&self.server).accept(server));
        loop {
            match (client, server) {
                (Side::Done(client), Side::Done(server)) => return (client, server),
                (one, other) => {
                    server = other.go_on();
                    client = one.go_on();
                }
            }
        }
    }
}

enum Side<T> {
    Waits(MidHandshakeSslStream<T>),
    Done(SslStream<T>),
}

impl<T: Read + Write> Side<T> {
    fn begin(result: Result<SslStream<T>, HandshakeError<T>>) -> Self {
        match result {
            Ok(stream) => Self::Done(stream),
            Err(HandshakeError::WouldBlock(stream)) => Self::Waits(stream),
            Err(HandshakeError::SetupFailure(error)) => panic!("{error}"),
            Err(HandshakeError::Failure(stream)) => panic!("{}", stream.error()),
        }
    }

    fn go_on(self) -> Self {
        match self {
            Self::Waits(stream) => Self::begin(stream.handshake()),
            done => done,
        }
    }
}

fn context(method: SslMethod) -> SslContextBuilder {
    let mut context = SslContext::builder(method).unwrap();
    context
        .set_cipher_list("ECDHE+AESGCM:ECDHE+CHACHA20")
        .unwrap();
    context.set_groups_list("X25519:P-256:P-384").unwrap();
    context.set_options(
        SslOptions::NO_QUERY_MTU
            | SslOptions::NO_TICKET
            | SslOptions::NO_RENEGOTIATION
            | SslOptions::CIPHER_SERVER_PREFERENCE,
    );
    context.set_session_cache_mode(SslSessionCacheMode::OFF);
    context
}

fn ssl(context: &SslContext) -> Ssl {
    let mut ssl = Ssl::new(context).unwrap();
    ssl.set_mtu(dtls::MAX_DATAGRAM as u32).unwrap();
    ssl
}

/// Reads a packet, if one has arrived.
pub fn read<T: Read + Write>(stream: &mut SslStream<T>, into: &mut [u8]) -> Option<usize> {
    match stream.ssl_read(into) {
        Ok(length) => Some(length),
        Err(error) if error.code() == ErrorCode::WANT_READ => None,
        Err(error) => panic!("{error}"),
    }
}

/// One end of a transport in memory.
pub struct Memory {
    incoming: Rc<RefCell<Queue>>,
    outgoing: Rc<RefCell<Queue>>,
}

/// Datagrams, one behind the other.
#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    start: usize,
    lengths: VecDeque<usize>,
}

impl Memory {
    /// Both ends.
    pub fn pair() -> (Self, Self) {
        let queues: [Rc<RefCell<Queue>>; 2] = Default::default();
        let end = |one: usize, other: usize| Self {
            incoming: Rc::clone(&queues[one]),
            outgoing: Rc::clone(&queues[other]),
        };
        (end(0, 1), end(1, 0))
    }

    /// Forgets what was sent.
    pub fn forget_outgoing(&mut self) {
        let mut queue = self.outgoing.borrow_mut();
        queue.lengths.clear();
        queue.bytes.clear();
        queue.start = 0;
    }
}

impl Read for Memory {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut queue = self.incoming.borrow_mut();
        let length = queue.lengths.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        let start = queue.start;
        into[..length].copy_from_slice(&queue.bytes[start..start + length]);
        queue.start += length;
        if queue.lengths.is_empty() {
            queue.bytes.clear();
            queue.start = 0;
        }
        Ok(length)
    }
}

impl Write for Memory {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        let mut queue = self.outgoing.borrow_mut();
        queue.bytes.extend_from_slice(datagram);
        queue.lengths.push_back(datagram.len());
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
