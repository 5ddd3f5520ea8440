//! OpenSSL's part of a handshake: an `SSL` that reads and writes memory, and the calls that the `openssl` crate lacks.

use foreign_types::ForeignTypeRef;
use libc::{c_int, c_uchar, c_uint, c_void};
use openssl::error::ErrorStack;
use openssl::ssl::{self, ErrorCode, Ssl, SslRef, SslStream};
use openssl_sys::{SSL, SSL_SESSION};

use crate::config::context::{ClientContext, ServerContext};
use crate::config::error::ConfigError;
use crate::config::trust::Verification;
use crate::handshake::memory_bio::MemoryBio;
use crate::handshake::verification::{Rejected, expect_name, record_rejection};
use crate::openssl_error::forget_earlier_errors;
use crate::record::suite::Suite;
use crate::wire_format::MAX_PLAINTEXT;

/// The MTU that OpenSSL gets: it fragments no message that fits in a record. Flights are cut into
/// datagrams in [`flight`](crate::handshake::flight).
const MTU: u32 = 65_535;

/// OpenSSL 3.2: from there on a write allocates its buffer if it was freed. Before, a retransmission
/// (`DTLS_CTRL_HANDLE_TIMEOUT`) writes to the freed one.
const REALLOCATES_BUFFERS: i64 = 0x3020_0000;

type TimerCallback = unsafe extern "C" fn(*mut SSL, c_uint) -> c_uint;

// openssl/ssl.h and openssl/bio.h
unsafe extern "C" {
    fn BIO_ADDR_free(address: *mut c_void);
    fn BIO_ADDR_new() -> *mut c_void;
    fn DTLS_set_timer_cb(ssl: *mut SSL, callback: Option<TimerCallback>);
    fn DTLSv1_listen(ssl: *mut SSL, client: *mut c_void) -> c_int;
    fn SSL_SESSION_get_max_fragment_length(session: *const SSL_SESSION) -> c_uchar;
    fn SSL_free_buffers(ssl: *mut SSL) -> c_int;
}

/// One side of a handshake in OpenSSL. The `SSL` is owned by this value alone; it is never cloned.
pub(crate) struct OpenSslHandshake(SslStream<MemoryBio>);

impl OpenSslHandshake {
    /// A client's. OpenSSL's verification records in `rejected` the certificate that it does not accept.
    ///
    /// # Errors
    /// [`ConfigError::NameMissing`], [`ConfigError::NameInvalid`] or [`ConfigError::OpenSsl`].
    pub(crate) fn client(
        context: &ClientContext,
        server_name: &str,
        rejected: &Rejected,
    ) -> Result<Self, ConfigError> {
        let mut ssl = new_ssl(&context.ssl)?;
        match &context.verification {
            Verification::Full(_) => {
                expect_name(&mut ssl, server_name)?;
                record_rejection(&mut ssl, rejected, Some(server_name.to_owned()));
            }
            Verification::DangerousAnyName(_) => record_rejection(&mut ssl, rejected, None),
            Verification::DangerousNone => {}
        }
        ssl.set_connect_state();
        Self::new(ssl)
    }

    /// A server's, which begins with the record of a ClientHello whose cookie is verified, as if it had sent the
    /// HelloVerifyRequest itself (`DTLSv1_listen`).
    ///
    /// # Errors
    /// [`ConfigError::OpenSsl`], also where OpenSSL does not take the record for such a hello.
    pub(crate) fn server(context: &ServerContext, hello: &[u8]) -> Result<Self, ConfigError> {
        let mut ssl = new_ssl(&context.ssl)?;
        ssl.set_accept_state();
        let mut handshake = Self::new(ssl)?;
        handshake.bio().offer(hello);
        handshake
            .listen()
            .map_err(|stack| ConfigError::openssl(&stack))?;
        Ok(handshake)
    }

    fn new(ssl: Ssl) -> Result<Self, ConfigError> {
        let stream = SslStream::new(ssl, MemoryBio::default());
        stream
            .map(Self)
            .map_err(|stack| ConfigError::openssl(&stack))
    }

