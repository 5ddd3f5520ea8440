//! What a script gets where a method of ours panics: an error and a line, never the end of the game.
//!
//! A panic is a mistake of this library. A line says where it was; the object stays usable, and a connection in
//! whose middle it happened has ended (see [`endpoint::SharedConnection`]).
//!
//! gdext's panic hook prints that line where the panic is, and a script's logger may call the very peer
//! that is locked there: the thread would wait for itself. So the line is kept until the method's body has
//! unwound, and no lock of it is held.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

use godot::builtin::{Array, GString, PackedByteArray, PackedStringArray};
use godot::global::{Error, godot_error};
use godot::meta::Element;
use godot::obj::{Gd, GodotClass};

use crate::logger;
use crate::report::mistake;
use crate::status::{Status, StatusCode};

thread_local! {
    /// How many method bodies, one within the other, this thread runs.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// The messages of panics in them, which are not printed yet.
    static UNPRINTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Keeps the messages of panics inside [`catch_panic`]; others are left to gdext's hook, as before. To be
/// called once gdext has set its own.
pub(crate) fn install_hook() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // Both fail only where a thread ends and its memory is gone.
        let is_caught = DEPTH.try_with(|depth| depth.get() > 0).unwrap_or(false);
        let unprinted = UNPRINTED.try_with(|unprinted| {
            let mut unprinted = unprinted.try_borrow_mut().ok()?;
            is_caught.then(|| unprinted.push(godot::private::format_panic_message(panic)))
        });
        if !matches!(unprinted, Ok(Some(()))) {
            before(panic);
        }
    }));
}

/// Counts a body that is being run.
struct Body;

impl Body {
    fn enter() -> Self {
        DEPTH.set(DEPTH.get() + 1);
        Self
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

/// Runs a method's body, and catches its panic. The body must have unlocked what it locks when it returns or has
/// unwound.
pub(crate) fn catch_panic<R: AfterPanic>(what: &str, body: impl FnOnce() -> R) -> R {
    let outcome = {
        let _body = Body::enter();
        catch_unwind(AssertUnwindSafe(|| {
            endpoint::fail_point(what);
            body()
        }))
    };
    outcome.unwrap_or_else(|_| {
        print_messages();
        mistake(
            what,
            "it failed in a way that it should not; please report it, with the lines above",
        );
        R::after_panic()
    })
}

/// Runs a method that catches its panics itself, and prints their messages, and what was logged, after it.
pub(crate) fn print_after(method: impl FnOnce()) {
    let body = Body::enter();
    method();
    drop(body);
    print_messages();
    logger::print_waiting();
}

fn print_messages() {
    for message in UNPRINTED.take() {
        godot_error!("{message}");
    }
}

/// What a method returns where its body panicked.
pub(crate) trait AfterPanic {
    fn after_panic() -> Self;
}

macro_rules! after_panic {
    ($($type:ty => $value:expr),+ $(,)?) => {
        $(
            impl AfterPanic for $type {
                fn after_panic() -> Self {
                    $value
                }
            }
        )+
    };
}

after_panic! {
    () => (),
    bool => false,
    i32 => 0,
    i64 => 0,
    f64 => 0.0,
    GString => Self::new(),
    PackedByteArray => Self::new(),
    PackedStringArray => Self::new(),
    Error => Self::FAILED,
    StatusCode => Self(Status::Failed),
}

impl<C: GodotClass> AfterPanic for Option<Gd<C>> {
    fn after_panic() -> Self {
        None
    }
}

impl<T: Element> AfterPanic for Array<T> {
    fn after_panic() -> Self {
        Self::new()
    }
}
