//! How much one key may be used (RFC 9325 section 4.4, RFC 9147 section 4.5.3).
//!
//! What an AEAD promises weakens with each record that is sealed, and with each that someone tried to pass off as sealed.
//! DTLS 1.2 cannot change a session's keys, so that a session ends at these limits.
//!
//! **Sealing.** An attacker tells AES-GCM's output from random bytes with a probability of at most (s + q + 1)^2 / 2^129,
//! for q records of s blocks of 16 bytes together, associated data included (draft-irtf-cfrg-aead-limits, section 5.1.1).
//! TLS keeps that below 2^-60, which is where the 2^24.5 records of RFC 8446 section 5.5 come from: they are records of
//! 16,384 bytes. Counted here is what the bound is about, so that small packets, as games send them, reach it as late as it
//! allows. With ChaCha20-Poly1305 the record numbers end first.
//!
//! **Opening.** 2^36 records that fail to be authentic, with any of the AEADs.

use crate::record::suite::Suite;

/// 2^34.5: blocks and records that one key of AES-GCM seals.
const MOST_SEALED: u64 = 24_296_003_999;
/// Records that fail to be authentic.
const MOST_REJECTED: u64 = 1 << 36;
/// Bytes of a block of AES.
const BLOCK: u64 = 16;
/// The associated data of DTLS 1.2 has 13 bytes: one block.
const ASSOCIATED_BLOCKS: u64 = 1;

/// What a key was used for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    /// s + q, on the way out.
    sealed: u64,
    /// On the way in.
    rejected: u64,
}

impl Used {
    /// Whether another record with so many bytes may be sealed.
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

    pub(crate) fn is_tried_too_often(&self) -> bool {
        self.rejected >= MOST_REJECTED
    }
}

fn cost(bytes: usize) -> u64 {
    1 + ASSOCIATED_BLOCKS + (bytes as u64).div_ceil(BLOCK)
}

#[cfg(test)]
impl Used {
    /// As after all but this much of what may be sealed.
    pub(crate) fn leave_to_seal(&mut self, left: u64) {
        self.sealed = MOST_SEALED - left;
    }

    /// As after all but so many of the records that may be rejected.
    pub(crate) fn leave_to_reject(&mut self, left: u64) {
        self.rejected = MOST_REJECTED - left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::policy::MAX_PACKET;

    #[test]
    fn the_limit_is_that_of_rfc_8446_for_its_records_and_later_for_smaller_ones() {
        // (s + q)^2 / 2^129 reaches 2^-60.
        let bound = 2f64.powf((129.0 - 60.0) / 2.0);
        assert!((bound - MOST_SEALED as f64).abs() < 1.0, "{bound}");
        let records = |bytes| (MOST_SEALED / cost(bytes)) as f64;
        let of_rfc = 2f64.powf(24.5);
        assert!((0.99..1.0).contains(&(records(MAX_PACKET) / of_rfc)));
        assert!(records(100) > 100.0 * of_rfc);
    }

    #[test]
    fn aes_gcm_has_the_limit_and_chacha20_has_none() {
        let mut used = Used::default();
        used.leave_to_seal(3);
        for suite in [Suite::Aes128Gcm, Suite::Aes256Gcm] {
            assert!(used.may_seal(suite, 16));
            assert!(!used.may_seal(suite, 17));
        }
        assert!(used.may_seal(Suite::ChaCha20Poly1305, MAX_PACKET));
        used.count_sealed(1);
        assert!(!used.may_seal(Suite::Aes128Gcm, 1));
    }
}
