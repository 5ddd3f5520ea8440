//! The throw-away key and certificates that the demo and the GDScript tests load.

use std::path::Path;

use anyhow::{Result, bail};
use testkit::certificates::{Authority, Identity, KeyKind, Leaf};

use crate::files::{self, Access};
use crate::workspace;

/// Makes `key.key` and `cert.crt` in the project, as the documented server loads them, unless both are there.
pub(crate) fn provide_demo(project: &Path) -> Result<()> {
    let (key, certificate) = (project.join("key.key"), project.join("cert.crt"));
    match (key.exists(), certificate.exists()) {
        (true, true) => return Ok(()),
        (false, false) => {}
        (true, false) => bail!("{} has no cert.crt beside it; remove it", key.display()),
        (false, true) => bail!(
            "{} has no key.key beside it; remove it",
            certificate.display()
        ),
    }
    workspace::step("Making a throw-away key and certificate");
    let identity = Identity::self_signed(&Leaf::localhost())?;
    files::write(&certificate, &identity.certificate_pem()?, Access::Usual)?;
    files::write(&key, &identity.key_pem()?, Access::OwnerOnly)
}

/// Makes a fresh set for the tests, `NAME.key` and `NAME.crt` (the chain as a server sends it) in `folder`.
///
/// All are for `localhost`, 127.0.0.1 and ::1 and under the root `ca.crt`, except where the name says otherwise.
pub(crate) fn make_test_set(folder: &Path) -> Result<()> {
    let root = Authority::new("Test root")?;
    let host = Leaf::localhost;
    let with_key = |key| Leaf { key, ..host() };
    // As the engine makes them: without subject alternative names.
    let only_named = |name| Leaf {
        dns: Vec::new(),
        ..Leaf::named(name)
    };
    let set = [
        ("rsa", root.issue(&host())?),
        ("p256", root.issue(&with_key(KeyKind::P256))?),
        ("p384", root.issue(&with_key(KeyKind::P384))?),
        ("p521", root.issue(&with_key(KeyKind::P521))?),
        ("p224", root.issue(&with_key(KeyKind::P224))?),
        ("ed25519", root.issue(&with_key(KeyKind::Ed25519))?),
        (
            "intermediate",
            root.intermediate("Test intermediate")?.issue(&host())?,
        ),
        ("big_chain", root.issue_with_big_chain(&host())?),
        ("self_signed", Identity::self_signed(&host())?),
        ("expired", root.issue(&host().expired())?),
        ("not_yet_valid", root.issue(&host().not_yet_valid())?),
        ("wrong_host", root.issue(&Leaf::named("elsewhere.example"))?),
        ("wildcard", root.issue(&Leaf::named("*.play.example"))?),
        (
            "ip_as_name",
            Identity::self_signed(&only_named("127.0.0.1"))?,
        ),
        ("ipv6_as_name", root.issue(&only_named("0:0:0:0:0:0:0:1"))?),
        ("ip_as_dns", root.issue(&Leaf::named("127.0.0.1"))?),
        (
            "padded_serial",
            Identity::self_signed(&Leaf {
                has_padded_serial: true,
                ..host()
            })?,
        ),
        ("wrong_ca", Authority::new("Another root")?.issue(&host())?),
    ];
    let write = |name: String, pem: &[u8]| files::write(&folder.join(name), pem, Access::OwnerOnly);
    write("ca.crt".into(), &root.certificate_pem()?)?;
    for (name, identity) in &set {
        write(format!("{name}.key"), &identity.key_pem()?)?;
        write(format!("{name}.crt"), &identity.chain_pem()?)?;
    }
    // The same key as rsa.key; the password is `secret`.
    write(
        "encrypted.key".into(),
        &set[0].1.encrypted_key_pem("secret")?,
    )
}

/// Makes self-signed identities for the benchmark: `rsa` (2048 bits) and `p256`, each `NAME.key` and `NAME.crt`.
pub(crate) fn make_benchmark_set(folder: &Path) -> Result<()> {
    for (name, key) in [("rsa", KeyKind::Rsa2048), ("p256", KeyKind::P256)] {
        let identity = Identity::self_signed(&Leaf {
            key,
            ..Leaf::localhost()
        })?;
        for (ending, pem) in [
            ("key", identity.key_pem()?),
            ("crt", identity.certificate_pem()?),
        ] {
            files::write(
                &folder.join(format!("{name}.{ending}")),
                &pem,
                Access::OwnerOnly,
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_gets_a_private_key_once() {
        let folder = tempfile::tempdir().unwrap();
        provide_demo(folder.path()).unwrap();
        let key = std::fs::read(folder.path().join("key.key")).unwrap();
        assert!(key.starts_with(b"-----BEGIN PRIVATE KEY-----"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let data = folder.path().join("key.key").metadata().unwrap();
            assert_eq!(data.permissions().mode() & 0o777, 0o600);
        }
        provide_demo(folder.path()).unwrap();
        assert_eq!(std::fs::read(folder.path().join("key.key")).unwrap(), key);
        std::fs::remove_file(folder.path().join("cert.crt")).unwrap();
        let error = provide_demo(folder.path()).unwrap_err().to_string();
        assert!(error.contains("no cert.crt"), "{error}");
    }

    #[test]
    fn the_test_set_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        make_test_set(folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 38);
    }
}
