//! Keys and certificates that are broken, missing, or not a pair.

use dtls::{ClientContext, ConfigError, Failure, Identity, Roots, ServerContext, Verification};
use testkit::To;
use testkit::certificates::Leaf;

use crate::simulation::{self, authority, client_context, identity};

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

/// A key that is accepted connects clients; one that cannot is refused before any comes.
#[test]
fn every_kind_of_key_is_usable_or_refused_by_name() {
    use testkit::certificates::KeyKind;
    let with_key = |key| Leaf {
        key,
        ..Leaf::localhost()
    };
    for key in [
        KeyKind::Rsa2048,
        KeyKind::P256,
        KeyKind::P384,
        KeyKind::P521,
    ] {
        let server = authority().issue(&with_key(key)).unwrap();
        let context = ServerContext::new(&identity(&server)).unwrap();
        simulation::start_with(&context, &client_context(), "localhost").run_until_connected();
    }
    for (key, name) in [
        (KeyKind::P224, "secp224r1"),
        (KeyKind::Secp256k1, "secp256k1"),
        (KeyKind::Brainpool256, "brainpoolP256r1"),
        (KeyKind::Dsa, "DSA"),
        (KeyKind::Ed25519, "ED25519"),
    ] {
        let server = authority().issue(&with_key(key)).unwrap();
        let (key, chain) = (server.key_pem().unwrap(), server.chain_pem().unwrap());
        let read = Identity::from_pem(&key, &chain, None).unwrap_err();
        assert!(matches!(read, ConfigError::KeyUnsuitable(_)), "{read}");
        let text = read.to_string();
        assert!(
            text.starts_with(&format!("{name} keys are not supported")),
            "{text}"
        );
    }
    let short = authority().issue(&with_key(KeyKind::Rsa1024)).unwrap();
    let made = ServerContext::new(&identity(&short)).err().unwrap();
    assert!(matches!(made, ConfigError::Refused(_)), "{made}");
}

/// OpenSSL takes them: only a handshake shows that they cannot be used.
#[test]
fn a_certificate_that_forbids_its_key_to_sign_is_refused() {
    let leaf = Leaf {
        key: testkit::certificates::KeyKind::P256,
        may_sign: false,
        ..Leaf::localhost()
    };
    let server = authority().issue(&leaf).unwrap();
    let made = ServerContext::new(&identity(&server)).err().unwrap();
    assert!(matches!(made, ConfigError::NoClientCanConnect(_)), "{made}");
    assert!(made.to_string().contains("no shared cipher"), "{made}");
}