    fn listen(&mut self) -> Result<(), ErrorStack> {
        // SAFETY: the call takes no arguments; a null result is checked for below.
        let address = unsafe { BIO_ADDR_new() };
        if address.is_null() {
            return Err(ErrorStack::get());
        }
        // SAFETY: the `SSL` is alive and has its BIO, as `SslStream::new` has set it, and is borrowed mutably here.
        // `address` was checked not to be null, is freed once, and is not used after.
        let result = unsafe {
            let result = DTLSv1_listen(self.ssl().as_ptr(), address);
            BIO_ADDR_free(address);
            result
        };
        match result {
            1 => Ok(()),
            _ => Err(ErrorStack::get()),
        }
    }

    pub(crate) fn ssl(&self) -> &SslRef {
        self.0.ssl()
    }

    pub(crate) fn bio(&mut self) -> &mut MemoryBio {
        self.0.get_mut()
    }

    /// Reads the record that the BIO has, if any, and writes what follows from it.
    ///
    /// # Errors
    /// As `SSL_do_handshake`: one for which [`is_waiting`] is true until the handshake is finished.
    pub(crate) fn advance(&mut self) -> Result<(), ssl::Error> {
        forget_earlier_errors();
        let result = self.0.do_handshake();
        if openssl::version::number() >= REALLOCATES_BUFFERS {
            // A handshake waits most of the time. `SSL_MODE_RELEASE_BUFFERS` does not cover the read buffer of 17 KB,
            // which a read allocates even if it finds nothing.
            // SAFETY: the `SSL` is alive and borrowed mutably here, and no call of OpenSSL on it is running. Buffers
            // with unread or unsent data are kept.
            unsafe { SSL_free_buffers(self.ssl().as_ptr()) };
        }
        result
    }

    /// Whether OpenSSL has read the other side's ChangeCipherSpec, after which it reads sealed records.
    pub(crate) fn reads_sealed_records(&self) -> bool {
        // The state "TLS read change cipher spec" of SSL_state_string(3).
        self.ssl().state_string() == "TRCCS"
    }

    /// The negotiated cipher suite, by OpenSSL's name.
    pub(crate) fn cipher(&self) -> Option<&'static str> {
        self.ssl().current_cipher().map(|cipher| cipher.name())
    }

    /// By how many bytes a sealed record is longer than its plain text; the least of all suites until one is
    /// negotiated.
    pub(crate) fn sealing_overhead(&self) -> usize {
        self.cipher()
            .and_then(Suite::of)
            .unwrap_or(Suite::ChaCha20Poly1305)
            .overhead()
    }

    /// The largest plain text of a record, in bytes, that the two sides agreed on (RFC 6066 section 4), or else that
    /// DTLS allows.
    pub(crate) fn max_plaintext(&self) -> usize {
        let code = self.ssl().session().map_or(0, |session| {
            // SAFETY: the session is borrowed, and so alive, for the call, which only reads it.
            unsafe { SSL_SESSION_get_max_fragment_length(session.as_ptr()) }
        });
        match code {
            1..=4 => 256 << code,
            _ => MAX_PLAINTEXT,
        }
    }
}

/// Whether OpenSSL waits for another record.
pub(crate) fn is_waiting(error: &ssl::Error) -> bool {
    matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE)
}

fn new_ssl(context: &ssl::SslContext) -> Result<Ssl, ConfigError> {
    forget_earlier_errors();
    let make = || {
        let mut ssl = Ssl::new(context)?;
        ssl.set_mtu(MTU)?;
        disable_timer(&mut ssl);
        Ok(ssl)
    };
    make().map_err(|stack| ConfigError::openssl(&stack))
}

/// Keeps OpenSSL from retransmitting: see docs/decisions/retransmission.md.
fn disable_timer(ssl: &mut SslRef) {
    // SAFETY: the `SSL` is borrowed, and so alive, for the call; the callback reads neither of its arguments.
    unsafe { DTLS_set_timer_cb(ssl.as_ptr(), Some(longest_wait)) }
}

/// Called by OpenSSL for the next wait, in microseconds: 71 minutes, longer than any handshake may take. If the system's
/// clock is set forward by more than that, OpenSSL does write its flight again, and
/// [`Outbound`](crate::handshake::outbound::Outbound) drops it.
unsafe extern "C" fn longest_wait(_ssl: *mut SSL, _last: c_uint) -> c_uint {
    c_uint::MAX
}
