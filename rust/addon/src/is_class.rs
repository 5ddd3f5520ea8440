//! `is_class` of the classes that mirror one of the engine's.

/// Gives a class the method `is_class`, which is true for the engine's class that it mirrors as well.
macro_rules! is_class {
    ($class:ident mirrors $engines:literal) => {
        #[godot::prelude::godot_api(secondary)]
        impl $class {
            /// As [method Object.is_class], and [code]true[/code] for the name of the engine's class as well that this one mirrors. Through a variable that is typed as [Object] or another class of the engine, the engine's own method is called, which does not know of that.
            #[func(gd_self)]
            fn is_class(this: godot::obj::Gd<Self>, class: godot::builtin::GString) -> bool {
                class == $engines || this.upcast::<godot::classes::Object>().is_class(&class)
            }
        }
    };
}

pub(crate) use is_class;
