//! Authorities: certificates that sign others.

use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509Extension};

use super::certificate::{self, Signer};
use super::{Identity, KeyKind, Leaf, Result};

/// A root or intermediate authority and its private key.
pub struct Authority {
    key: PKey<Private>,
    certificate: X509,
    /// The intermediates between a leaf of this authority and the root, nearest first; the root itself is not sent.
    chain: Vec<X509>,
}

impl Authority {
    /// A new root, with an ECDSA P-256 key.
    pub fn new(name: &str) -> Result<Self> {
        Self::with_key(name, KeyKind::P256)
    }

    /// A new root whose key, and so whose signatures, are of this kind.
    pub fn with_key(name: &str, kind: KeyKind) -> Result<Self> {
        let key = kind.generate()?;
        let signer = Signer {
            key: &key,
            certificate: None,
        };
        let certificate = certificate::authority(name, &[], &key, &signer)?;
        Ok(Self {
            key,
            certificate,
            chain: Vec::new(),
        })
    }

    /// A new authority below this one.
    pub fn intermediate(&self, name: &str) -> Result<Self> {
        self.padded_intermediate(name, 0)
    }

    /// A new authority below this one, its certificate made bigger by `padding` bytes.
    pub fn padded_intermediate(&self, name: &str, padding: usize) -> Result<Self> {
        self.intermediate_with(name, certificate::padding(padding)?)
    }

    /// A new authority below this one, which may issue certificates for addresses of this network alone (RFC 5280
    /// section 4.2.1.10).
    pub fn intermediate_for_network(
        &self,
        name: &str,
        address: [u8; 4],
        mask: [u8; 4],
    ) -> Result<Self> {
        let extension = certificate::permitted_network(address, mask)?;
        self.intermediate_with(name, vec![extension])
    }

    fn intermediate_with(&self, name: &str, extensions: Vec<X509Extension>) -> Result<Self> {
        let key = KeyKind::P256.generate()?;
        let certificate = certificate::authority(name, &extensions, &key, &self.signer())?;
        let chain = std::iter::once(certificate.clone())
            .chain(self.chain.iter().cloned())
            .collect();
        Ok(Self {
            key,
            certificate,
            chain,
        })
    }

    /// A key and a certificate signed by this authority.
    pub fn issue(&self, leaf: &Leaf) -> Result<Identity> {
        let key = leaf.key.generate()?;
        let certificate = certificate::leaf(leaf, &key, &self.signer())?;
        Ok(Identity::new(key, certificate, self.chain.clone()))
    }

    /// As [`Authority::issue`], with a chain of about 10,000 bytes (DER) in three certificates.
    pub fn issue_with_big_chain(&self, leaf: &Leaf) -> Result<Identity> {
        const PADDING: usize = 2_900;
        self.padded_intermediate("Big intermediate 1", PADDING)?
            .padded_intermediate("Big intermediate 2", PADDING)?
            .issue(&Leaf {
                padding: PADDING,
                ..leaf.clone()
            })
    }

    /// This authority's certificate.
    pub fn certificate(&self) -> &X509 {
        &self.certificate
    }

    /// This authority's certificate as PEM.
    pub fn certificate_pem(&self) -> Result<Vec<u8>> {
        self.certificate.to_pem()
    }

    fn signer(&self) -> Signer<'_> {
        Signer {
            key: &self.key,
            certificate: Some(&self.certificate),
        }
    }
}
