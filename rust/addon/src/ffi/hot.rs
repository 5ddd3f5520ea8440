//! Methods that scripts call thousands of times a frame, without what gdext does around a call.
//!
//! gdext registers them as all others, and `calls.rs` then has the engine call them by a [`MethodShortcut`]. Virtual methods
//! are called by a [`Shortcut`], and gdext has none of these. Without shortcuts an echoing server's frame takes 1.5 times as
//! long (docs/decisions/method-registration.md). They rely on `godot::private` and hidden functions, so gdext's version is
//! exact in Cargo.toml.

use std::sync::Arc;

use godot::builtin::{StringName, Variant};
use godot::meta::conv::RawPtr;
use godot::meta::{FromGodot, GodotType, ToGodot};
use godot::obj::{Gd, GodotClass, Inherits};
use godot::private::{Storage, as_storage};
use godot::sys::{self, GodotFfi, PtrcallType};

use crate::ffi::catch_panic::{AfterPanic, catch_panic};
use crate::ffi::state::{self, Borrowed, Stateful};

/// A call of a method. The object can end during the call: a printed line can run a script's logger, which can drop the
/// last reference.
pub(crate) struct Call<'a, C: Stateful> {
    instance: sys::GDExtensionClassInstancePtr,
    state: Borrowed<'a, C::State>,
}

impl<C: Stateful> Call<'_, C> {
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
        // SAFETY: `instance` is valid for class `C`, as long as nothing has run a script: `Hot::run` made this value.
        unsafe { as_storage::<C>(self.instance).get_gd() }
    }
}

/// A method of class `C` as the engine is to call it.
pub(crate) struct Hot<C: Stateful, A, R> {
    what: &'static str,
    run: fn(Call<'_, C>, A) -> R,
}

impl<C: Stateful, A, R> Hot<C, A, R> {
    /// `what` is the method's name in messages, such as `PacketPeerDTLS.poll()`; `run` does what its `#[func]` does.
    pub(crate) const fn new(what: &'static str, run: fn(Call<'_, C>, A) -> R) -> Self {
        Self { what, run }
    }
}

/// How the engine calls a method: from typed code, or as a virtual method.
pub(crate) trait Shortcut: Sync {
    /// Whether it is for a method of that class.
    fn is_of(&self, class: &StringName) -> bool;

    /// Whether it is for a method of that name. The names of virtual methods begin with an underscore.
    fn is_named(&self, method: &StringName) -> bool;

    /// # Safety
    /// The arguments must be what the engine passes to the method.
    unsafe fn call_by_pointers(
        &self,
        instance: sys::GDExtensionClassInstancePtr,
        arguments: *const sys::GDExtensionConstTypePtr,
        returned: sys::GDExtensionTypePtr,
    );
}

/// How the engine calls a method that is no virtual one: from untyped code as well.
pub(crate) trait MethodShortcut: Shortcut {
    /// A call from untyped code, whose arguments were checked.
    ///
    /// # Safety
    /// As for [`Shortcut::call_by_pointers`]; each argument must be of the method's type or convertible to it.
    unsafe fn call(
        &self,
        instance: sys::GDExtensionClassInstancePtr,
        arguments: *const sys::GDExtensionConstVariantPtr,
    ) -> Variant;
}

impl<C: Stateful, A, R: ToGodot + AfterPanic> Hot<C, A, R> {
    /// # Safety
    /// `instance` must be what the engine passes to a method of class `C`.
    unsafe fn run(&self, instance: sys::GDExtensionClassInstancePtr, arguments: A) -> R {
        catch_panic(self.what, || {
            // SAFETY: the caller's contract; the methods of `Call` say until when the state may be used.
            let state = unsafe { state::of_instance::<C>(instance) };
            (self.run)(Call { instance, state }, arguments)
        })
    }
}

impl<C: Stateful, A: FromPointers, R: ToGodot + AfterPanic> Shortcut for Hot<C, A, R> {
    fn is_of(&self, class: &StringName) -> bool {
        *class == C::class_id().to_string_name()
    }

