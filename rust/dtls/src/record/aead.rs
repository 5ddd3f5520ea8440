//! A key of an AEAD, used by OpenSSL's EVP in contexts that are a thread's and not a key's.
//!
//! What OpenSSL makes of a key, tables for it included, takes a kilobyte. With thousands of sessions that is in no
//! processor's cache when the next packet comes, and to wait for it takes longer than to make it anew, 0.1 microseconds. So a
//! session keeps its keys alone, and each record begins with one of them.

use std::cell::RefCell;
use std::sync::Arc;

use openssl::cipher_ctx::{CipherCtx, CipherCtxRef};
use openssl::error::ErrorStack;

use crate::record::key_block::{KeyBlock, Keys, Sender};
use crate::record::suite::{NONCE, SUITES, Suite};

/// A key, of one direction.
pub(crate) struct Aead {
    keys: Arc<KeyBlock>,
    sender: Sender,
}

/// A thread's contexts of a suite, made when they are needed first.
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

    /// Seals bytes; `into` has room for them and, behind them, for the [`TAG`](crate::record::suite::TAG).
    pub(crate) fn seal(
        &self,
        nonce: &[u8; NONCE],
        associated: &[u8],
        plain: &[u8],
        into: &mut [u8],
    ) -> Result<(), ErrorStack> {
        let (sealed, tag) = into.split_at_mut(plain.len());
        self.with_contexts(|contexts| {
            let context = made(&mut contexts.sealing, |new| {
                new.encrypt_init(Some(self.suite().cipher()), None, None)
            })?;
            context.encrypt_init(None, Some(self.keys().key), Some(nonce))?;
            context.cipher_update(associated, None)?;
            context.cipher_update(plain, Some(sealed))?;
            context.cipher_final(&mut [])?;
            context.tag(tag)
        })
    }

    /// Opens bytes, behind which the [`TAG`](crate::record::suite::TAG) stands; `into` has just as much room. After an error they
    /// are not authentic, and what was written must be forgotten.
    pub(crate) fn open(
        &self,
        nonce: &[u8; NONCE],
        associated: &[u8],
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
            context.cipher_update(associated, None)?;
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
        // At a thread's end there are none any more.
        done.unwrap_or_else(|_| Err(ErrorStack::get()))
    }
}

impl Drop for Aead {
    /// Leaves nothing of the key in the contexts of this thread: OpenSSL wipes what it frees.
    fn drop(&mut self) {
        let _ = self.with_contexts(|contexts| {
            *contexts = Contexts::default();
            Ok(())
        });
    }
}

/// Leaves nothing of any key in the contexts of the thread that calls this.
///
/// The contexts of a thread hold the key that each suite was used with last, until they are used with another one, a
/// session is dropped on the same thread, or the thread ends. A thread that works for others, and then waits, calls this
/// before it waits.
pub fn forget_keys() {
    // At a thread's end there are none any more.
    let _ = CONTEXTS.try_with(RefCell::take);
}

/// The context of a place, which is made, and begun with a suite, when it is needed first.
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

    fn opened(aead: &Aead, sealed: &[u8], associated: &[u8]) -> Option<Vec<u8>> {
        let mut plain = vec![0; sealed.len() - TAG];
        let opened = aead.open(&NONCE_OF_TEST, associated, sealed, &mut plain);
        opened.is_ok().then_some(plain)
    }

    #[test]
    fn keys_that_take_turns_do_not_mix() {
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
            // After a failure as before.
            assert!(opened(key, &all_sealed[index], b"header").is_some());
        }
    }

    #[test]
    fn it_is_the_aead_of_its_suite() {
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
