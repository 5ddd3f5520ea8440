//! What a script gets where a method of ours panics: an error and a line, never the end of the game.
//!
//! A panic is a mistake of this library. A line says where it was; the object stays usable, and a connection in
//! whose middle it happened has ended (see [`endpoint::SharedConnection`]).

use endpoint::panics;
use godot::builtin::{Array, GString, PackedByteArray, PackedStringArray};
use godot::classes::multiplayer_peer::TransferMode;
use godot::global::{Error, godot_error};
use godot::meta::Element;
use godot::obj::{Gd, GodotClass};

use crate::report::{self, mistake};
use crate::status::{Status, StatusCode};

/// To be called once gdext has set its own hook, which gets the panics outside of methods.
pub(crate) fn install_hook() {
    panics::keep_messages(godot::private::format_panic_message);
}

/// Runs a method's body, and catches its panic. The body must have unlocked what it locks when it returns or has
/// unwound.
pub(crate) fn catch_panic<R: AfterPanic>(what: &str, body: impl FnOnce() -> R) -> R {
    panics::catch(what, body).unwrap_or_else(|| {
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
    panics::within(method);
    print_messages();
    report::logged();
}

fn print_messages() {
    for message in panics::take_messages() {
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
    StatusCode => Status::Failed.into(),
    TransferMode => Self::RELIABLE,
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
