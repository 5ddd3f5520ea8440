//! Methods that scripts call thousands of times a frame, registered with the engine's C interface, past gdext.
//!
//! Without them an echoing server's frame takes 1.5 times as long (docs/decisions/method-registration.md). They rely on
//! `godot::private`, so gdext's version is exact in Cargo.toml.
//!
//! Some of them hide a method of `PacketPeer` that does the same through the engine's virtual methods. Typed code that
//! holds a peer as a `PacketPeer` calls that one.

mod class_reference;
mod methods;
mod register;
mod signature;

pub(crate) use class_reference::class_reference;
pub(crate) use methods::methods;
pub(crate) use register::register;
pub(crate) use signature::{Argument, Bytes, Nothing, Returned};

use std::sync::Arc;

use godot::obj::{Gd, GodotClass, Inherits};
use godot::private::{Storage, as_storage};
use godot::sys;

use crate::ffi::state::{self, Borrowed, Stateful};

/// A method of a class of ours.
pub(crate) trait Method: 'static {
    type Class: Stateful;
    type Argument<'a>: Argument<'a>;
    type Returned: Returned;

    const NAME: &'static str;
    /// Its name in messages, such as `PacketPeerDTLS.poll()`.
    const PLACE: &'static str;
    /// Whether it leaves the object as it is.
    const IS_CONST: bool;
    /// Its description in the class reference.
    const DESCRIPTION: &'static str;

    /// Does what the method does.
    fn run(call: Call<'_, Self::Class>, argument: Self::Argument<'_>) -> Self::Returned;
}

/// A call of a method. The object can end during the call: a printed line can run a script's logger, which can drop the
/// last reference.
pub(crate) struct Call<'a, C: Stateful> {
    instance: sys::GDExtensionClassInstancePtr,
    state: Borrowed<'a, C::State>,
}

impl<C: Stateful> Call<'_, C> {
    /// # Safety
    /// `instance` must be what the engine passes to a method of class `C`, for a call that lasts as
    /// long as this value, and in which nothing has run a script yet.
    unsafe fn new(instance: sys::GDExtensionClassInstancePtr) -> Self {
        Self {
            instance,
            // SAFETY: the caller's contract is that of `of_instance`.
            state: unsafe { state::of_instance::<C>(instance) },
        }
    }

    /// The object's state, with a reference of its own: for methods that can run a script. Call it before anything has.
    pub(crate) fn state(&self) -> Arc<C::State> {
        Arc::clone(&self.state)
    }

    /// The object's state, without counting a reference: for methods that cannot run a script.
    pub(crate) fn peek(&self) -> &C::State {
        &self.state
    }

    /// A reference to the object. Call it before anything has run a script.
    pub(crate) fn object(&self) -> Gd<C>
    where
        C: Inherits<<C as GodotClass>::Base>,
    {
        // SAFETY: `instance` is valid for class `C`: the contract of `new`.
        unsafe { as_storage::<C>(self.instance).get_gd() }
    }
}
