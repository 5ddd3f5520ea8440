//! One direction's AEAD key, used with OpenSSL's EVP in contexts that belong to the thread.
//!
//! OpenSSL's context for a key, with the tables that it computes, takes a kilobyte. With thousands of sessions it is not in
//! the processor's cache when the next packet comes, and waiting for it takes longer than computing it again, 0.1
//! microseconds. So a session keeps its keys only, and each record sets the thread's context to one of them.

use std::cell::RefCell;
use std::sync::Arc;

use openssl::cipher_ctx::{CipherCtx, CipherCtxRef};
use openssl::error::ErrorStack;

use crate::record::key_block::{KeyBlock, Keys, Sender};
use crate::record::suite::{NONCE, SUITES, Suite};

/// The key of one direction.
pub(crate) struct Aead {
    keys: Arc<KeyBlock>,
    sender: Sender,
}

/// A thread's contexts of a suite, made at their first use.
#[derive(Default)]
struct Contexts {
    sealing: Option<CipherCtx>,
    opening: Option<CipherCtx>,
}

thread_local! {
    static CONTEXTS: RefCell<[Contexts; SUITES]> = RefCell::default();
}

impl Aead {
    pub(crate) fn new(keys: Arc<KeyBlock>, sender: Sender) -> Self {
        Self { keys, sender }
    }

    pub(crate) fn suite(&self) -> Suite {
        self.keys.suite()
    }

    /// The key, and the fixed part of its nonces.
    pub(crate) fn keys(&self) -> Keys<'_> {
        self.keys.keys(self.sender)
    }

    /// Seals `plain`. `into` must have its length and that of the [`TAG`](crate::record::suite::TAG) behind it.
    pub(crate) fn seal(
        &self,
        nonce: &[u8; NONCE],
        additional: &[u8],
        plain: &[u8],
        into: &mut [u8],
    ) -> Result<(), ErrorStack> {
        let (sealed, tag) = into.split_at_mut(plain.len());
        self.with_contexts(|contexts| {
            let context = made(&mut contexts.sealing, |new| {
                new.encrypt_init(Some(self.suite().cipher()), None, None)
            })?;
            context.encrypt_init(None, Some(self.keys().key), Some(nonce))?;
            context.cipher_update(additional, None)?;
            context.cipher_update(plain, Some(sealed))?;
            context.cipher_final(&mut [])?;
            context.tag(tag)
        })
    }

    /// Opens `sealed`, which ends in the [`TAG`](crate::record::suite::TAG). `into` must have the length of the plain text.
    /// After an error, the bytes are not authentic, and what was written must not be used.
    pub(crate) fn open(
        &self,
        nonce: &[u8; NONCE],
        additional: &[u8],
        sealed: &[u8],
        into: &mut [u8],
    ) -> Result<(), ErrorStack> {
        let (sealed, tag) = sealed.split_at(into.len());
        self.with_contexts(|contexts| {
            let context = made(&mut contexts.opening, |new| {
                new.decrypt_init(Some(self.suite().cipher()), None, None)
            })?;
            context.decrypt_init(None, Some(self.keys().key), Some(nonce))?;
            context.set_tag(tag)?;
            context.cipher_update(additional, None)?;
            context.cipher_update(sealed, Some(into))?;
            context.cipher_final(&mut [])?;
            Ok(())
        })
    }

    fn with_contexts(
        &self,
        body: impl FnOnce(&mut Contexts) -> Result<(), ErrorStack>,
    ) -> Result<(), ErrorStack> {
        let done = CONTEXTS.try_with(|all| body(&mut all.borrow_mut()[self.suite() as usize]));
        // At a thread's end there are no contexts any more.
        done.unwrap_or_else(|_| Err(ErrorStack::get()))
    }
}

impl Drop for Aead {
    /// Frees the contexts of this thread, which may have the key: OpenSSL wipes what it frees.
    fn drop(&mut self) {
        let _ = self.with_contexts(|contexts| {
            *contexts = Contexts::default();
            Ok(())
        });
    }
}

