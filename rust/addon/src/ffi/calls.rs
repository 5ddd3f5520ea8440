//! What surrounds each call of a method that gdext registers.
//!
//! gdext answers a call with wrong arguments by a line of its own and an error code that the engine does
//! not know ("Bug: Invalid call error code 1337"). So it is given a function for registering methods that
//! puts another around each: it checks the arguments as the engine does for its own classes, by the
//! description that gdext registers. It also runs work that must wait while gdext has the object borrowed ([`after`]), and
//! prints the messages of panics.

use std::ffi::{CStr, c_char, c_void};
use std::sync::OnceLock;

use endpoint::after_call;
use godot::builtin::{StringName, Variant};
use godot::sys;

use super::catch_panic;
use super::hot::{MethodShortcut, Shortcut};
use super::virtuals;

/// The function by which the engine gives out the others.
static GET_PROC_ADDRESS: OnceLock<
    unsafe extern "C" fn(*const c_char) -> sys::GDExtensionInterfaceFunctionPtr,
> = OnceLock::new();

/// How the engine calls some of the methods, in place of gdext's way.
static SHORTCUTS: OnceLock<Shortcuts> = OnceLock::new();

type RegisterMethod = sys::GDExtensionInterfaceClassdbRegisterExtensionClassMethod;
type RegisterClass = sys::GDExtensionInterfaceClassdbRegisterExtensionClass4;

const REGISTER_METHOD: &CStr = c"classdb_register_extension_class_method";

/// As gdext registers them for the API version that it is built for, 4.4.
const REGISTER_CLASS: &CStr = c"classdb_register_extension_class4";

/// Of methods that gdext registers, and of virtual methods that it does not know.
pub(crate) struct Shortcuts {
    pub(crate) methods: Vec<&'static dyn MethodShortcut>,
    pub(crate) virtuals: Vec<&'static dyn Shortcut>,
}

/// Notes the function by which the engine gives out the others, and returns one that gives out functions of this file
/// for registering methods and classes.
pub(crate) fn wrap_registration(
    get_proc_address: sys::GDExtensionInterfaceGetProcAddress,
    shortcuts: Shortcuts,
) -> sys::GDExtensionInterfaceGetProcAddress {
    // The process has one engine: when the addon is reloaded, it is the same function.
    let _ = GET_PROC_ADDRESS.set(get_proc_address?);
    let _ = SHORTCUTS.set(shortcuts);
    Some(proc_address)
}

unsafe extern "C" fn proc_address(name: *const c_char) -> sys::GDExtensionInterfaceFunctionPtr {
    // SAFETY: gdext asks for names that end in NUL.
    let name = unsafe { CStr::from_ptr(name) };
    type Function = unsafe extern "C" fn();
    let (method, class): (RegisterMethod, RegisterClass) = (register, register_class);
    // SAFETY: function pointers are all alike until they are called; gdext makes it one of its type again.
    engines(name).map(|engines| unsafe {
        if name == REGISTER_METHOD {
            std::mem::transmute::<RegisterMethod, Function>(method)
        } else if name == REGISTER_CLASS {
            std::mem::transmute::<RegisterClass, Function>(class)
        } else {
            engines
        }
    })
}

/// The engine's function of this name.
fn engines(name: &CStr) -> sys::GDExtensionInterfaceFunctionPtr {
    // SAFETY: the name ends in NUL, as the engine's function requires.
    unsafe { GET_PROC_ADDRESS.get()?(name.as_ptr()) }
}

/// A method as gdext has registered it.
struct Registered {
    userdata: *mut c_void,
    call: sys::GDExtensionClassMethodCall,
    call_by_pointers: sys::GDExtensionClassMethodPtrCall,
    shortcut: Option<&'static dyn MethodShortcut>,
    arguments: Vec<sys::GDExtensionVariantType>,
    /// How many of the last arguments may be left out.
    optional: usize,
}

unsafe extern "C" fn register(
    library: sys::GDExtensionClassLibraryPtr,
    class: sys::GDExtensionConstStringNamePtr,
    method: *const sys::GDExtensionClassMethodInfo,
) {
    // SAFETY: gdext passes a valid description, with `argument_count` arguments; its names are laid out as the engine's.
    let (mut method, arguments, names) = unsafe {
        let method = *method;
        let count = method.argument_count as usize;
        let arguments = (0..count).map(|at| (*method.arguments_info.add(at)).type_);
        let names = (&*class.cast(), &*method.name.cast());
        (method, arguments.collect(), names)
    };
    let mut shortcuts = SHORTCUTS.get().into_iter().flat_map(|it| &it.methods);
    // Never freed: the engine may keep the method as long as the process lives.
    let registered = Box::leak(Box::new(Registered {
        userdata: method.method_userdata,
        call: method.call_func,
        call_by_pointers: method.ptrcall_func,
        shortcut: shortcuts
            .find(|it| it.is_of(names.0) && it.is_named(names.1))
            .copied(),
        arguments,
        optional: method.default_argument_count as usize,
    }));
    method.method_userdata = std::ptr::from_mut(registered).cast();
    method.call_func = Some(call);
    method.ptrcall_func = Some(call_by_pointers);
    if let Some(engines) = engines(REGISTER_METHOD) {
        // SAFETY: the engine's function of this name has this type. gdext's description is valid, and the two functions
        // accept what gdext's accept, with this userdata.
        unsafe {
            std::mem::transmute::<unsafe extern "C" fn(), RegisterMethod>(engines)(
                library, class, &method,
            );
        }
    }
}

