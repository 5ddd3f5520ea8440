//! Seals and opens single records with an AEAD (RFC 5246 section 6.2.3.3, RFC 6347 section 4.1.2.1).

use std::sync::Arc;

use openssl::error::ErrorStack;

use crate::record::aead::Aead;
#[cfg(all(test, target_os = "linux"))]
use crate::record::key_block::Keys;
use crate::record::key_block::{KeyBlock, Sender};
use crate::record::suite::{NONCE, Suite, TAG};
use crate::record::usage_limits::KeyUsage;
use crate::wire_format::{RecordHeader, version};

/// The epoch of all sealed records: a session has one handshake.
pub(crate) const EPOCH: u16 = 1;
/// Sequence numbers have 48 bits.
const NUMBERS: u64 = 1 << 48;

/// Seals one side's records. It is the only one for its key, so that no nonce is used twice.
pub(crate) struct Sealer {
    aead: Aead,
    next: u64,
    used: KeyUsage,
}

/// Why a record was not sealed.
#[derive(Debug)]
pub(crate) enum SealError {
    /// Every sequence number was used.
    NumbersExhausted,
    /// As much was sealed as one key may protect.
    KeyUsedUp,
    OpenSsl(ErrorStack),
}

impl From<ErrorStack> for SealError {
    fn from(stack: ErrorStack) -> Self {
        Self::OpenSsl(stack)
    }
}

impl Sealer {
    /// Begins with record 0. There must be no other sealer for this side's key.
    pub(crate) fn new(keys: Arc<KeyBlock>, sender: Sender) -> Self {
        Self {
            aead: Aead::new(keys, sender),
            next: 0,
            used: KeyUsage::default(),
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

    /// Appends one record to `into`. After an error, what was appended must not be used.
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
        let header = |length: usize| RecordHeader {
            content_type,
            version: version::DTLS_1_2,
            epoch: EPOCH,
            sequence_number: number,
            length,
        };
        let suite = self.aead.suite();
        // RFC 5288 section 3: the epoch and the sequence number may be the explicit part.
        let explicit = header(0).epoch_and_number();
        let explicit = &explicit[..suite.explicit_nonce_bytes()];
        let nonce = nonce(suite, self.aead.keys().iv, explicit, &header(0));
        into.reserve(RecordHeader::BYTES + plain.len() + suite.overhead());
        into.extend_from_slice(&header(plain.len() + suite.overhead()).to_bytes());
        into.extend_from_slice(explicit);
        let body = into.len();
        into.resize(body + plain.len() + TAG, 0);
        let additional = header(plain.len()).to_additional_data();
        self.aead
            .seal(&nonce, &additional, plain, &mut into[body..])?;
        Ok(())
    }
}

/// Opens the other side's records.
pub(crate) struct Opener {
    aead: Aead,
    used: KeyUsage,
}

impl Opener {
    pub(crate) fn new(keys: Arc<KeyBlock>, sender: Sender) -> Self {
        Self {
            aead: Aead::new(keys, sender),
            used: KeyUsage::default(),
        }
    }

    /// Whether so many records were not authentic that the key must not be used any further.
    pub(crate) fn is_used_up(&self) -> bool {
        self.used.is_rejected_too_often()
    }

    #[cfg(all(test, target_os = "linux"))]
    pub(crate) fn keys_of_test(&self) -> Keys<'_> {
        self.aead.keys()
    }

    /// By how many bytes a sealed record is longer than its plain text.
    pub(crate) fn overhead(&self) -> usize {
        self.aead.suite().overhead()
    }

    /// Bytes of plain text in a record with this many sealed bytes; `None` if it is shorter than its seal.
    pub(crate) fn plain_bytes(&self, sealed: usize) -> Option<usize> {
        sealed.checked_sub(self.overhead())
    }

    /// Writes the plain text of a record to `into`, which must have its length. After an error, the record is not
    /// authentic, and what was written must not be used.
    pub(crate) fn open(
        &mut self,
        header: &RecordHeader,
        sealed: &[u8],
        into: &mut [u8],
    ) -> Result<(), ErrorStack> {
        let suite = self.aead.suite();
        let (explicit, sealed) = sealed.split_at(suite.explicit_nonce_bytes());
        let nonce = nonce(suite, self.aead.keys().iv, explicit, header);
        let plain = RecordHeader {
            length: into.len(),
            ..*header
        };
        self.aead
            .open(&nonce, &plain.to_additional_data(), sealed, into)
            .inspect_err(|_| self.used.count_rejected())
    }
}

/// The nonce of a record (RFC 5288 section 3, RFC 7905 section 2): `fixed` is from the handshake, `explicit` from the
/// record.
fn nonce(suite: Suite, fixed: &[u8], explicit: &[u8], header: &RecordHeader) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    nonce[..fixed.len()].copy_from_slice(fixed);
    match suite {
        Suite::Aes128Gcm | Suite::Aes256Gcm => {
            nonce[NONCE - explicit.len()..].copy_from_slice(explicit);
        }
        Suite::ChaCha20Poly1305 => {
            let number = header.epoch_and_number();
            for (byte, with) in nonce[NONCE - number.len()..].iter_mut().zip(number) {
                *byte ^= with;
            }
        }
    }
    nonce
}

#[cfg(test)]
impl Sealer {
    pub(crate) fn used(&mut self) -> &mut KeyUsage {
        &mut self.used
    }
}

#[cfg(test)]
impl Opener {
    pub(crate) fn used(&mut self) -> &mut KeyUsage {
        &mut self.used
    }
}
