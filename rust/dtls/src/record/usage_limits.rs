//! How much one key may protect (RFC 9325 section 4.4, RFC 9147 section 4.5.3).
//!
//! The security of an AEAD decreases with each record that is sealed, and with each forgery that is tried. DTLS 1.2 cannot
//! change a session's keys, so a session ends at these limits.
//!
//! **Sealing.** An attacker distinguishes AES-GCM's output from random bytes with a probability of at most (s + q + 1)^2 / 2^129,
//! for q records of s blocks of 16 bytes together, associated data included (draft-irtf-cfrg-aead-limits, section 5.1.1).
//! TLS keeps that below 2^-60, which is where the 2^24.5 records of RFC 8446 section 5.5 come from: they are records of
//! 16,384 bytes. Blocks and records are counted here, so small packets reach the bound later. With ChaCha20-Poly1305 the
//! sequence numbers end first.
//!
//! **Opening.** 2^36 records that are not authentic, with any of the AEADs.

use crate::record::suite::Suite;

/// 2^34.5: blocks and records that one key of AES-GCM seals.
const MOST_SEALED: u64 = 24_296_003_999;
/// Records that are not authentic.
const MOST_REJECTED: u64 = 1 << 36;
/// Bytes of a block of AES.
const BLOCK: u64 = 16;
/// The additional data of DTLS 1.2 has 13 bytes: one block.
const ASSOCIATED_BLOCKS: u64 = 1;

/// How much a key was used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyUsage {
    /// s + q of the records that were sealed.
    sealed: u64,
    /// Records that were not authentic.
    rejected: u64,
}

impl KeyUsage {
    /// Whether another record with this many bytes may be sealed.
    pub(crate) fn may_seal(&self, suite: Suite, bytes: usize) -> bool {
        match suite {
            Suite::Aes128Gcm | Suite::Aes256Gcm => self.sealed + cost(bytes) <= MOST_SEALED,
            Suite::ChaCha20Poly1305 => true,
        }
    }

    pub(crate) fn count_sealed(&mut self, bytes: usize) {
        self.sealed = self.sealed.saturating_add(cost(bytes));
    }

    pub(crate) fn count_rejected(&mut self) {
        self.rejected = self.rejected.saturating_add(1);
    }

    pub(crate) fn is_rejected_too_often(&self) -> bool {
        self.rejected >= MOST_REJECTED
    }
}

fn cost(bytes: usize) -> u64 {
    1 + ASSOCIATED_BLOCKS + (bytes as u64).div_ceil(BLOCK)
}

#[cfg(test)]
impl KeyUsage {
    /// Leaves so many blocks and records that may be sealed.
    pub(crate) fn leave_to_seal(&mut self, left: u64) {
        self.sealed = MOST_SEALED - left;
    }

    /// Leaves so many records that may be rejected.
    pub(crate) fn leave_to_reject(&mut self, left: u64) {
        self.rejected = MOST_REJECTED - left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire_format::MAX_PLAINTEXT;

    #[test]
    fn the_limit_is_that_of_rfc_8446_for_its_records_and_later_for_smaller_ones() {
        // (s + q)^2 / 2^129 reaches 2^-60.
        let bound = 2f64.powf((129.0 - 60.0) / 2.0);
        assert!((bound - MOST_SEALED as f64).abs() < 1.0, "{bound}");
        let records = |bytes| (MOST_SEALED / cost(bytes)) as f64;
        let of_rfc = 2f64.powf(24.5);
        assert!((0.99..1.0).contains(&(records(MAX_PLAINTEXT) / of_rfc)));
        assert!(records(100) > 100.0 * of_rfc);
    }

    #[test]
    fn aes_gcm_has_the_limit_and_chacha20_has_none() {
        let mut usage = KeyUsage::default();
        usage.leave_to_seal(3);
        for suite in [Suite::Aes128Gcm, Suite::Aes256Gcm] {
            assert!(usage.may_seal(suite, 16));
            assert!(!usage.may_seal(suite, 17));
        }
        assert!(usage.may_seal(Suite::ChaCha20Poly1305, MAX_PLAINTEXT));
        usage.count_sealed(1);
        assert!(!usage.may_seal(Suite::Aes128Gcm, 1));
    }
}