unsafe extern "C" fn register_class(
    library: sys::GDExtensionClassLibraryPtr,
    class: sys::GDExtensionConstStringNamePtr,
    parent: sys::GDExtensionConstStringNamePtr,
    description: *const sys::GDExtensionClassCreationInfo4,
) {
    // SAFETY: gdext passes a valid description; its names are laid out as the engine's.
    let (mut description, name) = unsafe { (*description, &*class.cast::<StringName>()) };
    let shortcuts = SHORTCUTS.get().into_iter().flat_map(|it| &it.virtuals);
    let shortcuts: Vec<_> = shortcuts.filter(|it| it.is_of(name)).copied().collect();
    if !shortcuts.is_empty() {
        virtuals::call_by(shortcuts, &mut description);
    }
    if let Some(engines) = engines(REGISTER_CLASS) {
        // SAFETY: the engine's function of this name has this type. gdext's description is valid, also where `virtuals` has
        // changed it.
        unsafe {
            std::mem::transmute::<unsafe extern "C" fn(), RegisterClass>(engines)(
                library,
                class,
                parent,
                &raw const description,
            );
        }
    }
}

/// A call from typed code, whose arguments the compiler of scripts has checked.
unsafe extern "C" fn call_by_pointers(
    registered: *mut c_void,
    instance: sys::GDExtensionClassInstancePtr,
    arguments: *const sys::GDExtensionConstTypePtr,
    returned: sys::GDExtensionTypePtr,
) {
    // SAFETY: it is what `register` leaked.
    let registered = unsafe { &*registered.cast::<Registered>() };
    if let Some(shortcut) = registered.shortcut {
        // SAFETY: the engine's arguments, for this method.
        return unsafe { shortcut.call_by_pointers(instance, arguments, returned) };
    }
    if let Some(gdexts) = registered.call_by_pointers {
        // SAFETY: the engine's arguments, for the function that was registered for them.
        surround(|| unsafe { gdexts(registered.userdata, instance, arguments, returned) });
    }
}

/// A call from untyped code.
unsafe extern "C" fn call(
    registered: *mut c_void,
    instance: sys::GDExtensionClassInstancePtr,
    arguments: *const sys::GDExtensionConstVariantPtr,
    count: sys::GDExtensionInt,
    returned: sys::GDExtensionVariantPtr,
    error: *mut sys::GDExtensionCallError,
) {
    // SAFETY: it is what `register` leaked; the engine passes `count` variants.
    let (registered, given) = unsafe {
        let registered = &*registered.cast::<Registered>();
        let count = usize::try_from(count).unwrap_or(0);
        (registered, (0..count).map(|at| *arguments.add(at)))
    };
    if let Err(refusal) = registered.check(given) {
        // SAFETY: the engine passes a valid pointer for the error.
        unsafe { *error = refusal };
        return;
    }
    if let Some(shortcut) = registered.shortcut {
        // SAFETY: the engine's arguments, for this method, and a variant for the result, which is laid out as gdext's.
        return unsafe { *returned.cast::<Variant>() = shortcut.call(instance, arguments) };
    }
    if let Some(gdexts) = registered.call {
        // SAFETY: the engine's arguments, for the function that was registered for them.
        surround(|| unsafe {
            gdexts(
                registered.userdata,
                instance,
                arguments,
                count,
                returned,
                error,
            );
        });
    }
}

impl Registered {
    /// Checks arguments as the engine does those of its own classes' methods.
    fn check(
        &self,
        given: impl ExactSizeIterator<Item = sys::GDExtensionConstVariantPtr>,
    ) -> Result<(), sys::GDExtensionCallError> {
        let refusal = |error, argument, expected: usize| {
            Err(sys::GDExtensionCallError {
                error,
                argument: argument as i32,
                expected: expected as i32,
            })
        };
        let most = self.arguments.len();
        let least = most.saturating_sub(self.optional);
        if given.len() < least {
            // The engine names the number of all arguments here, too.
            return refusal(sys::GDEXTENSION_CALL_ERROR_TOO_FEW_ARGUMENTS, 0, most);
        }
        if given.len() > most {
            return refusal(sys::GDEXTENSION_CALL_ERROR_TOO_MANY_ARGUMENTS, 0, most);
        }
        for (at, (argument, &expected)) in given.zip(&self.arguments).enumerate() {
            // SAFETY: the interface is initialised as long as methods are called; the argument is one of
            // the engine's variants.
            let fits = unsafe {
                let given = sys::interface_fn!(variant_get_type)(argument);
                expected == sys::GDEXTENSION_VARIANT_TYPE_NIL
                    || given == expected
                    || sys::interface_fn!(variant_can_convert_strict)(given, expected) != 0
            };
            if !fits {
                let error = sys::GDEXTENSION_CALL_ERROR_INVALID_ARGUMENT;
                return refusal(error, at, expected as usize);
            }
        }
        Ok(())
    }
}

/// Runs `work` once the method that is being called has returned, or at once outside of methods. For work that can run a
/// script, from methods that take `&self`: gdext has the object borrowed during those, and ends the process if a
/// script's logger drops the last reference meanwhile.
pub(crate) fn after(work: impl FnOnce() + 'static) {
    after_call::after(work);
}

/// Runs a method of gdext's, which lets no panic through, and then the work of [`after`].
fn surround(method: impl FnOnce()) {
    for work in after_call::collect(|| catch_panic::print_after(method)) {
        catch_panic::catch_panic("OpenSSL DTLS", work);
    }
}
