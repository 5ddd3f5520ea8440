//! A private key with its certificate and the intermediates.

use openssl::pkey::{PKey, Private};
use openssl::symm::Cipher;
use openssl::x509::X509;

use super::certificate::{self, Signer};
use super::{Leaf, Result};

/// A leaf's private key, its certificate and the intermediates above it.
pub struct Identity {
    key: PKey<Private>,
    certificate: X509,
    intermediates: Vec<X509>,
}

impl Identity {
    pub(crate) fn new(key: PKey<Private>, certificate: X509, intermediates: Vec<X509>) -> Self {
        Self {
            key,
            certificate,
            intermediates,
        }
    }

    /// A key and a certificate that it signed itself.
    pub fn self_signed(leaf: &Leaf) -> Result<Self> {
        let key = leaf.key.generate()?;
        let certificate = certificate::leaf(
            leaf,
            &key,
            &Signer {
                key: &key,
                certificate: None,
            },
        )?;
        Ok(Self::new(key, certificate, Vec::new()))
    }

    /// The private key.
    pub fn key(&self) -> &PKey<Private> {
        &self.key
    }

    /// The leaf's certificate.
    pub fn certificate(&self) -> &X509 {
        &self.certificate
    }

    /// The certificates between the leaf and the root, nearest to the leaf first.
    pub fn intermediates(&self) -> &[X509] {
        &self.intermediates
    }

    /// The private key as PEM (PKCS #8), not encrypted.
    pub fn key_pem(&self) -> Result<Vec<u8>> {
        self.key.private_key_to_pem_pkcs8()
    }

    /// The private key as PEM (PKCS #8), encrypted with AES-256-CBC under `password`.
    pub fn encrypted_key_pem(&self, password: &str) -> Result<Vec<u8>> {
        self.key
            .private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), password.as_bytes())
    }

    /// The leaf's certificate as PEM.
    pub fn certificate_pem(&self) -> Result<Vec<u8>> {
        self.certificate.to_pem()
    }

    /// The leaf's certificate and the intermediates as PEM, in the order a server sends them.
    pub fn chain_pem(&self) -> Result<Vec<u8>> {
        let mut pem = self.certificate.to_pem()?;
        for intermediate in &self.intermediates {
            pem.extend(intermediate.to_pem()?);
        }
        Ok(pem)
    }
}
