//! Keys and certificates that are broken, missing, or not a pair.

use dtls::{ConfigError, Identity, Roots};
use pki::Leaf;

use crate::world::authority;

#[test]
fn a_key_and_its_certificate_are_read() {
    let server = authority().issue(&Leaf::localhost()).unwrap();
    let key = server.key_pem().unwrap();
    let chain = server.chain_pem().unwrap();
    assert!(Identity::from_pem(&key, &chain, None).is_ok());
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let one = authority().issue(&Leaf::localhost()).unwrap();
    let other = authority().issue(&Leaf::localhost()).unwrap();
    let read = Identity::from_pem(&one.key_pem().unwrap(), &other.chain_pem().unwrap(), None);
    assert_eq!(read.unwrap_err(), ConfigError::KeyMismatch);
}

#[test]
fn a_kind_of_key_that_dtls_1_2_lacks_in_openssl_is_refused() {
    let leaf = Leaf {
        key: pki::KeyKind::Ed25519,
        ..Leaf::localhost()
    };
    let server = authority().issue(&leaf).unwrap();
    let read = Identity::from_pem(
        &server.key_pem().unwrap(),
        &server.chain_pem().unwrap(),
        None,
    );
    assert_eq!(read.unwrap_err(), ConfigError::KeyUnsuitable("ED25519"));
}

/// Without a password OpenSSL would ask for it at the terminal, and a server would hang.
#[test]
fn an_encrypted_key_opens_with_its_password_alone_and_nobody_is_asked_for_it() {
    let server = authority().issue(&Leaf::localhost()).unwrap();
    let key = server.encrypted_key_pem("sesame").unwrap();
    let chain = server.chain_pem().unwrap();
    assert!(Identity::from_pem(&key, &chain, Some("sesame")).is_ok());
    let far_too_long = "x".repeat(10_000);
    for password in [None, Some(""), Some("wrong"), Some(far_too_long.as_str())] {
        let read = Identity::from_pem(&key, &chain, password);
        assert_eq!(read.unwrap_err(), ConfigError::KeyEncrypted);
    }
}

#[test]
fn what_is_no_pem_is_refused_with_a_reason() {
    let server = authority().issue(&Leaf::localhost()).unwrap();
    let key = server.key_pem().unwrap();
    let chain = server.chain_pem().unwrap();
    for broken in [&b""[..], b"not a key", &key[..key.len() / 2], &chain] {
        let read = Identity::from_pem(broken, &chain, None).unwrap_err();
        assert!(matches!(read, ConfigError::KeyUnreadable(_)), "{read}");
        assert!(read.to_string().contains("PEM"), "{read}");
    }
    for broken in [
        &b""[..],
        b"not a certificate",
        &chain[..chain.len() / 2],
        &key,
    ] {
        let read = Identity::from_pem(&key, broken, None).unwrap_err();
        assert!(
            matches!(read, ConfigError::CertificateUnreadable(_)),
            "{read}"
        );
        let read = Roots::from_pem(broken).unwrap_err();
        assert!(matches!(read, ConfigError::RootsUnreadable(_)), "{read}");
    }
}

#[test]
fn a_bundle_is_read_past_what_is_broken_in_it() {
    let good = authority().certificate_pem().unwrap();
    let mut bundle = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec();
    bundle.extend(&good);
    assert!(Roots::from_pem(&bundle).is_err());
    assert!(Roots::from_bundle(&bundle).is_ok());
    assert!(Roots::from_bundle(b"").is_err());
}
