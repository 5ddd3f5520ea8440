//! Certificates whose serial number has a superfluous leading zero.
//!
//! X.690 section 8.3.2 forbids it, and OpenSSL's parser has no option to accept it (`c2i_ibuf`, "illegal padding"), while
//! mbedTLS both reads and writes it: of the certificates that the engine's `Crypto.generate_self_signed_certificate()`
//! makes, which draws 20 random bytes as the serial number, one in 512 has it.
//!
//! OpenSSL gets such a certificate with a one in place of the zero, which changes no length:
//! - a server's own gets its zero back once it is parsed, so that the bytes sent are those of the file;
//! - a trusted certificate keeps the one, and so does a certificate that a server sends, which is changed after OpenSSL
//!   has hashed the handshake message and before it parses it. The two are equal if the originals are, which is how a
//!   trusted self-signed certificate is recognised. A signature by another authority no longer fits, so a certificate of
//!   that kind is refused.
//!
//! This accepts nothing else: no decision depends on this byte, every other byte is compared and verified as ever, and
//! the handshake's Finished covers the bytes that were sent.

use std::ffi::{c_int, c_void};
use std::ops::Range;

use foreign_types::ForeignType;
use openssl::ssl::SslContextBuilder;
use openssl::x509::X509;
use openssl_sys::{SSL, SSL_CTX};

use crate::wire_format::content_type::HANDSHAKE;
use crate::wire_format::handshake_type::CERTIFICATE;
use crate::wire_format::{FragmentHeader, big_endian};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
/// The version of a certificate, `[0] EXPLICIT`.
const VERSION: u8 = 0xa0;
/// Replaces the zero.
const REPLACEMENT: u8 = 1;

/// Where in a certificate (DER) the serial number is, if it begins with a superfluous zero.
fn padded_serial(der: &[u8]) -> Option<Range<usize>> {
    let (tag, certificate) = element(der, 0)?;
    let (tag_within, signed) = element(der, certificate.start)?;
    if (tag, tag_within) != (SEQUENCE, SEQUENCE) {
        return None;
    }
    let (mut tag, mut content) = element(der, signed.start)?;
    if tag == VERSION {
        (tag, content) = element(der, content.end)?;
    }
    let is_padded = |serial: &[u8]| matches!(serial, [0, 0..=0x7f, ..]);
    (tag == INTEGER && is_padded(&der[content.clone()])).then_some(content)
}

/// The tag of the element that begins at `start`, and where its content is.
fn element(der: &[u8], start: usize) -> Option<(u8, Range<usize>)> {
    let (&[tag, first], rest) = der.get(start..)?.split_first_chunk()?;
    let bytes = match first {
        0x00..=0x7f => 0,
        0x81..=0x83 => usize::from(first - 0x80),
        _ => return None,
    };
    let long = rest.get(..bytes)?;
    let length = match bytes {
        0 => usize::from(first),
        _ => big_endian(long) as usize,
    };
    let content = start + 2 + bytes;
    let end = content + length;
    (end <= der.len()).then_some((tag, content..end))
}

/// Reads a certificate that has the superfluous zero, with the zero replaced; `None` if it has none, or cannot be read
/// for another reason.
pub(crate) fn read_replaced(der: &[u8]) -> Option<X509> {
    let serial = padded_serial(der)?;
    let mut copy = der.to_vec();
    copy[serial.start] = REPLACEMENT;
    X509::from_der(&copy).ok()
}

/// Restores the zero of a certificate that [`read_replaced`] made from `der`: from now on it is encoded as `der`.
pub(crate) fn restore(certificate: X509, der: &[u8]) -> Option<X509> {
    let serial = &der[padded_serial(der)?];
    let x509 = certificate.as_ptr();
    // SAFETY: this function owns `certificate`, the only reference to it (`read_replaced` has just parsed it), so it is
    // alive and nothing else reads it. Its serial number belongs to it and lives as long. `ASN1_STRING_set` copies
    // `serial.len()` bytes from `serial`. `i2d_re_X509_tbs` with a null pointer writes nothing and encodes anew.
    let is_set = unsafe {
        let number = openssl_sys::X509_get_serialNumber(x509);
        let bytes = serial.as_ptr().cast::<c_void>();
        openssl_sys::ASN1_STRING_set(number.cast(), bytes, serial.len() as c_int) == 1
            && i2d_re_X509_tbs(x509, std::ptr::null_mut()) > 0
    };
    // The signature covers every byte, and OpenSSL always encodes as DER.
    let is_same = certificate.to_der().is_ok_and(|encoded| encoded == der);
    (is_set && is_same).then_some(certificate)
}

// openssl/x509.h and openssl/ssl.h
unsafe extern "C" {
    fn i2d_re_X509_tbs(certificate: *mut openssl_sys::X509, into: *mut *mut u8) -> c_int;
    fn SSL_CTX_set_msg_callback(
        context: *mut SSL_CTX,
        callback: Option<
            unsafe extern "C" fn(c_int, c_int, c_int, *const c_void, usize, *mut SSL, *mut c_void),
        >,
    );
}

/// Makes a client's sessions replace superfluous zeros in the certificates that servers send.
pub(crate) fn replace_in_handshakes(context: &mut SslContextBuilder) {
    // SAFETY: the context is borrowed, and so alive, for the call; the callback has the signature that OpenSSL calls
    // (openssl/ssl.h), and keeps none of its arguments.
    unsafe { SSL_CTX_set_msg_callback(context.as_ptr(), Some(replace_in_message)) }
}

/// Called by OpenSSL with each message, for a received one after it is hashed and before it is parsed
/// (`dtls_get_message_body`). If that order changed, a handshake with a changed message would fail at Finished.
unsafe extern "C" fn replace_in_message(
    is_sent: c_int,
    _version: c_int,
    content_type: c_int,
    message: *const c_void,
    length: usize,
    _ssl: *mut SSL,
    _argument: *mut c_void,
) {
    if is_sent != 0 || content_type != c_int::from(HANDSHAKE) || message.is_null() {
        return;
    }
    // SAFETY: OpenSSL passes `length` bytes at `message`, checked above not to be null, which stay valid for the call
    // (SSL_CTX_set_msg_callback(3)).
    let received = unsafe { std::slice::from_raw_parts(message.cast::<u8>(), length) };
    for at in positions_in_message(received) {
        // SAFETY: `at` lies within the message (`positions_in_message` indexes it). A received message is in the `SSL`'s
        // own writable buffer (`init_buf`), which nothing else accesses during the call: the `SSL` belongs to one
        // `SslStream`, borrowed mutably by the call that got here. `received` is not used any more. The parameter
        // is const for callbacks that only read.
        unsafe { message.cast::<u8>().cast_mut().add(at).write(REPLACEMENT) }
    }
}

/// Where the superfluous zeros of a Certificate message (RFC 5246 section 7.4.2) are, behind a header of DTLS; none for
/// other messages.
fn positions_in_message(message: &[u8]) -> Vec<usize> {
    const LENGTH: usize = 3;
    let mut positions = Vec::new();
    if message.first() != Some(&CERTIFICATE) {
        return positions;
    }
    let mut at = FragmentHeader::BYTES + LENGTH;
    while let Some(length) = message.get(at..at + LENGTH) {
        at += LENGTH;
        let end = at + big_endian(length) as usize;
        let Some(der) = message.get(at..end) else {
            break;
        };
        positions.extend(padded_serial(der).map(|serial| at + serial.start));
        at = end;
    }
    positions
}
