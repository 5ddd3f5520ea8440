//! The macro that defines hot methods as functions.

/// Defines the hot methods of a class, each `reads|changes fn name(call[, argument: Bytes]) -> Returned` with its class
/// reference as documentation, and `register()` and `class_reference()` for all of them.
macro_rules! methods {
    ($class:ty, $shown:literal: $(
        $(#[doc = $line:literal])+
        $qualifier:ident fn $name:ident($call:ident $(, $argument:ident: $kind:ident)?) -> $returned:ty $body:block
    )+) => {
        $(
            #[expect(non_camel_case_types, reason = "named as the method")]
            struct $name;

            impl $crate::ffi::hot::Method for $name {
                type Class = $class;
                type Argument<'a> = $crate::ffi::hot::methods!(@argument $($kind)?);
                type Returned = $returned;

                const NAME: &'static str = stringify!($name);
                const PLACE: &'static str = concat!($shown, ".", stringify!($name), "()");
                const IS_CONST: bool = $crate::ffi::hot::methods!(@is_const $qualifier);
                const DESCRIPTION: &'static str = concat!($($line, "\n"),+);

                fn run(
                    $call: $crate::ffi::hot::Call<'_, $class>,
                    argument: Self::Argument<'_>,
                ) -> $returned {
                    $crate::ffi::hot::methods!(@bind argument $($argument)?);
                    $body
                }
            }
        )+

        /// Registers the class's hot methods.
        pub(crate) fn register() {
            $($crate::ffi::hot::register::<$name>();)+
        }

        /// The class reference of them, in XML.
        pub(crate) fn class_reference() -> String {
            [$($crate::ffi::hot::class_reference::<$name>()),+].concat()
        }
    };
    (@argument) => { $crate::ffi::hot::Nothing };
    (@argument $kind:ident) => { $crate::ffi::hot::$kind<'a> };
    (@bind $given:ident) => { let $crate::ffi::hot::Nothing = $given; };
    (@bind $given:ident $argument:ident) => { let $argument = $given; };
    (@is_const reads) => { true };
    (@is_const changes) => { false };
}

pub(crate) use methods;
