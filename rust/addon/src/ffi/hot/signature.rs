//! What hot methods take and return, in the engine's two ways of calling: pointers to values, and
//! variants.

use godot::builtin::{PackedByteArray, Variant, VariantType};
use godot::global::Error;
use godot::meta::ToGodot;
use godot::sys;
use once_cell::sync::Lazy;

use crate::ffi::catch_panic::AfterPanic;
use crate::status::{self, Status};

/// A value's type, as it is registered.
pub(crate) struct Kind {
    pub(crate) variant: VariantType,
    /// Its name in scripts.
    pub(crate) name: &'static str,
    /// An enum's name, else empty.
    pub(crate) class: &'static str,
    /// The width of an integer (`GDExtensionClassMethodArgumentMetadata`).
    pub(crate) metadata: sys::GDExtensionClassMethodArgumentMetadata,
}

impl Kind {
    const BOOL: Self = Self::of(VariantType::BOOL, "bool");
    const INT: Self = Self::of(VariantType::INT, "int");
    const BYTES: Self = Self::of(VariantType::PACKED_BYTE_ARRAY, "PackedByteArray");

    const fn of(variant: VariantType, name: &'static str) -> Self {
        Self {
            variant,
            name,
            class: "",
            metadata: 0,
        }
    }
}

/// A method's argument: nothing, or one value.
pub(crate) trait Argument<'a>: Sized {
    /// Its name and type.
    fn kind() -> Option<(&'static str, Kind)>;

    /// # Safety
    /// `arguments` must point to as many values as [`Argument::kind`] says, of its type, which nothing
    /// changes as long as the result is used.
    unsafe fn from_pointers(arguments: *const sys::GDExtensionConstTypePtr) -> Self;

    /// The type that was expected, if the variant is of another one.
    ///
    /// # Safety
    /// `arguments` must point to as many variants as [`Argument::kind`] says, which nothing changes as long
    /// as the result is used.
    unsafe fn from_variants(
        arguments: *const sys::GDExtensionConstVariantPtr,
    ) -> Result<Self, VariantType>;
}

/// No argument.
pub(crate) struct Nothing;

impl Argument<'_> for Nothing {
    fn kind() -> Option<(&'static str, Kind)> {
        None
    }

    unsafe fn from_pointers(_: *const sys::GDExtensionConstTypePtr) -> Self {
        Self
    }

    unsafe fn from_variants(
        _: *const sys::GDExtensionConstVariantPtr,
    ) -> Result<Self, VariantType> {
        Ok(Self)
    }
}

/// The content of a `PackedByteArray`. It is a script's variable, to be used before anything can run a
/// script, such as a logger, which may assign another value to it.
pub(crate) enum Bytes<'a> {
    Borrowed(&'a PackedByteArray),
    /// From an array of integers: the engine's methods accept those too.
    Converted(PackedByteArray),
}

impl Bytes<'_> {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Borrowed(array) => array.as_slice(),
            Self::Converted(array) => array.as_slice(),
        }
    }
}

/// The engine's function that gives the address of the `PackedByteArray` inside a variant.
static INSIDE_VARIANT: Lazy<sys::GDExtensionVariantGetInternalPtrFunc> = Lazy::new(|| {
    // SAFETY: the interface is initialised as long as there are objects of ours.
    unsafe {
        sys::interface_fn!(variant_get_ptr_internal_getter)(
            VariantType::PACKED_BYTE_ARRAY.ord as sys::GDExtensionVariantType,
        )
    }
});

