//! Which private keys can be made.

use openssl::dsa::Dsa;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Rsa;

use super::Result;

/// The kind of a private key.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum KeyKind {
    /// RSA with a modulus of 2,048 bits.
    #[default]
    Rsa2048,
    /// ECDSA on NIST's curve P-256.
    P256,
    /// ECDSA on NIST's curve P-384.
    P384,
    /// ECDSA on NIST's curve P-521.
    P521,
    /// ECDSA on NIST's curve P-224.
    P224,
    /// ECDSA on the curve secp256k1.
    Secp256k1,
    /// ECDSA on the curve brainpoolP256r1.
    Brainpool256,
    /// RSA with a modulus of 1,024 bits, which is too short.
    Rsa1024,
    /// DSA with a modulus of 2,048 bits.
    Dsa,
    /// Ed25519 (RFC 8410).
    Ed25519,
}

impl KeyKind {
    pub(crate) fn generate(self) -> Result<PKey<Private>> {
        match self {
            Self::Rsa2048 => PKey::from_rsa(Rsa::generate(2048)?),
            Self::P256 => on_curve(Nid::X9_62_PRIME256V1),
            Self::P384 => on_curve(Nid::SECP384R1),
            Self::P521 => on_curve(Nid::SECP521R1),
            Self::P224 => on_curve(Nid::SECP224R1),
            Self::Secp256k1 => on_curve(Nid::SECP256K1),
            Self::Brainpool256 => on_curve(Nid::BRAINPOOL_P256R1),
            Self::Rsa1024 => PKey::from_rsa(Rsa::generate(1024)?),
            Self::Dsa => PKey::from_dsa(Dsa::generate(2048)?),
            Self::Ed25519 => PKey::generate_ed25519(),
        }
    }
}

fn on_curve(curve: Nid) -> Result<PKey<Private>> {
    let group = EcGroup::from_curve_name(curve)?;
    PKey::from_ec_key(EcKey::generate(&group)?)
}

/// The digest that a key of this kind signs with; Ed25519 has its own.
pub(crate) fn digest(key: &PKey<Private>) -> MessageDigest {
    if key.id() == Id::ED25519 {
        MessageDigest::null()
    } else {
        MessageDigest::sha256()
    }
}
