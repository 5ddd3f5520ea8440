//! The names in a certificate: what messages show of them, and addresses that stand among them as text.

use std::net::IpAddr;

use foreign_types::ForeignTypeRef;
use openssl::asn1::Asn1StringRef;
use openssl::nid::Nid;
use openssl::x509::{X509NameRef, X509Ref, X509StoreContextRef};

/// How many characters of names a message shows: the remote peer wrote them.
const SHOWN: usize = 200;

/// A distinguished name as `CN=game.example.org, O=Example`, with control characters escaped.
pub(crate) fn distinguished(name: &X509NameRef) -> String {
    listed(name.entries().map(|entry| {
        let key = entry.object().nid().short_name().unwrap_or("?");
        format!("{key}={}", text(entry.data()).escape_debug())
    }))
}

/// The hosts that a certificate is for: its subject alternative names, or, without that extension, its common names.
/// Empty if it names none.
pub(crate) fn hosts(certificate: &X509Ref) -> String {
    if !has_extension(certificate, Nid::SUBJECT_ALT_NAME) {
        let names = certificate.subject_name();
        return listed(
            names
                .entries_by_nid(Nid::COMMONNAME)
                .map(|entry| text(entry.data()).escape_debug().to_string()),
        );
    }
    let Some(names) = certificate.subject_alt_names() else {
        return String::new();
    };
    listed(names.iter().filter_map(|name| {
        let address = || name.ipaddress().and_then(address).map(|ip| ip.to_string());
        name.dnsname()
            .map(|dns| dns.escape_debug().to_string())
            .or_else(address)
    }))
}

/// Whether the certificate that is being verified is for an address which it holds as text, where RFC 6125 wants it in
/// binary: as its common name, if it has no subject alternative names at all, or as one of its DNS names.
///
/// The engine's `Crypto.generate_self_signed_certificate()` writes common names alone, and mbedTLS compares both kinds
/// with the host as texts. Under an authority whose names are constrained (RFC 5280 section 4.2.1.10) there is no such
/// certificate: its constraints on addresses do not reach texts.
pub(crate) fn is_for_written_address(context: &X509StoreContextRef, wanted: IpAddr) -> bool {
    let is_constrained = |chain: &openssl::stack::StackRef<openssl::x509::X509>| {
        chain
            .iter()
            .any(|one| has_extension(one, Nid::NAME_CONSTRAINTS))
    };
    let Some(certificate) = context.current_cert() else {
        return false;
    };
    if context.chain().is_none_or(is_constrained) {
        return false;
    }
    let is_wanted = |text: &str| text.parse() == Ok(wanted);
    if has_extension(certificate, Nid::SUBJECT_ALT_NAME) {
        let names = certificate.subject_alt_names();
        return names.is_some_and(|names| {
            let mut dns = names.iter().filter_map(|name| name.dnsname());
            dns.any(is_wanted)
        });
    }
    let names = certificate.subject_name();
    // The bytes as they are: a text that is cut at a zero byte could be made to look like an address.
    names
        .entries_by_nid(Nid::COMMONNAME)
        .any(|entry| std::str::from_utf8(entry.data().as_slice()).is_ok_and(is_wanted))
}

fn has_extension(certificate: &X509Ref, kind: Nid) -> bool {
    // SAFETY: the certificate is alive for the call, which only reads it.
    unsafe { openssl_sys::X509_get_ext_by_NID(certificate.as_ptr(), kind.as_raw(), -1) >= 0 }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// Joins names with commas until enough is shown.
fn listed(names: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for name in names {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&name);
        if let Some((cut, _)) = text.char_indices().nth(SHOWN) {
            text.truncate(cut);
            text.push('…');
            break;
        }
    }
    text
}

/// A string of any of ASN.1's kinds; what is no text of its kind is replaced.
fn text(string: &Asn1StringRef) -> String {
    let mut utf8 = std::ptr::null_mut();
    // SAFETY: the string is alive for the call, and OpenSSL sets the pointer where the length is not negative.
    let length = unsafe { openssl_sys::ASN1_STRING_to_UTF8(&mut utf8, string.as_ptr()) };
    let Ok(length) = usize::try_from(length) else {
        crate::openssl_error::forget_earlier_errors();
        return String::from_utf8_lossy(string.as_slice()).into_owned();
    };
    // SAFETY: OpenSSL allocated that many bytes for the caller, who frees them once and does not use them after.
    unsafe {
        let bytes = std::slice::from_raw_parts(utf8, length);
        let text = String::from_utf8_lossy(bytes).into_owned();
        openssl_sys::OPENSSL_free(utf8.cast());
        text
    }
}