impl<'a> Argument<'a> for Bytes<'a> {
    fn kind() -> Option<(&'static str, Kind)> {
        Some(("buffer", Kind::BYTES))
    }

    unsafe fn from_pointers(arguments: *const sys::GDExtensionConstTypePtr) -> Self {
        // SAFETY: the caller's contract; gdext's type is laid out as the engine's.
        Self::Borrowed(unsafe { &*(*arguments).cast::<PackedByteArray>() })
    }

    unsafe fn from_variants(
        arguments: *const sys::GDExtensionConstVariantPtr,
    ) -> Result<Self, VariantType> {
        // SAFETY: the caller's contract; gdext's type is laid out as the engine's.
        let variant = unsafe { &*(*arguments).cast::<Variant>() };
        match (variant.get_type(), *INSIDE_VARIANT) {
            (VariantType::PACKED_BYTE_ARRAY, Some(inside)) => {
                // SAFETY: the variant holds such an array, and stays as it is, the caller's contract.
                let array = unsafe { inside((*arguments).cast_mut()) };
                // SAFETY: as above.
                Ok(Self::Borrowed(unsafe { &*array.cast::<PackedByteArray>() }))
            }
            (VariantType::ARRAY, _) => variant
                .try_to_relaxed()
                .map(Self::Converted)
                .map_err(|_| VariantType::PACKED_BYTE_ARRAY),
            _ => Err(VariantType::PACKED_BYTE_ARRAY),
        }
    }
}

/// A method's result.
pub(crate) trait Returned: AfterPanic + Sized {
    fn kind() -> Option<Kind>;

    /// # Safety
    /// `to` must point to a value of the type that [`Returned::kind`] says.
    unsafe fn write(self, to: sys::GDExtensionTypePtr);

    fn into_variant(self) -> Variant;

    /// # Safety
    /// `to` must point to a variant that holds nothing.
    unsafe fn write_variant(self, to: *mut Variant) {
        // SAFETY: the caller's contract; a nil variant needs no drop.
        unsafe { to.write(self.into_variant()) }
    }
}

impl Returned for () {
    fn kind() -> Option<Kind> {
        None
    }

    unsafe fn write(self, _: sys::GDExtensionTypePtr) {}

    fn into_variant(self) -> Variant {
        Variant::nil()
    }

    unsafe fn write_variant(self, _: *mut Variant) {}
}

impl Returned for bool {
    fn kind() -> Option<Kind> {
        Some(Kind::BOOL)
    }

    unsafe fn write(self, to: sys::GDExtensionTypePtr) {
        // SAFETY: the caller's contract.
        unsafe { to.cast::<sys::GDExtensionBool>().write(self.into()) }
    }

    fn into_variant(self) -> Variant {
        self.to_variant()
    }
}

/// Writes an integer in the engine's form, which always has 64 bits.
///
/// # Safety
/// `to` must point to an integer of the engine's.
unsafe fn write_integer(value: i64, to: sys::GDExtensionTypePtr) {
    // SAFETY: the caller's contract.
    unsafe { to.cast::<i64>().write(value) }
}

impl Returned for i32 {
    fn kind() -> Option<Kind> {
        Some(Kind {
            metadata: sys::GDEXTENSION_METHOD_ARGUMENT_METADATA_INT_IS_INT32,
            ..Kind::INT
        })
    }

    unsafe fn write(self, to: sys::GDExtensionTypePtr) {
        // SAFETY: the caller's contract.
        unsafe { write_integer(self.into(), to) }
    }

    fn into_variant(self) -> Variant {
        self.to_variant()
    }
}

impl Returned for Error {
    fn kind() -> Option<Kind> {
        Some(Kind {
            class: "Error",
            ..Kind::INT
        })
    }

    unsafe fn write(self, to: sys::GDExtensionTypePtr) {
        // SAFETY: the caller's contract.
        unsafe { write_integer(godot::obj::EngineEnum::ord(self).into(), to) }
    }

    fn into_variant(self) -> Variant {
        self.to_variant()
    }
}

impl Returned for Status {
    fn kind() -> Option<Kind> {
        Some(Kind {
            class: status::CLASS,
            ..Kind::INT
        })
    }

    unsafe fn write(self, to: sys::GDExtensionTypePtr) {
        // SAFETY: the caller's contract.
        unsafe { write_integer(self as i64, to) }
    }

    fn into_variant(self) -> Variant {
        (self as i64).to_variant()
    }
}

impl Returned for PackedByteArray {
    fn kind() -> Option<Kind> {
        Some(Kind::BYTES)
    }

    unsafe fn write(self, to: sys::GDExtensionTypePtr) {
        // SAFETY: the caller's contract; the value before it is dropped.
        unsafe { *to.cast::<Self>() = self }
    }

    fn into_variant(self) -> Variant {
        self.to_variant()
    }
}
