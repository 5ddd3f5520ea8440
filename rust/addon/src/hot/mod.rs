//! Methods that scripts call thousands of times a frame, registered without gdext's wrappers.
//!
//! What they cost beyond their work is the call of a function pointer and a look for the object's
//! [`state`]. Some hide a method of `PacketPeer`, which does the same by way of the engine's virtual
//! methods; typed code that knows a peer as a `PacketPeer` alone takes that way.

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

use crate::state::{self, Borrowed, Stateful};

/// A method of a class of ours.
pub(crate) trait Method: 'static {
    type Class: Stateful;
    type Argument<'a>: Argument<'a>;
    type Returned: Returned;

    const NAME: &'static str;
    /// As messages name it, such as `PacketPeerDTLS.poll()`.
    const PLACE: &'static str;
    /// Whether it leaves the object as it is.
    const IS_CONST: bool;
    /// What the class reference says of it.
    const DESCRIPTION: &'static str;

    /// Does what the method does.
    fn run(call: Call<'_, Self::Class>, argument: Self::Argument<'_>) -> Self::Returned;
}

/// A call of a method. The object may go while it lasts: a printed line can run a script's logger, which
/// drops the last reference.
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
            // SAFETY: as the caller vouches.
            state: unsafe { state::of_instance::<C>(instance) },
        }
    }

    /// The object's state, kept: for what can run a script. To be taken before anything has.
    pub(crate) fn state(&self) -> Arc<C::State> {
        Arc::clone(&self.state)
    }

    /// The object's state, which costs nothing: for what can run no script.
    pub(crate) fn peek(&self) -> &C::State {
        &self.state
    }

    /// The object itself, kept. To be taken before anything has run a script.
    pub(crate) fn object(&self) -> Gd<C>
    where
        C: Inherits<<C as GodotClass>::Base>,
    {
        // SAFETY: as `new` was promised.
        unsafe { as_storage::<C>(self.instance).get_gd() }
    }
}
