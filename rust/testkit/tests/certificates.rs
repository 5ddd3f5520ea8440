//! Chains that should verify do, the others fail for the reason they were made for.

use openssl::pkey::PKey;
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::X509VerifyParam;
use openssl::x509::{X509, X509StoreContext, X509VerifyResult};
use testkit::certificates::{Authority, Identity, KeyKind, Leaf, Result};

const EXPIRED: i32 = 10;
const NOT_YET_VALID: i32 = 9;
const SELF_SIGNED_LEAF: i32 = 18;
const NO_ISSUER: i32 = 20;
const HOST_NAME_MISMATCH: i32 = 62;

fn verify_for(identity: &Identity, root: &X509, host: Option<&str>) -> Result<X509VerifyResult> {
    let mut store = X509StoreBuilder::new()?;
    store.add_cert(root.clone())?;
    if let Some(host) = host {
        let mut parameters = X509VerifyParam::new()?;
        parameters.set_host(host)?;
        store.set_param(&parameters)?;
    }
    let store: X509Store = store.build();
    let mut chain = Stack::new()?;
    for intermediate in identity.intermediates() {
        chain.push(intermediate.clone())?;
    }
    let mut context = X509StoreContext::new()?;
    context.init(&store, identity.certificate(), &chain, |context| {
        context.verify_cert()?;
        Ok(context.error())
    })
}

fn verify(identity: &Identity, root: &Authority) -> Result<i32> {
    Ok(verify_for(identity, root.certificate(), None)?.as_raw())
}

#[test]
fn a_leaf_of_every_kind_of_key_verifies() -> Result<()> {
    let root = Authority::new("Root")?;
    for key in [
        KeyKind::Rsa2048,
        KeyKind::P256,
        KeyKind::P384,
        KeyKind::Ed25519,
    ] {
        let identity = root.issue(&Leaf {
            key,
            ..Leaf::localhost()
        })?;
        assert_eq!(verify(&identity, &root)?, 0, "{key:?}");
    }
    Ok(())
}

#[test]
fn roots_of_every_kind_of_key_sign() -> Result<()> {
    for kind in [
        KeyKind::Rsa2048,
        KeyKind::P256,
        KeyKind::P384,
        KeyKind::Ed25519,
    ] {
        let root = Authority::with_key("Root", kind)?;
        let identity = root.issue(&Leaf {
            key: KeyKind::P256,
            ..Leaf::localhost()
        })?;
        assert_eq!(verify(&identity, &root)?, 0, "{kind:?}");
    }
    Ok(())
}

#[test]
fn a_chain_over_intermediates_verifies_and_its_pem_holds_all_but_the_root() -> Result<()> {
    let root = Authority::new("Root")?;
    let identity = root
        .intermediate("Intermediate 1")?
        .intermediate("Intermediate 2")?
        .issue(&Leaf::localhost())?;
    assert_eq!(verify(&identity, &root)?, 0);
    assert_eq!(X509::stack_from_pem(&identity.chain_pem()?)?.len(), 3);
    Ok(())
}

#[test]
fn another_root_does_not_verify_it() -> Result<()> {
    let identity = Authority::new("Root")?.issue(&Leaf::localhost())?;
    assert_eq!(verify(&identity, &Authority::new("Other")?)?, NO_ISSUER);
    Ok(())
}

#[test]
fn dates_outside_of_validity_are_refused() -> Result<()> {
    let root = Authority::new("Root")?;
    let expired = root.issue(&Leaf::localhost().expired())?;
    assert_eq!(verify(&expired, &root)?, EXPIRED);
    let early = root.issue(&Leaf::localhost().not_yet_valid())?;
    assert_eq!(verify(&early, &root)?, NOT_YET_VALID);
    Ok(())
}

#[test]
fn a_self_signed_certificate_verifies_against_itself_alone() -> Result<()> {
    let identity = Identity::self_signed(&Leaf::localhost())?;
    let result = verify_for(&identity, identity.certificate(), Some("localhost"))?;
    assert_eq!(result.as_raw(), 0);
    assert_eq!(
        verify(&identity, &Authority::new("Root")?)?,
        SELF_SIGNED_LEAF
    );
    Ok(())
}

#[test]
fn host_names_are_matched_wildcards_included() -> Result<()> {
    let root = Authority::new("Root")?;
    let identity = root.issue(&Leaf {
        common_name: None,
        dns: vec!["game.example".into(), "*.play.example".into()],
        ..Leaf::named("unused")
    })?;
    for (host, result) in [
        ("game.example", 0),
        ("eu.play.example", 0),
        ("play.example", HOST_NAME_MISMATCH),
        ("unused", HOST_NAME_MISMATCH),
    ] {
        let found = verify_for(&identity, root.certificate(), Some(host))?.as_raw();
        assert_eq!(found, result, "{host}");
    }
    Ok(())
}

#[test]
fn a_big_chain_verifies_and_has_about_ten_thousand_bytes() -> Result<()> {
    let root = Authority::new("Root")?;
    let identity = root.issue_with_big_chain(&Leaf::localhost())?;
    assert_eq!(verify(&identity, &root)?, 0);
    let mut size = identity.certificate().to_der()?.len();
    for intermediate in identity.intermediates() {
        size += intermediate.to_der()?.len();
    }
    assert!((9_500..11_000).contains(&size), "{size} bytes");
    Ok(())
}

#[test]
fn an_encrypted_key_needs_its_password() -> Result<()> {
    let identity = Identity::self_signed(&Leaf::localhost())?;
    let pem = identity.encrypted_key_pem("secret")?;
    assert!(PKey::private_key_from_pem_passphrase(&pem, b"wrong").is_err());
    let key = PKey::private_key_from_pem_passphrase(&pem, b"secret")?;
    assert!(key.public_eq(identity.key()));
    Ok(())
}

#[test]
fn the_key_belongs_to_the_certificate() -> Result<()> {
    let identity = Authority::new("Root")?.issue(&Leaf::localhost())?;
    let key = PKey::private_key_from_pem(&identity.key_pem()?)?;
    assert!(identity.certificate().public_key()?.public_eq(&key));
    Ok(())
}
