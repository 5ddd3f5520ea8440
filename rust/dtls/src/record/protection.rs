//! Sealing and opening of single records with an AEAD (RFC 5246 section 6.2.3.3, RFC 6347 section 4.1.2.1).

use std::sync::Arc;

use openssl::error::ErrorStack;

use crate::record::aead::Aead;
#[cfg(all(test, target_os = "linux"))]
use crate::record::key_block::Keys;
use crate::record::key_block::{KeyBlock, Sender};
use crate::record::suite::{NONCE, Suite, TAG};
use crate::record::usage_limits::Used;
use crate::wire_format::record::{DTLS_1_2, HEADER, Header};

/// The epoch of everything after the one handshake that a session has.
pub(crate) const EPOCH: u16 = 1;
/// Numbers of records have 48 bits.
const NUMBERS: u64 = 1 << 48;

/// One side's records on their way out: all that the side ever seals with its key, so that no nonce is used twice.
pub(crate) struct Sealer {
    aead: Aead,
    next: u64,
    used: Used,
}

/// Why a packet was not sealed.
#[derive(Debug)]
pub(crate) enum SealError {
    /// Every number was used.
    NumbersExhausted,
    /// As much was sealed as one key may.
    KeyUsedUp,
    OpenSsl(ErrorStack),
}

impl From<ErrorStack> for SealError {
    fn from(stack: ErrorStack) -> Self {
        Self::OpenSsl(stack)
    }
}

impl Sealer {
    /// Begins with record 0. There must be no other one for these keys.
    pub(crate) fn new(keys: Arc<KeyBlock>, sender: Sender) -> Self {
        Self {
            aead: Aead::new(keys, sender),
            next: 0,
            used: Used::default(),
        }
    }

    /// Whether the key may seal another packet of so many bytes.
    pub(crate) fn may_seal(&self, bytes: usize) -> bool {
        self.used.may_seal(self.aead.suite(), bytes)
    }

    #[cfg(all(test, target_os = "linux"))]
    pub(crate) fn keys_of_test(&self) -> Keys<'_> {
        self.aead.keys()
    }

    /// Appends one record to `into`. After an error, what was appended must be forgotten.
    pub(crate) fn seal(
        &mut self,
        content_type: u8,
        plain: &[u8],
        into: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let number = self.next;
        if number >= NUMBERS {
            return Err(SealError::NumbersExhausted);
        }
        // Whatever happens from here on, the nonce counts as used.
        self.next += 1;
        self.used.count_sealed(plain.len());
        let header = |length: usize| Header {
            content_type,
            version: DTLS_1_2,
            epoch: EPOCH,
            number,
            length,
        };
        let suite = self.aead.suite();
        // RFC 5288 section 3: epoch and record number may be the explicit part.
        let explicit = numbers(number);
        let explicit = &explicit[..suite.explicit_nonce_bytes()];
        let nonce = nonce(suite, self.aead.keys().iv, explicit, number);
        into.reserve(HEADER + plain.len() + suite.overhead());
        into.extend_from_slice(&header(plain.len() + suite.overhead()).to_bytes());
        into.extend_from_slice(explicit);
        let body = into.len();
        into.resize(body + plain.len() + TAG, 0);
        let associated = header(plain.len()).to_associated_data();
        self.aead
            .seal(&nonce, &associated, plain, &mut into[body..])?;
        Ok(())
    }
}

/// The other side's records on their way in.
pub(crate) struct Opener {
    aead: Aead,
    used: Used,
}

impl Opener {
    pub(crate) fn new(keys: Arc<KeyBlock>, sender: Sender) -> Self {
        Self {
            aead: Aead::new(keys, sender),
            used: Used::default(),
        }
    }

    /// Whether so many records failed to be authentic that the key must not be tried any further.
    pub(crate) fn is_used_up(&self) -> bool {
        self.used.is_tried_too_often()
    }

    #[cfg(all(test, target_os = "linux"))]
    pub(crate) fn keys_of_test(&self) -> Keys<'_> {
        self.aead.keys()
    }

    /// How many bytes each sealed record is longer than its plain text.
    pub(crate) fn overhead(&self) -> usize {
        self.aead.suite().overhead()
    }

    /// How many bytes of plain text a record of so many sealed bytes has; `None` if it is too short to be one.
    pub(crate) fn plain_bytes(&self, sealed: usize) -> Option<usize> {
        sealed.checked_sub(self.overhead())
    }

    /// Writes the plain text of a record to `into`, which has just as much room. After an error, the record is not
    /// authentic, and what was written must be forgotten.
    pub(crate) fn open(
        &mut self,
        header: &Header,
        sealed: &[u8],
        into: &mut [u8],
    ) -> Result<(), ErrorStack> {
        let suite = self.aead.suite();
        let (explicit, sealed) = sealed.split_at(suite.explicit_nonce_bytes());
        let nonce = nonce(suite, self.aead.keys().iv, explicit, header.number);
        let plain = Header {
            length: into.len(),
            ..*header
        };
        self.aead
            .open(&nonce, &plain.to_associated_data(), sealed, into)
            .inspect_err(|_| self.used.count_rejected())
    }
}

/// Epoch and record number.
fn numbers(number: u64) -> [u8; 8] {
    (u64::from(EPOCH) << 48 | number).to_be_bytes()
}

fn nonce(suite: Suite, fixed: &[u8], explicit: &[u8], number: u64) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    nonce[..fixed.len()].copy_from_slice(fixed);
    match suite {
        Suite::Aes128Gcm | Suite::Aes256Gcm => {
            nonce[NONCE - explicit.len()..].copy_from_slice(explicit);
        }
        Suite::ChaCha20Poly1305 => {
            let numbers = numbers(number);
            for (byte, with) in nonce[NONCE - numbers.len()..].iter_mut().zip(numbers) {
                *byte ^= with;
            }
        }
    }
    nonce
}

#[cfg(test)]
impl Sealer {
    pub(crate) fn used(&mut self) -> &mut Used {
        &mut self.used
    }
}

#[cfg(test)]
impl Opener {
    pub(crate) fn used(&mut self) -> &mut Used {
        &mut self.used
    }
}
