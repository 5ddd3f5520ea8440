//! Work that must wait until the method that a game engine calls has returned.

use std::cell::RefCell;

type Work = Box<dyn FnOnce()>;

thread_local! {
    /// Work to run after the method that this thread is in; `None` outside of methods.
    static LEFT: RefCell<Option<Vec<Work>>> = const { RefCell::new(None) };
}

/// Leaves `work` to the method that this thread is in, see [`collect`]; runs it at once outside of methods.
pub fn after(work: impl FnOnce() + 'static) {
    let mut work = Some(work);
    LEFT.with_borrow_mut(|left| {
        if let Some(left) = left {
            left.extend(work.take().map(|work| Box::new(work) as Work));
        }
    });
    if let Some(work) = work {
        work();
    }
}

/// Runs a method, which lets no panic through, and returns the work that it has left with [`after`].
pub fn collect(method: impl FnOnce()) -> Vec<Work> {
    let outer = LEFT.replace(Some(Vec::new()));
    method();
    LEFT.replace(outer).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn work_waits_for_the_innermost_method_that_left_it() {
        let done = Rc::new(Cell::new(0));
        let add = |number: u32| {
            let done = Rc::clone(&done);
            move || done.set(done.get() * 10 + number)
        };
        after(add(1));
        assert_eq!(done.get(), 1, "at once");
        let left = collect(|| {
            after(add(4));
            for work in collect(|| after(add(2))) {
                work();
            }
            add(3)();
        });
        assert_eq!(done.get(), 123);
        left.into_iter().for_each(|work| work());
        assert_eq!(done.get(), 1234);
    }
}
