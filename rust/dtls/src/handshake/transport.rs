//! What is between a session and the network: OpenSSL while it shakes hands, memory alone after that.

use foreign_types::ForeignTypeRef;
use libc::c_int;
use openssl::error::ErrorStack;
use openssl::ssl::{self, Ssl, SslRef, SslStream};
use openssl_sys::SSL;

use crate::handshake::memory_bio::Wire;

/// OpenSSL 3.2: from there on, a record that is written finds or makes its buffer. Before, a retransmission
/// (`DTLS_CTRL_HANDLE_TIMEOUT`) writes to the one that was freed.
const MAKES_BUFFERS_ANEW: i64 = 0x3020_0000;

unsafe extern "C" {
    fn SSL_free_buffers(ssl: *mut SSL) -> c_int;
}

/// The [`Wire`], with OpenSSL at its end until the handshake is done.
pub(crate) enum Transport {
    OpenSsl(SslStream<Wire>),
    Wire(Wire),
}

impl Transport {
    pub(crate) fn new(ssl: Ssl, wire: Wire) -> Result<Self, ErrorStack> {
        SslStream::new(ssl, wire).map(Self::OpenSsl)
    }

    /// OpenSSL's side of the session, while there is one.
    pub(crate) fn ssl(&self) -> Option<&SslRef> {
        match self {
            Self::OpenSsl(stream) => Some(stream.ssl()),
            Self::Wire(_) => None,
        }
    }

    /// Lets OpenSSL go on as far as it can; `None` if it is done and gone. While it waits, it has no buffer for a record.
    pub(crate) fn do_handshake(&mut self) -> Option<Result<(), ssl::Error>> {
        let Self::OpenSsl(stream) = self else {
            return None;
        };
        let result = stream.do_handshake();
        if openssl::version::number() >= MAKES_BUFFERS_ANEW {
            // `SSL_MODE_RELEASE_BUFFERS` does not cover the read buffer: the read that finds nothing makes it anew.
            // SAFETY: the session is alive, and this transport, which is borrowed mutably, has it alone (`Ssl` is not
            // cloned). Buffers with something in them stay.
            unsafe { SSL_free_buffers(stream.ssl().as_ptr()) };
        }
        Some(result)
    }

    /// Frees OpenSSL's side of the session.
    pub(crate) fn free_ssl(&mut self) {
        *self = Self::Wire(std::mem::take(self.get_mut()));
    }

    pub(crate) fn get_ref(&self) -> &Wire {
        match self {
            Self::OpenSsl(stream) => stream.get_ref(),
            Self::Wire(wire) => wire,
        }
    }

    pub(crate) fn get_mut(&mut self) -> &mut Wire {
        match self {
            Self::OpenSsl(stream) => stream.get_mut(),
            Self::Wire(wire) => wire,
        }
    }
}