/// Without a password OpenSSL would ask for it at the terminal, and a server would hang.
#[test]
fn an_encrypted_key_opens_with_its_password_alone_and_no_terminal_asks_for_it() {
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

fn padded(leaf: &Leaf) -> Leaf {
    Leaf {
        has_padded_serial: true,
        ..leaf.clone()
    }
}

/// One in 512 of the engine's own certificates: OpenSSL alone would say "illegal padding".
#[test]
fn a_serial_number_with_a_zero_too_many_is_read_and_the_certificate_is_sent_as_it_is() {
    let leaf = padded(&Leaf {
        dns: Vec::new(),
        ..Leaf::named("127.0.0.1")
    });
    let server = testkit::certificates::Identity::self_signed(&leaf).unwrap();
    let der = server.certificate().to_der().unwrap();
    assert!(openssl::x509::X509::from_der(&der).is_err());

    let pem = server.certificate_pem().unwrap();
    let key = server.key_pem().unwrap();
    let identity = Identity::from_pem(&key, &pem, None).unwrap();
    let context = ServerContext::new(&identity).unwrap();
    let trusted = || Roots::from_pem(&pem).unwrap();
    for verification in [
        Verification::Full(trusted()),
        Verification::Full(Roots::from_bundle(&pem).unwrap()),
        Verification::DangerousAnyName(trusted()),
        Verification::DangerousNone,
    ] {
        let client = ClientContext::new(verification).unwrap();
        let mut simulation = simulation::start_with(&context, &client, "127.0.0.1");
        simulation.run_until_connected();
        let to_client = simulation.sent.iter().filter(|(to, _)| *to == To::Client);
        let sent: Vec<u8> = to_client
            .flat_map(|(_, datagram)| datagram.clone())
            .collect();
        let beginning = &der[..60];
        assert!(sent.windows(60).any(|part| part == beginning));
    }
}

/// The same name and another key, the same key and another name: nothing but the certificate itself is trusted.
#[test]
fn a_certificate_with_such_a_serial_number_is_accepted_where_it_is_trusted_and_nowhere_else() {
    let leaf = padded(&Leaf::localhost());
    let one = testkit::certificates::Identity::self_signed(&leaf).unwrap();
    let other = testkit::certificates::Identity::self_signed(&leaf).unwrap();
    let trusting = |identity: &testkit::certificates::Identity| {
        let roots = Roots::from_pem(&identity.certificate_pem().unwrap()).unwrap();
        ClientContext::new(Verification::Full(roots)).unwrap()
    };
    // Signed by a trusted authority: the signature is over bytes that OpenSSL does not read.
    let issued = authority().issue(&leaf).unwrap();
    for (server, client) in [
        (&one, trusting(&other)),
        (&one, client_context()),
        (&issued, client_context()),
    ] {
        let server = ServerContext::new(&identity(server)).unwrap();
        let mut simulation = simulation::start_with(&server, &client, "localhost");
        simulation.run(std::time::Duration::from_secs(70), |_| false);
        let failure = simulation.client.failure();
        assert!(
            matches!(failure, Some(Failure::Certificate(_))),
            "{failure:?}"
        );
    }
    let server = ServerContext::new(&identity(&one)).unwrap();
    simulation::start_with(&server, &trusting(&one), "localhost").run_until_connected();
}

#[test]
fn a_certificate_that_is_wrongly_encoded_is_said_to_be_so() {
    let server = authority().issue(&Leaf::localhost()).unwrap();
    let key = server.key_pem().unwrap();
    let mut der = server.certificate().to_der().unwrap();
    // The serial number's length, after the version: none at all.
    let serial = der
        .windows(5)
        .position(|part| part == [0xa0, 3, 2, 1, 2])
        .unwrap()
        + 6;
    der[serial] = 0;
    let base64 = openssl::base64::encode_block(&der);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
    let read = Identity::from_pem(&key, pem.as_bytes(), None).unwrap_err();
    assert!(matches!(read, ConfigError::CertificateInvalid(_)), "{read}");
    assert!(read.to_string().contains("make another one"), "{read}");
    let read = Roots::from_pem(pem.as_bytes()).unwrap_err();
    assert!(matches!(read, ConfigError::RootsInvalid(_)), "{read}");
    assert!(read.to_string().contains("make another one"), "{read}");
}

/// Let's Encrypt's cert.pem in place of its fullchain.pem.
#[test]
fn an_issuer_that_is_not_in_the_chain_is_named() {
    let intermediate = authority().intermediate("Test intermediate").unwrap();
    let server = intermediate.issue(&Leaf::localhost()).unwrap();
    assert_eq!(identity(&server).missing_issuer(), None);
    let key = server.key_pem().unwrap();
    let unrelated = authority().certificate_pem().unwrap();
    for behind in [&b""[..], &unrelated] {
        let chain = [&server.certificate_pem().unwrap(), behind].concat();
        let alone = Identity::from_pem(&key, &chain, None).unwrap();
        let issuer = alone.missing_issuer();
        assert_eq!(issuer.as_deref(), Some("CN=Test intermediate"));
    }
    let self_signed = testkit::certificates::Identity::self_signed(&Leaf::localhost()).unwrap();
    assert_eq!(identity(&self_signed).missing_issuer(), None);
    // A trusted authority may be left out, but the server cannot know whether clients trust it: it is named.
    let of_root = authority().issue(&Leaf::localhost()).unwrap();
    let issuer = identity(&of_root).missing_issuer();
    assert_eq!(issuer.as_deref(), Some("CN=Test root"));
}
