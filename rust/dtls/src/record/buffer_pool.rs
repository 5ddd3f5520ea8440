//! Memory that passes from session to session: who has nothing in it has none.
//!
//! A packet is sealed, sent and forgotten, and the next session's packet finds the same memory, still in the
//! processor's cache. With memory of its own, each of a thousand sessions would wait for it.

use std::cell::RefCell;

/// What is larger is given back to the system.
const KEPT_BYTES: usize = 2048;

/// How many pieces a thread keeps: as many as its sessions had in use at once, up to this.
const KEPT: usize = 1024;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Empty memory: what this thread has used last, if it has any to spare.
pub(crate) fn take() -> Vec<u8> {
    // At a thread's end there is none any more.
    let spare = SPARE.try_with(|spare| spare.borrow_mut().pop());
    spare.ok().flatten().unwrap_or_default()
}

/// Keeps memory for whoever takes it next.
pub(crate) fn give(mut memory: Vec<u8>) {
    if !(1..=KEPT_BYTES).contains(&memory.capacity()) {
        return;
    }
    memory.clear();
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < KEPT {
            spare.push(memory);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_last_is_taken_first_and_no_more_than_a_bound_is_kept() {
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
    fn it_is_empty() {
        give(vec![3; 10]);
        assert_eq!(take(), []);
    }
}
