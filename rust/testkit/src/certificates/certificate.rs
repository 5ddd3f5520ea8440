//! Builds and signs one X.509 certificate.

use std::ffi::c_int;

use foreign_types::ForeignType;
use openssl::asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Extension, X509Name, X509NameRef};

use super::{Leaf, Result, key};

/// An unknown extension, under the arc that is reserved for examples.
const PADDING_EXTENSION: &str = "2.999.1";

/// The issuer: a certificate and its key, or no certificate for a self-signed one.
pub(crate) struct Signer<'a> {
    pub(crate) key: &'a PKey<Private>,
    pub(crate) certificate: Option<&'a X509>,
}

/// A certificate that may sign others.
pub(crate) fn authority(
    common_name: &str,
    extensions: &[X509Extension],
    key: &PKey<Private>,
    signer: &Signer<'_>,
) -> Result<X509> {
    let subject = name(Some(common_name))?;
    let mut builder = unsigned(&subject, key, signer, -1, 3650)?;
    builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
    builder.append_extension(
        KeyUsage::new()
            .critical()
            .key_cert_sign()
            .crl_sign()
            .build()?,
    )?;
    finish(builder, extensions, signer)
}

/// A certificate for a server or a client.
pub(crate) fn leaf(leaf: &Leaf, key: &PKey<Private>, signer: &Signer<'_>) -> Result<X509> {
    let subject = name(leaf.common_name.as_deref())?;
    let mut builder = unsigned(
        &subject,
        key,
        signer,
        leaf.not_before_days,
        leaf.not_after_days,
    )?;
    if leaf.has_padded_serial {
        let serial = padded_serial()?;
        builder.set_serial_number(&serial)?;
    }
    builder.append_extension(BasicConstraints::new().critical().build()?)?;
    builder.append_extension(
        ExtendedKeyUsage::new()
            .server_auth()
            .client_auth()
            .build()?,
    )?;
    if !leaf.may_sign {
        builder.append_extension(KeyUsage::new().critical().key_agreement().build()?)?;
    }
    if !leaf.dns.is_empty() || !leaf.ips.is_empty() {
        let mut names = SubjectAlternativeName::new();
        for dns in &leaf.dns {
            names.dns(dns);
        }
        for ip in &leaf.ips {
            names.ip(&ip.to_string());
        }
        let extension = names.build(&context(&builder, signer))?;
        builder.append_extension(extension)?;
    }
    finish(builder, &padding(leaf.padding)?, signer)
}

/// A serial number that is encoded with a superfluous zero.
fn padded_serial() -> Result<Asn1Integer> {
    let mut bytes = [0; 20];
    openssl::rand::rand_bytes(&mut bytes[1..])?;
    bytes[1] &= 0x7f;
    let number = BigNum::new()?.to_asn1_integer()?;
    // SAFETY: `number` owns its ASN1_INTEGER, and `data` is valid for `length` bytes, which OpenSSL copies.
    let is_set = unsafe {
        let (data, length) = (bytes.as_ptr().cast(), bytes.len() as c_int);
        openssl_sys::ASN1_STRING_set(number.as_ptr().cast(), data, length) == 1
    };
    if is_set {
        Ok(number)
    } else {
        Err(super::Error::get())
    }
}

/// An extension that only makes a certificate bigger by so many bytes; none for 0.
pub(crate) fn padding(bytes: usize) -> Result<Vec<X509Extension>> {
    if bytes == 0 {
        return Ok(Vec::new());
    }
    let oid = Asn1Object::from_str(PADDING_EXTENSION)?;
    let contents = Asn1OctetString::new_from_bytes(&vec![b'.'; bytes])?;
    Ok(vec![X509Extension::new_from_der(&oid, false, &contents)?])
}

/// Name constraints that permit the addresses of one network and nothing else of that kind.
pub(crate) fn permitted_network(address: [u8; 4], mask: [u8; 4]) -> Result<X509Extension> {
    // NameConstraints, permittedSubtrees, GeneralSubtree, iPAddress (RFC 5280 section 4.2.1.10).
    let mut der = vec![0x30, 14, 0xa0, 12, 0x30, 10, 0x87, 8];
    der.extend(address);
    der.extend(mask);
    let oid = Asn1Object::from_str("2.5.29.30")?;
    let contents = Asn1OctetString::new_from_bytes(&der)?;
    X509Extension::new_from_der(&oid, true, &contents)
}

fn unsigned(
    subject: &X509NameRef,
    key: &PKey<Private>,
    signer: &Signer<'_>,
    not_before_days: i64,
    not_after_days: i64,
) -> Result<X509Builder> {
    let mut builder = X509::builder()?;
    builder.set_version(2)?; // X.509 version 3 counts from 0.
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::ONE, false)?;
    let serial = serial.to_asn1_integer()?;
    builder.set_serial_number(&serial)?;
    builder.set_subject_name(subject)?;
    builder.set_issuer_name(
        signer
            .certificate
            .map_or(subject, |issuer| issuer.subject_name()),
    )?;
    let not_before = days_from_now(not_before_days)?;
    builder.set_not_before(&not_before)?;
    let not_after = days_from_now(not_after_days)?;
    builder.set_not_after(&not_after)?;
    builder.set_pubkey(key)?;
    let extension = SubjectKeyIdentifier::new().build(&context(&builder, signer))?;
    builder.append_extension(extension)?;
    if signer.certificate.is_some() {
        let extension = AuthorityKeyIdentifier::new()
            .keyid(true)
            .build(&context(&builder, signer))?;
        builder.append_extension(extension)?;
    }
    Ok(builder)
}

fn finish(
    mut builder: X509Builder,
    extensions: &[X509Extension],
    signer: &Signer<'_>,
) -> Result<X509> {
    for extension in extensions {
        builder.append_extension2(extension)?;
    }
    builder.sign(signer.key, key::digest(signer.key))?;
    Ok(builder.build())
}

fn context<'a>(
    builder: &'a X509Builder,
    signer: &'a Signer<'_>,
) -> openssl::x509::X509v3Context<'a> {
    builder.x509v3_context(signer.certificate.map(|issuer| &**issuer), None)
}

fn name(common_name: Option<&str>) -> Result<X509Name> {
    let mut name = X509Name::builder()?;
    if let Some(common_name) = common_name {
        name.append_entry_by_nid(Nid::COMMONNAME, common_name)?;
    }
    Ok(name.build())
}

/// By OpenSSL's clock, which verification uses.
fn days_from_now(days: i64) -> Result<Asn1Time> {
    const DAY: i64 = 24 * 60 * 60;
    let since_1970 = Asn1Time::from_unix(0)?.diff(&*Asn1Time::days_from_now(0)?)?;
    let now = i64::from(since_1970.days) * DAY + i64::from(since_1970.secs);
    Asn1Time::from_unix(now.saturating_add(days.saturating_mul(DAY)))
}
