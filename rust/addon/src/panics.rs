//! What a script gets where a method of ours panics: an error and a line, never the end of the game.
//!
//! A panic is a mistake of this library's. gdext prints where it was; the object goes on, and a peer in
//! whose middle it happened has ended (see `dtls_peer.rs`).

use std::panic::{AssertUnwindSafe, catch_unwind};

use godot::builtin::{Array, GString, PackedByteArray, PackedStringArray};
use godot::global::Error;
use godot::meta::Element;
use godot::obj::{Gd, GodotClass};

use crate::report::mistake;
use crate::status::Status;

/// Runs a method's body.
pub(crate) fn contained<R: AfterPanic>(what: &str, body: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(|| {
        point(what);
        body()
    }))
    .unwrap_or_else(|_| {
        mistake(
            what,
            "it failed in a way that it should not; please report it, with the lines above",
        );
        R::after_panic()
    })
}

/// Panics here in a debug build whose environment names this point, so that tests can see what comes
/// of it.
#[inline(always)]
pub(crate) fn point(name: &str) {
    if cfg!(debug_assertions) && std::env::var_os("OPENSSL_DTLS_PANIC").is_some_and(|at| at == name)
    {
        panic!("as asked for by OPENSSL_DTLS_PANIC");
    }
}

/// What a method returns where its body panicked.
pub(crate) trait AfterPanic {
    fn after_panic() -> Self;
}

impl AfterPanic for () {
    fn after_panic() {}
}

impl AfterPanic for bool {
    fn after_panic() -> Self {
        false
    }
}

impl AfterPanic for i32 {
    fn after_panic() -> Self {
        0
    }
}

impl AfterPanic for Error {
    fn after_panic() -> Self {
        Self::FAILED
    }
}

impl AfterPanic for Status {
    fn after_panic() -> Self {
        Self::Error
    }
}

impl AfterPanic for GString {
    fn after_panic() -> Self {
        Self::new()
    }
}

impl AfterPanic for PackedStringArray {
    fn after_panic() -> Self {
        Self::new()
    }
}

impl AfterPanic for PackedByteArray {
    fn after_panic() -> Self {
        Self::new()
    }
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
