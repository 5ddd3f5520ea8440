//! Constants and enums of our classes. gdext has no attribute for an enum of a class, and registers single constants before
//! them; the engine's classes have their enums first.

use std::borrow::Cow;
use std::marker::PhantomData;

use godot::builtin::VariantType;
use godot::docs::__gather_xml_docs as reference_of_every_class;
use godot::meta::conv::ByValue;
use godot::meta::error::ConvertError;
use godot::meta::shape::{EnumeratorShape, GodotShape};
use godot::meta::{FromGodot, GodotConvert, ToGodot};
use godot::obj::GodotClass;
use godot::register::private::constant::{ConstantKind, ExportConstant, IntegerConstant};
use godot::sys;

/// A constant's name, its value, and what the class reference says of it.
pub(crate) type Constant = (&'static str, i64, &'static str);

/// Constants of a class that belong together.
pub(crate) struct Group {
    /// The enum's name; `None` for constants that belong to no enum.
    pub(crate) name: Option<&'static str>,
    pub(crate) constants: &'static [Constant],
}

/// Registers the constants of a class, in this order.
pub(crate) fn register<C: GodotClass>(groups: &[Group]) {
    for group in groups {
        let constants = group
            .constants
            .iter()
            .map(|&(name, value, _)| IntegerConstant::new(name, value));
        let register = |kind| ExportConstant::new(C::class_id(), kind).register();
        match group.name {
            Some(name) => register(ConstantKind::Enum {
                name: name.into(),
                enumerators: constants.collect(),
            }),
            None => constants.map(ConstantKind::Integer).for_each(register),
        }
    }
}

/// Adds the constants of classes to the editor's reference, which gdext's `register-docs` does not do. To be called after
/// gdext has loaded its own.
pub(crate) fn add_to_class_reference(classes: &[(&str, &[Group])]) {
    for reference in reference_of_every_class() {
        for (class, groups) in classes {
            if reference.contains(&format!("<class name=\"{class}\"")) {
                let end = format!("<constants>{}</constants></class>", described(groups));
                load(&reference.replacen("</class>", &end, 1));
            }
        }
    }
}

fn described(groups: &[Group]) -> String {
    let constants =
        groups.iter().flat_map(|group| {
            let of_enum = group.name.map(|name| format!(" enum=\"{name}\""));
            let of_enum = of_enum.unwrap_or_default();
            group.constants.iter().map(move |(name, value, description)| {
            format!("<constant name=\"{name}\" value=\"{value}\"{of_enum}>{description}</constant>")
        })
        });
    constants.collect()
}

fn load(reference: &str) {
    // SAFETY: gdext initializes the interface before it calls `on_stage_init`, from which `add_to_class_reference` is
    // called on the main thread. The pointer and the length are those of `reference`, which outlives the call.
    unsafe {
        sys::interface_fn!(editor_help_load_xml_from_utf8_chars_and_len)(
            reference.as_ptr().cast(),
            i64::try_from(reference.len()).unwrap_or(0),
        );
    }
}

/// An enum of a class, as methods take and return it.
pub(crate) trait ScriptEnum: 'static {
    /// Its name with the class's, such as `OpenSSLPacketPeerDTLS.Status`.
    const NAME: &'static str;

    const CONSTANTS: &'static [Constant];
}

/// A value of an enum; from a script it can be any number.
#[derive(Debug)]
pub(crate) struct EnumValue<E>(pub(crate) i64, PhantomData<E>);

impl<E> EnumValue<E> {
    pub(crate) fn new(value: i64) -> Self {
        Self(value, PhantomData)
    }
}

impl<E: ScriptEnum> GodotConvert for EnumValue<E> {
    type Via = i64;

    fn godot_shape() -> GodotShape {
        let enumerator = |&(name, value, _): &Constant| EnumeratorShape::new_int(name, value);
        GodotShape::Enum {
            variant_type: VariantType::INT,
            enumerators: Cow::Owned(E::CONSTANTS.iter().map(enumerator).collect()),
            godot_name: Some(E::NAME.into()),
            is_bitfield: false,
        }
    }
}

impl<E: ScriptEnum> ToGodot for EnumValue<E> {
    type Pass = ByValue;

    fn to_godot(&self) -> i64 {
        self.0
    }
}

impl<E: ScriptEnum> FromGodot for EnumValue<E> {
    fn try_from_godot(value: i64) -> Result<Self, ConvertError> {
        Ok(Self::new(value))
    }
}
