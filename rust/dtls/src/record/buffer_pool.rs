//! Buffers that the sessions of a thread share: a session without packets has none.
//!
//! A packet is sealed and sent, and the next session's packet is sealed in the same buffer, which is in the processor's
//! cache. With a buffer for each session, a thousand sessions would each wait for memory.

use std::cell::RefCell;

/// A larger buffer is freed.
const KEPT_BYTES: usize = 2048;

/// The most buffers that a thread keeps.
const KEPT: usize = 1024;

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer: the one that this thread used last, if there is one.
pub(crate) fn take() -> Vec<u8> {
    // At a thread's end there is no pool any more.
    let buffer = BUFFERS.try_with(|buffers| buffers.borrow_mut().pop());
    buffer.ok().flatten().unwrap_or_default()
}

/// Keeps a buffer for the next [`take`].
pub(crate) fn give(mut buffer: Vec<u8>) {
    if !(1..=KEPT_BYTES).contains(&buffer.capacity()) {
        return;
    }
    buffer.clear();
    let _ = BUFFERS.try_with(|buffers| {
        let mut buffers = buffers.borrow_mut();
        if buffers.len() < KEPT {
            buffers.push(buffer);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_used_last_is_taken_first_and_a_bounded_number_is_kept() {
        give(vec![1; 100]);
        give(vec![2; 200]);
        assert!(take().capacity() >= 200);
        assert_eq!(take().capacity(), 100);
        assert_eq!(take().capacity(), 0);
        give(Vec::with_capacity(KEPT_BYTES + 1));
        assert_eq!(take().capacity(), 0);
        (0..KEPT + 10).for_each(|_| give(Vec::with_capacity(1)));
        let kept = (0..).take_while(|_| take().capacity() > 0).count();
        assert_eq!(kept, KEPT);
    }

    #[test]
    fn a_buffer_is_empty_when_it_is_taken() {
        give(vec![3; 10]);
        assert_eq!(take(), []);
    }
}