    fn is_named(&self, method: &StringName) -> bool {
        let method = method.to_string();
        let name = method.strip_prefix('_').unwrap_or(&method);
        self.what.ends_with(&format!(".{name}()"))
    }

    unsafe fn call_by_pointers(
        &self,
        instance: sys::GDExtensionClassInstancePtr,
        arguments: *const sys::GDExtensionConstTypePtr,
        returned: sys::GDExtensionTypePtr,
    ) {
        // SAFETY: the caller's contract. The engine has the method with these types.
        unsafe {
            let value = self.run(instance, A::from_pointers(arguments));
            let value = value.to_godot_owned().into_ffi();
            value.move_return_ptr(returned, PtrcallType::Standard);
        }
    }
}

impl<C: Stateful, A: FromVariants, R: ToGodot + AfterPanic> MethodShortcut for Hot<C, A, R> {
    unsafe fn call(
        &self,
        instance: sys::GDExtensionClassInstancePtr,
        arguments: *const sys::GDExtensionConstVariantPtr,
    ) -> Variant {
        // SAFETY: the caller's contract. gdext registered the method with these types.
        unsafe { self.run(instance, A::from_variants(arguments)).to_variant() }
    }
}

/// What a method takes.
pub(crate) trait FromPointers {
    /// # Safety
    /// `arguments` must point to as many values of the types that the engine has the method with.
    unsafe fn from_pointers(arguments: *const sys::GDExtensionConstTypePtr) -> Self;
}

/// What a method takes from untyped code.
pub(crate) trait FromVariants: FromPointers {
    /// # Safety
    /// `arguments` must point to as many variants.
    unsafe fn from_variants(arguments: *const sys::GDExtensionConstVariantPtr) -> Self;
}

impl FromPointers for () {
    unsafe fn from_pointers(_: *const sys::GDExtensionConstTypePtr) {}
}

impl FromVariants for () {
    unsafe fn from_variants(_: *const sys::GDExtensionConstVariantPtr) {}
}

impl<A: GodotFfi> FromPointers for (A,) {
    unsafe fn from_pointers(arguments: *const sys::GDExtensionConstTypePtr) -> Self {
        // SAFETY: the caller's contract; the value is copied.
        (unsafe { A::from_arg_ptr((*arguments).cast_mut(), PtrcallType::Standard) },)
    }
}

impl<A: FromGodot<Via = A> + GodotType<Ffi = A> + GodotFfi + Default> FromVariants for (A,) {
    unsafe fn from_variants(arguments: *const sys::GDExtensionConstVariantPtr) -> Self {
        // SAFETY: the caller's contract; gdext's type is laid out as the engine's.
        let variant = unsafe { &*(*arguments).cast::<Variant>() };
        (variant.try_to_relaxed().unwrap_or_default(),)
    }
}

/// The arguments of `_get_packet`: where the packet and its size go.
impl FromPointers for (RawPtr<*mut RawPtr<*const u8>>, RawPtr<*mut i32>) {
    unsafe fn from_pointers(arguments: *const sys::GDExtensionConstTypePtr) -> Self {
        // SAFETY: the caller's contract; gdext's type is laid out as the pointer that it has.
        unsafe {
            (
                (*arguments).cast::<RawPtr<_>>().read(),
                (*arguments.add(1)).cast::<RawPtr<_>>().read(),
            )
        }
    }
}

/// The arguments of `_put_packet`: a packet and its size.
impl FromPointers for (RawPtr<*const u8>, i64) {
    unsafe fn from_pointers(arguments: *const sys::GDExtensionConstTypePtr) -> Self {
        // SAFETY: the caller's contract; gdext's type is laid out as the pointer that it has, and integers are passed with 64
        // bits.
        unsafe {
            (
                (*arguments).cast::<RawPtr<_>>().read(),
                (*arguments.add(1)).cast::<i64>().read(),
            )
        }
    }
}
