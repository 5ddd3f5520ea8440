//! What an object of ours is made of, kept where a method finds it without gdext's cell.
//!
//! gdext keeps a class's Rust value in a cell that counts who borrows it; with threads allowed, each
//! borrow costs two locks, a hash table and a system call. Our objects are shared between threads
//! and lock for themselves, so their state is an instance binding instead: something that the engine
//! keeps for an extension with an object, and frees with it.

use std::cell::Cell;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::Deref;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use godot::builtin::{Variant, VariantType};
use godot::obj::{Base, Gd, GodotClass, InstanceId};
use godot::private::{Storage, as_storage};
use godot::sys;

use crate::ffi::catch_panic::catch_panic;

/// A class whose objects have their state in an instance binding: see [`stateful`].
pub(crate) trait Stateful: GodotClass + Sized {
    /// Made when it is asked for first; dropped with the object.
    type State: Default + Send + Sync + 'static;

    /// A byte of the class's own: its address tells the binding from others.
    fn token() -> &'static u8;

    /// The link to the object.
    fn base(&self) -> &Base<Self::Base>;

    /// Called when the Rust value of an object ends, before the object does.
    fn object_ends(_state: &Self::State) {}
}

/// Gives a class, whose field `base` is its [`Base`], its state; it is [`release`]d with the Rust value.
macro_rules! stateful {
    ($class:ty: $state:ty $(, $object_ends:path)?) => {
        impl $crate::state::Stateful for $class {
            type State = $state;

            fn token() -> &'static u8 {
                static TOKEN: u8 = 0;
                &TOKEN
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
                $crate::state::release(self);
            }
        }
    };
}

pub(crate) use stateful;

/// The state of an object, borrowed from it; cloned, it is kept beyond it.
pub(crate) struct Borrowed<'a, S> {
    /// Without a count of its own: the object's is used.
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
    if let Some(state) = KNOWN.with(|known| known.find(instance)) {
        return Borrowed {
            // SAFETY: no object has ended since this one's state was found ([`ENDED`], counted in `release`
            // before the state is dropped), so that it is the same object, and of the same class.
            state: ManuallyDrop::new(unsafe { Arc::from_raw(state.cast()) }),
            object: PhantomData,
        };
    }
    // SAFETY: as the caller vouches; nothing of the storage but its object's address is read.
    let found = unsafe { of_object::<C>(as_storage::<C>(instance).base().obj_sys()) };
    KNOWN.with(|known| known.enter(instance, Arc::as_ptr(&found).cast()));
    found
}

thread_local! {
    static KNOWN: Known = Known::new();
}

/// The states that a thread has found, by the address of the instance, until an object ends. To ask
/// the engine takes a lock.
struct Known {
    /// How many objects had ended when the first of these was found.
    ended: Cell<u64>,
    places: Box<[Cell<Place>; PLACES]>,
}

#[derive(Clone, Copy)]
struct Place {
    instance: sys::GDExtensionClassInstancePtr,
    state: *const c_void,
}

/// Two objects that share a place take turns in it.
const PLACES: usize = 4096;

/// How many objects have ended: an address that one had may be another's after that. Whoever comes to
/// know the other's address comes to know of this as well.
static ENDED: AtomicU64 = AtomicU64::new(0);

impl Known {
    fn new() -> Self {
        Self {
            ended: Cell::new(0),
            places: Box::new([const { Cell::new(Place::EMPTY) }; PLACES]),
        }
    }

    fn find(&self, instance: sys::GDExtensionClassInstancePtr) -> Option<*const c_void> {
        let ended = ENDED.load(Ordering::Acquire);
        if self.ended.replace(ended) != ended {
            self.places.iter().for_each(|it| it.set(Place::EMPTY));
        }
        let place = self.place(instance).get();
        (place.instance == instance).then_some(place.state)
    }

    fn enter(&self, instance: sys::GDExtensionClassInstancePtr, state: *const c_void) {
        self.place(instance).set(Place { instance, state });
    }

    fn place(&self, instance: sys::GDExtensionClassInstancePtr) -> &Cell<Place> {
        // Fibonacci hashing: the upper bits of the product depend on all of the address.
        let hash = (instance.addr() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        &self.places[(hash >> (u64::BITS - PLACES.ilog2())) as usize]
    }
}

impl Place {
    const EMPTY: Self = Self {
        instance: ptr::null_mut(),
        state: ptr::null(),
    };
}

/// A reference to an object, as a variant; null if the object's last reference is gone.
///
/// To take hold of an object by its id is a race with the thread that drops its last reference. The engine
/// makes a variant hold an object only if the count of references is not 0 yet.
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

/// Lets go of an object's state, when its Rust value is dropped: that is before the object itself when
/// the editor reloads the extension, after which nothing of this library may be called.
pub(crate) fn release<C: Stateful>(value: &C) {
    C::object_ends(&of_value(value));
    ENDED.fetch_add(1, Ordering::Release);
    // SAFETY: the object outlives its Rust value.
    unsafe {
        sys::interface_fn!(object_free_instance_binding)(value.base().obj_sys(), token::<C>());
    }
}

fn token<C: Stateful>() -> *mut c_void {
    ptr::from_ref(C::token()).cast_mut().cast()
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
            sys::interface_fn!(object_get_instance_binding)(object, token::<C>(), &callbacks);
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
