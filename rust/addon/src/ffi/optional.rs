//! A method parameter that may be left out and is `null` then.

use godot::builtin::Variant;
use godot::meta::conv::ByValue;
use godot::meta::error::ConvertError;
use godot::meta::shape::GodotShape;
use godot::meta::{FromGodot, GodotConvert, GodotImmutable, ToGodot};

/// Any value, `null` by default. Methods check the type themselves, so that a wrong one gets the
/// engine's error code and a line that says what to do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Optional(pub(crate) Variant);

impl GodotConvert for Optional {
    type Via = Variant;

    fn godot_shape() -> GodotShape {
        GodotShape::Variant
    }
}

impl ToGodot for Optional {
    type Pass = ByValue;

    fn to_godot(&self) -> Variant {
        self.0.clone()
    }
}

impl FromGodot for Optional {
    fn try_from_godot(via: Variant) -> Result<Self, ConvertError> {
        Ok(Self(via))
    }
}

// SAFETY: only `Optional::default()`, which holds null, is ever used as a default value; null can
// be copied by any thread and cannot be changed.
unsafe impl GodotImmutable for Optional {}