/// Frees the contexts of the calling thread, and with them every key in them.
///
/// The contexts of a thread have the key that each suite was used with last, until they are used with another one, a
/// session is dropped on the same thread, or the thread ends. Call this on a worker thread before it waits for work.
pub fn forget_keys() {
    // At a thread's end there are no contexts any more.
    let _ = CONTEXTS.try_with(RefCell::take);
}

/// The context in `place`, made and set to its suite at its first use.
fn made(
    place: &mut Option<CipherCtx>,
    begin: impl FnOnce(&mut CipherCtxRef) -> Result<(), ErrorStack>,
) -> Result<&mut CipherCtx, ErrorStack> {
    match place {
        Some(context) => Ok(context),
        None => {
            let mut context = CipherCtx::new()?;
            begin(&mut context)?;
            Ok(place.insert(context))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::suite::TAG;

    const ALL: [Suite; SUITES] = [Suite::Aes128Gcm, Suite::Aes256Gcm, Suite::ChaCha20Poly1305];
    const NONCE_OF_TEST: [u8; NONCE] = [5; NONCE];

    fn aead(suite: Suite, key: &[u8]) -> Aead {
        Aead::new(KeyBlock::of_bytes(suite, &[0; 32], key), Sender::Server)
    }

    fn sealed(aead: &Aead, plain: &[u8]) -> Vec<u8> {
        let mut sealed = vec![0; plain.len() + TAG];
        aead.seal(&NONCE_OF_TEST, b"header", plain, &mut sealed)
            .unwrap();
        sealed
    }

    fn opened(aead: &Aead, sealed: &[u8], additional: &[u8]) -> Option<Vec<u8>> {
        let mut plain = vec![0; sealed.len() - TAG];
        let opened = aead.open(&NONCE_OF_TEST, additional, sealed, &mut plain);
        opened.is_ok().then_some(plain)
    }

    #[test]
    fn keys_that_are_used_in_turn_do_not_mix() {
        let keys: Vec<_> = ALL
            .into_iter()
            .flat_map(|suite| (0..5).map(move |key| aead(suite, &[key; 32])))
            .collect();
        let all_sealed: Vec<_> = keys.iter().map(|key| sealed(key, b"packet")).collect();
        for (index, key) in keys.iter().enumerate() {
            assert_eq!(
                opened(key, &all_sealed[index], b"header").as_deref(),
                Some(&b"packet"[..])
            );
            assert_eq!(opened(key, &all_sealed[index], b"another"), None);
            let next = &all_sealed[(index + 1) % all_sealed.len()];
            assert_eq!(opened(key, next, b"header"), None);
            // A failure has no effect on the next record.
            assert!(opened(key, &all_sealed[index], b"header").is_some());
        }
    }

    #[test]
    fn records_are_sealed_with_the_aead_of_the_suite() {
        use openssl::symm::{self, Cipher};
        for suite in ALL {
            let cipher = match suite {
                Suite::Aes128Gcm => Cipher::aes_128_gcm(),
                Suite::Aes256Gcm => Cipher::aes_256_gcm(),
                Suite::ChaCha20Poly1305 => Cipher::chacha20_poly1305(),
            };
            let key: Vec<u8> = (0..32).collect();
            let mut tag = [0; TAG];
            let mut expected = symm::encrypt_aead(
                cipher,
                &key[..suite.key_bytes()],
                Some(&NONCE_OF_TEST),
                b"header",
                b"packet",
                &mut tag,
            )
            .unwrap();
            expected.extend(tag);
            assert_eq!(sealed(&aead(suite, &key), b"packet"), expected);
        }
    }

    #[test]
    fn a_key_that_is_dropped_leaves_the_others_usable() {
        let suite = Suite::Aes256Gcm;
        let kept = aead(suite, &[1; 32]);
        let before = sealed(&kept, b"packet");
        let other = aead(suite, &[2; 32]);
        sealed(&other, b"packet");
        drop(other);
        assert_eq!(sealed(&kept, b"packet"), before);
        assert!(opened(&kept, &before, b"header").is_some());
    }
}
