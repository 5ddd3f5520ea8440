//! Secret bytes, wiped when they are dropped.

use std::ops::{Deref, DerefMut};

use zeroize::Zeroize;

/// An array of secret bytes, wiped when it is dropped.
///
/// A move copies the bytes and does not wipe the old place. So a `Secret` cannot be made from bytes: make it
/// [`empty`](Self::empty), put it where it stays, and fill it there.
pub(crate) struct Secret<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> Secret<BYTES> {
    /// Zeros, to be filled where they stay.
    pub(crate) const fn empty() -> Self {
        Self([0; BYTES])
    }
}

impl<const BYTES: usize> Deref for Secret<BYTES> {
    type Target = [u8; BYTES];

    fn deref(&self) -> &[u8; BYTES] {
        &self.0
    }
}

impl<const BYTES: usize> DerefMut for Secret<BYTES> {
    fn deref_mut(&mut self) -> &mut [u8; BYTES] {
        &mut self.0
    }
}

impl<const BYTES: usize> Drop for Secret<BYTES> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
