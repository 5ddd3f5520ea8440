//! Panics in methods that a game engine calls: their messages are kept until the method has unwound.
//!
//! A panic hook prints where the panic is, and a printed line can run a script that calls the very connection that is
//! locked there: the thread would wait for itself. So a message is kept until no lock is held.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};

use crate::fail_point::fail_point;

thread_local! {
    /// How many calls of [`within`], one within the other, this thread is in.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static MESSAGES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Keeps the messages, as `message` gives them, of panics inside [`within`] and [`catch`]. Others are left to the hook
/// that is set already.
pub fn keep_messages(message: fn(&PanicHookInfo<'_>) -> String) {
    let before = take_hook();
    set_hook(Box::new(move |panic| {
        // Both fail only where a thread ends and its memory is gone.
        let is_within = DEPTH.try_with(|depth| depth.get() > 0).unwrap_or(false);
        let kept = MESSAGES.try_with(|messages| {
            let mut messages = messages.try_borrow_mut().ok()?;
            is_within.then(|| messages.push(message(panic)))
        });
        if !matches!(kept, Ok(Some(()))) {
            before(panic);
        }
    }));
}

/// Takes the messages of this thread that were kept. To be called while nothing is locked.
pub fn take_messages() -> Vec<String> {
    MESSAGES.take()
}

/// Runs what catches its panics itself.
pub fn within<R>(body: impl FnOnce() -> R) -> R {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            DEPTH.set(DEPTH.get() - 1);
        }
    }
    DEPTH.set(DEPTH.get() + 1);
    let _leave = Leave;
    body()
}

/// Runs a method's body; `None` if it panics. It must have unlocked what it locks when it returns or has unwound. `what`
/// is a [`fail_point`].
#[inline]
pub fn catch<R>(what: &str, body: impl FnOnce() -> R) -> Option<R> {
    let body = || {
        fail_point(what);
        body()
    };
    within(|| catch_unwind(AssertUnwindSafe(body)).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(panic: &PanicHookInfo<'_>) -> String {
        panic.payload_as_str().unwrap_or_default().to_owned()
    }

    #[test]
    fn messages_of_caught_panics_are_kept_for_the_thread_and_taken_once() {
        keep_messages(text);
        let outer = catch("outer", || {
            let inner: Option<()> = catch("inner", || panic!("inner"));
            assert_eq!(inner, None);
            7
        });
        assert_eq!(outer, Some(7));
        assert_eq!(catch("one more", || -> u8 { panic!("one more") }), None);
        let elsewhere = std::thread::spawn(take_messages).join();
        assert_eq!(elsewhere.unwrap(), Vec::<String>::new());
        assert_eq!(take_messages(), ["inner", "one more"]);
        assert_eq!(take_messages(), Vec::<String>::new());
    }

    #[test]
    fn a_panic_outside_of_methods_is_left_to_the_hook_before() {
        keep_messages(text);
        let result = std::panic::catch_unwind(|| panic!("outside"));
        assert!(result.is_err());
        assert_eq!(take_messages(), Vec::<String>::new());
    }
}
