//! Registering a hot method, and the two functions that the engine calls.

use std::ffi::c_void;

use godot::builtin::{GString, StringName, VariantType};
use godot::obj::{EngineBitfield, GodotClass};
use godot::register::info::{MethodFlags, PropertyUsageFlags};
use godot::sys;

use super::signature::Kind;
use super::{Argument, Call, Method, Returned};
use crate::ffi::calls;
use crate::ffi::catch_panic::catch_panic;

/// Registers the method. Call it after gdext has registered the class.
pub(crate) fn register<M: Method>() {
    let class = M::Class::class_id().to_string_name();
    let name = StringName::from(M::NAME);
    let mut returned = M::Returned::kind().map(|kind| Described::new("", kind));
    let mut argument =
        M::Argument::kind().map(|(argument_name, kind)| Described::new(argument_name, kind));
    let mut flags = MethodFlags::DEFAULT;
    if M::IS_CONST {
        flags |= MethodFlags::CONST;
    }
    let mut returned_sys = returned.as_mut().map(Described::sys);
    let mut argument_sys = argument.as_mut().map(Described::sys);
    let mut argument_metadata = argument.as_ref().map_or(0, |argument| argument.metadata);
    let method = sys::GDExtensionClassMethodInfo {
        name: pointer(&name).cast(),
        method_userdata: std::ptr::null_mut(),
        call_func: Some(call::<M>),
        ptrcall_func: Some(call_by_pointers::<M>),
        method_flags: flags.ord() as u32,
        has_return_value: returned_sys.is_some().into(),
        return_value_info: returned_sys
            .as_mut()
            .map_or(std::ptr::null_mut(), std::ptr::from_mut),
        return_value_metadata: returned.as_ref().map_or(0, |returned| returned.metadata),
        argument_count: argument_sys.is_some().into(),
        arguments_info: argument_sys
            .as_mut()
            .map_or(std::ptr::null_mut(), std::ptr::from_mut),
        arguments_metadata: &raw mut argument_metadata,
        default_argument_count: 0,
        default_arguments: std::ptr::null_mut(),
    };
    // SAFETY: the interface is initialised at this stage; everything pointed to outlives the call,
    // and the engine copies it. The two functions do what the description says.
    unsafe {
        calls::register_as_is(
            sys::get_library(),
            pointer(&class).cast(),
            &raw const method,
        );
    }
}

/// The description of a value, which owns what [`Described::sys`] points to.
struct Described {
    name: StringName,
    class: StringName,
    hint: GString,
    variant: VariantType,
    usage: PropertyUsageFlags,
    metadata: sys::GDExtensionClassMethodArgumentMetadata,
}

impl Described {
    fn new(name: &str, kind: Kind) -> Self {
        let mut usage = PropertyUsageFlags::DEFAULT;
        if !kind.class.is_empty() {
            usage |= PropertyUsageFlags::CLASS_IS_ENUM;
        }
        Self {
            name: name.into(),
            class: kind.class.into(),
            hint: GString::new(),
            variant: kind.variant,
            usage,
            metadata: kind.metadata,
        }
    }

    fn sys(&mut self) -> sys::GDExtensionPropertyInfo {
        sys::GDExtensionPropertyInfo {
            type_: variant_type(self.variant),
            name: pointer(&self.name).cast(),
            class_name: pointer(&self.class).cast(),
            hint: 0,
            hint_string: pointer(&self.hint).cast(),
            usage: self.usage.ord() as u32,
        }
    }
}

/// The engine's pointer to one of gdext's values, which are laid out as the engine's.
fn pointer<T>(value: &T) -> *mut c_void {
    std::ptr::from_ref(value).cast_mut().cast()
}

fn variant_type(kind: VariantType) -> sys::GDExtensionVariantType {
    kind.ord as sys::GDExtensionVariantType
}

/// A call from typed code.
unsafe extern "C" fn call_by_pointers<M: Method>(
    _userdata: *mut c_void,
    instance: sys::GDExtensionClassInstancePtr,
    arguments: *const sys::GDExtensionConstTypePtr,
    returned: sys::GDExtensionTypePtr,
) {
    // SAFETY: the engine passes what was registered. Methods use their argument before they print.
    unsafe {
        let argument = M::Argument::from_pointers(arguments);
        run::<M>(instance, argument).write(returned);
    }
}

/// A call from untyped code.
unsafe extern "C" fn call<M: Method>(
    _userdata: *mut c_void,
    instance: sys::GDExtensionClassInstancePtr,
    arguments: *const sys::GDExtensionConstVariantPtr,
    count: sys::GDExtensionInt,
    returned: sys::GDExtensionVariantPtr,
    error: *mut sys::GDExtensionCallError,
) {
    let expected = sys::GDExtensionInt::from(M::Argument::kind().is_some());
    let refuse = |code, what: i64| {
        // SAFETY: the engine passes a valid pointer for the error.
        unsafe {
            (*error).error = code;
            (*error).argument = 0;
            (*error).expected = what as i32;
        }
    };
    if count < expected {
        return refuse(sys::GDEXTENSION_CALL_ERROR_TOO_FEW_ARGUMENTS, expected);
    }
    if count > expected {
        return refuse(sys::GDEXTENSION_CALL_ERROR_TOO_MANY_ARGUMENTS, expected);
    }
    // SAFETY: the engine passes `count` variants. Methods use their argument before they print.
    match unsafe { M::Argument::from_variants(arguments) } {
        Ok(argument) => {
            // SAFETY: the engine passes an object of the class, and an empty variant for the result.
            unsafe { run::<M>(instance, argument).write_variant(returned.cast()) }
        }
        Err(expected) => refuse(
            sys::GDEXTENSION_CALL_ERROR_INVALID_ARGUMENT,
            i64::from(variant_type(expected)),
        ),
    }
}

/// # Safety
/// `instance` must be what the engine passes to a method of the class.
unsafe fn run<M: Method>(
    instance: sys::GDExtensionClassInstancePtr,
    argument: M::Argument<'_>,
) -> M::Returned {
    catch_panic(M::PLACE, || {
        // SAFETY: the caller's contract is that of `Call::new`.
        let call = unsafe { Call::new(instance) };
        M::run(call, argument)
    })
}
