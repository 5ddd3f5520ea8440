//! A handshake in memory with a server's key and certificate, before any client connects.
//!
//! OpenSSL accepts keys and certificates that it cannot use in DTLS 1.2, such as an ECDSA certificate whose key usage
//! forbids signatures: every client would fail, with nothing but "no shared cipher". The handshake costs about a
//! millisecond, once for a context.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use openssl::error::ErrorStack;
use openssl::ssl::{self, Ssl, SslContextRef, SslStream, SslVerifyMode};

use crate::config::error::ConfigError;
use crate::config::policy;
use crate::openssl_error::{forget_earlier_errors, reason};
use crate::wire_format::records;

/// More flights than a handshake has.
const FLIGHTS: usize = 10;
/// OpenSSL fragments no message that fits in a record.
const MTU: u32 = 65_535;

/// Connects a client that verifies nothing to a server's context.
///
/// # Errors
/// [`ConfigError::NoClientCanConnect`] with the reason of the side that failed, or [`ConfigError::OpenSsl`].
pub(crate) fn handshake(server: &SslContextRef) -> Result<(), ConfigError> {
    let mut client = policy::client_builder()?;
    client.set_verify(SslVerifyMode::NONE);
    let client = client.build();
    let make = |context: &SslContextRef| {
        let mut ssl = Ssl::new(context)?;
        ssl.set_mtu(MTU)?;
        Ok(ssl)
    };
    let pair = || Ok((make(&client)?, make(server)?));
    let (mut client, mut server) = pair().map_err(|stack| ConfigError::openssl(&stack))?;
    client.set_connect_state();
    server.set_accept_state();
    let (mut client, mut server) = (side(client)?, side(server)?);
    for _ in 0..FLIGHTS {
        let client_is_done = advance(&mut client);
        carry(&mut client, &mut server);
        let server_is_done = advance(&mut server);
        carry(&mut server, &mut client);
        match (client_is_done, server_is_done) {
            (_, Err(why)) | (Err(why), _) => return Err(ConfigError::NoClientCanConnect(why)),
            (Ok(true), Ok(true)) => return Ok(()),
            _ => {}
        }
    }
    let why = "the handshake does not end";
    Err(ConfigError::NoClientCanConnect(why.to_owned()))
}

/// Records on their way from and to one side. A read returns one record.
#[derive(Default)]
struct Pipe {
    incoming: VecDeque<Vec<u8>>,
    /// What OpenSSL wrote. It writes 4 KB at a time, so a record may be in two writes.
    written: Vec<u8>,
}

fn side(ssl: Ssl) -> Result<SslStream<Pipe>, ConfigError> {
    SslStream::new(ssl, Pipe::default()).map_err(|stack: ErrorStack| ConfigError::openssl(&stack))
}

/// Goes on until OpenSSL waits for another datagram; returns whether the handshake is finished.
fn advance(side: &mut SslStream<Pipe>) -> Result<bool, String> {
    forget_earlier_errors();
    match side.do_handshake() {
        Ok(()) => Ok(true),
        Err(error) if error.code() == ssl::ErrorCode::WANT_READ => Ok(false),
        Err(error) => Err(error
            .ssl_error()
            .map_or_else(|| "the transport ended".to_owned(), reason)),
    }
}

fn carry(from: &mut SslStream<Pipe>, to: &mut SslStream<Pipe>) {
    let written = std::mem::take(&mut from.get_mut().written);
    let records = records(&written).map(|record| record.bytes.to_vec());
    to.get_mut().incoming.extend(records);
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let record = self.incoming.pop_front();
        let record = record.ok_or(io::ErrorKind::WouldBlock)?;
        let length = record.len().min(into.len());
        into[..length].copy_from_slice(&record[..length]);
        Ok(length)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
