//! Virtual methods that the engine calls by a [`Shortcut`].
//!
//! gdext gives the engine a function for each virtual method. The engine can also call all of a class by one function, with a
//! pointer of ours for the method.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};

use godot::builtin::StringName;
use godot::sys;

use super::hot::Shortcut;

/// A class with virtual methods that are called by shortcuts.
struct Class {
    gdexts: sys::GDExtensionClassGetVirtual2,
    shortcuts: Vec<&'static dyn Shortcut>,
    /// Those that objects were asked for, never freed: the engine keeps what an object was given.
    found: Mutex<HashMap<StringName, &'static Virtual>>,
}

enum Virtual {
    Shortcut(&'static dyn Shortcut),
    Gdexts(
        unsafe extern "C" fn(
            sys::GDExtensionClassInstancePtr,
            *const sys::GDExtensionConstTypePtr,
            sys::GDExtensionTypePtr,
        ),
    ),
}

/// Changes the description of a class so that the engine calls these of its virtual methods by shortcuts, and the others by
/// gdext's functions.
pub(crate) fn call_by(
    shortcuts: Vec<&'static dyn Shortcut>,
    description: &mut sys::GDExtensionClassCreationInfo4,
) {
    // Never freed: the engine may keep the class as long as the process lives.
    let class = Box::leak(Box::new(Class {
        gdexts: description.get_virtual_func,
        shortcuts,
        found: Mutex::default(),
    }));
    // gdext's functions do not use what this replaces.
    description.class_userdata = std::ptr::from_mut(class).cast();
    description.get_virtual_call_data_func = Some(find_virtual);
    description.call_virtual_with_data_func = Some(call_virtual);
}

/// What [`call_virtual`] gets for a virtual method, which an object is about to be called by for the first time; null if it has
/// none.
unsafe extern "C" fn find_virtual(
    class: *mut c_void,
    name: sys::GDExtensionConstStringNamePtr,
    hash: u32,
) -> *mut c_void {
    // SAFETY: it is what `call_by` leaked; the name is laid out as the engine's.
    let (class, method) = unsafe { (&*class.cast::<Class>(), &*name.cast::<StringName>()) };
    let mut found = class.found.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = found.get(method) {
        return std::ptr::from_ref::<Virtual>(known).cast_mut().cast();
    }
    let shortcut = class.shortcuts.iter().find(|it| it.is_named(method));
    let new = match (shortcut, class.gdexts) {
        (Some(shortcut), _) => Some(Virtual::Shortcut(*shortcut)),
        (None, Some(gdexts)) => {
            // SAFETY: the engine's arguments; gdext does not use the first.
            let gdexts = unsafe { gdexts(std::ptr::null_mut(), name, hash) };
            gdexts.map(Virtual::Gdexts)
        }
        (None, None) => None,
    };
    let Some(new) = new else {
        return std::ptr::null_mut();
    };
    let new: &'static Virtual = Box::leak(Box::new(new));
    found.insert(method.clone(), new);
    std::ptr::from_ref(new).cast_mut().cast()
}

unsafe extern "C" fn call_virtual(
    instance: sys::GDExtensionClassInstancePtr,
    _name: sys::GDExtensionConstStringNamePtr,
    method: *mut c_void,
    arguments: *const sys::GDExtensionConstTypePtr,
    returned: sys::GDExtensionTypePtr,
) {
    // SAFETY: it is what `find_virtual` gave, which is never freed.
    match unsafe { &*method.cast::<Virtual>() } {
        // SAFETY: the engine's arguments, for this method.
        Virtual::Shortcut(shortcut) => unsafe {
            shortcut.call_by_pointers(instance, arguments, returned);
        },
        // SAFETY: the engine's arguments, for the function that gdext has for them.
        Virtual::Gdexts(call) => unsafe { call(instance, arguments, returned) },
    }
}
