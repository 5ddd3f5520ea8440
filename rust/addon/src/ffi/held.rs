//! References to our objects that every thread can hold.

use godot::obj::Gd;

use super::state::Stateful;

/// A reference to an object.
pub(crate) struct Held<C: Stateful>(Gd<C>);

impl<C: Stateful> Held<C> {
    pub(crate) fn new(object: Gd<C>) -> Self {
        Self(object)
    }

    pub(crate) fn object(&self) -> Gd<C> {
        self.0.clone()
    }
}

// SAFETY: `Gd` is neither since the object behind it may not be used by several threads at once. Objects of the classes
// that are `Stateful` can: their state is `Sync`, and gdext's cell around their Rust value has locks of its own
// (`experimental-threads`). Cloning and dropping a `Gd` counts references, which the engine does atomically.
unsafe impl<C: Stateful> Send for Held<C> {}
// SAFETY: as above.
unsafe impl<C: Stateful> Sync for Held<C> {}
