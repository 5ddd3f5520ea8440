//! The state of our objects, outside of gdext's cell.
//!
//! gdext keeps a class's Rust value in a cell that tracks borrows. With threads allowed, each borrow costs two locks, a
//! hash table and a system call. Our states have their own locks, so they are instance bindings: values that the engine
//! keeps with an object for an extension, and frees with it.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::Deref;
use std::sync::Arc;

use godot::builtin::{Variant, VariantType};
use godot::obj::{Base, Gd, GodotClass, InstanceId};
use godot::private::{Storage, as_storage};
use godot::sys;

use crate::ffi::catch_panic::catch_panic;

/// A class whose objects have their state in an instance binding: see [`stateful`].
pub(crate) trait Stateful: GodotClass + Sized {
    /// Created at the first access; dropped with the object.
    type State: Default + Send + Sync + 'static;

    /// The address of a static of the class, which identifies the binding.
    fn token() -> *mut c_void;

    /// The link to the object.
    fn base(&self) -> &Base<Self::Base>;

    /// Called when the Rust value of an object ends, before the object does.
    fn object_ends(_state: &Self::State) {}
}

/// Gives a class, whose field `base` is its [`Base`], its state; it is [`release`]d with the Rust value.
macro_rules! stateful {
    ($class:ty: $state:ty $(, $object_ends:path)?) => {
        impl $crate::ffi::state::Stateful for $class {
            type State = $state;

            fn token() -> *mut std::ffi::c_void {
                static TOKEN: u8 = 0;
                (&raw const TOKEN).cast_mut().cast()
            }

            fn base(&self) -> &godot::obj::Base<<Self as godot::obj::GodotClass>::Base> {
                &self.base
            }

            $(
                fn object_ends(state: &$state) {
                    $object_ends(state);
                }
            )?
        }

        impl Drop for $class {
            fn drop(&mut self) {
                $crate::ffi::state::release(self);
            }
        }
    };
}

pub(crate) use stateful;

/// The state of an object, borrowed from the object. A clone of the `Arc` keeps it alive beyond that.
pub(crate) struct Borrowed<'a, S> {
    /// Not counted: the binding holds the reference.
    state: ManuallyDrop<Arc<S>>,
    object: PhantomData<&'a S>,
}

impl<S> Deref for Borrowed<'_, S> {
    type Target = Arc<S>;

    fn deref(&self) -> &Arc<S> {
        &self.state
    }
}

/// The state of an object.
pub(crate) fn of<C: Stateful>(object: &Gd<C>) -> Borrowed<'_, C::State> {
    // SAFETY: objects of our classes count references, so that the object is alive as long as this one, from which
    // the result is borrowed; its class is `C`, since scripts cannot derive engine classes from ours.
    unsafe { of_object::<C>(object.obj_sys()) }
}

/// The state of an object, from within its Rust value.
pub(crate) fn of_value<C: Stateful>(value: &C) -> Arc<C::State> {
    // SAFETY: the Rust value of class `C` ends before its object does.
    let state = unsafe { of_object::<C>(value.base().obj_sys()) };
    Arc::clone(&state)
}

/// The state of the object whose method the engine calls.
///
/// # Safety
/// `instance` must be what the engine passes to a method of class `C`, and the state must not be
/// used once the object may be gone: after a call that can run a script.
pub(crate) unsafe fn of_instance<'a, C: Stateful>(
    instance: sys::GDExtensionClassInstancePtr,
) -> Borrowed<'a, C::State> {
    // SAFETY: `instance` is valid, by the caller's contract; only the object's address is read from the storage.
    unsafe { of_object::<C>(as_storage::<C>(instance).base().obj_sys()) }
}

/// A reference to an object, as a variant; null if the object's last reference is gone.
///
/// Another thread may drop the object's last reference at the same time. The engine makes a variant hold an object
/// only if its reference count is not 0 yet.
///
/// # Safety
/// `id` must be the id of an object that counts references and whose Rust value does not end during the
/// call.
pub(crate) unsafe fn take_hold(id: InstanceId) -> Variant {
    let mut variant = MaybeUninit::<Variant>::uninit();
    // SAFETY: the Rust value ends before the object's memory is given back, so that the pointer is valid.
    // The engine's constructor for objects takes a pointer to such a pointer, and leaves a variant, which
    // gdext's type is laid out as.
    unsafe {
        let object = sys::interface_fn!(object_get_instance_from_id)(id.to_i64().cast_unsigned());
        let kind = VariantType::OBJECT.ord as sys::GDExtensionVariantType;
        match sys::interface_fn!(get_variant_from_type_constructor)(kind) {
            Some(construct) if !object.is_null() => {
                let object = (&raw const object).cast_mut();
                construct(variant.as_mut_ptr().cast(), object.cast());
                variant.assume_init()
            }
            _ => Variant::nil(),
        }
    }
}

/// Frees an object's state when its Rust value is dropped. When the editor reloads the extension, that is before the
/// object ends: nothing of this library may be called after the reload.
pub(crate) fn release<C: Stateful>(value: &C) {
    C::object_ends(&of_value(value));
    // SAFETY: the object outlives its Rust value.
    unsafe {
        sys::interface_fn!(object_free_instance_binding)(value.base().obj_sys(), C::token());
    }
}

/// # Safety
/// `object` must be an object of class `C` that is alive for `'a`.
unsafe fn of_object<'a, C: Stateful>(object: sys::GDExtensionObjectPtr) -> Borrowed<'a, C::State> {
    let callbacks = sys::GDExtensionInstanceBindingCallbacks {
        create_callback: Some(create::<C>),
        free_callback: Some(free::<C>),
        reference_callback: None,
    };
    // SAFETY: the object is alive; the engine copies the callbacks, and gives what `create` made.
    let state = unsafe {
        let binding =
            sys::interface_fn!(object_get_instance_binding)(object, C::token(), &callbacks);
        Arc::from_raw(binding.cast::<C::State>())
    };
    Borrowed {
        state: ManuallyDrop::new(state),
        object: PhantomData,
    }
}

unsafe extern "C" fn create<C: Stateful>(_token: *mut c_void, _object: *mut c_void) -> *mut c_void {
    Arc::into_raw(Arc::new(C::State::default()))
        .cast_mut()
        .cast()
}

unsafe extern "C" fn free<C: Stateful>(
    _token: *mut c_void,
    _object: *mut c_void,
    binding: *mut c_void,
) {
    // SAFETY: `binding` is what `create` gave, and the engine frees it once.
    let state = unsafe { Arc::from_raw(binding.cast::<C::State>()) };
    catch_panic("the end of an object", || drop(state));
}
