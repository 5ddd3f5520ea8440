//! Why a method does not do what it was called for, as the engine's error code and a line.

use std::fmt::Display;

use godot::global::Error;

use crate::ffi::calls;
use crate::ffi::catch_panic::catch_panic;
use crate::report::mistake;

/// The code that the method returns, and the line that it prints, if any.
pub(crate) struct Refusal {
    code: Error,
    why: Option<String>,
}

impl Refusal {
    pub(crate) fn new(code: Error, why: impl ToString) -> Self {
        Self {
            code,
            why: Some(why.to_string()),
        }
    }

    /// A parameter is not what it must be.
    pub(crate) fn parameter(why: impl ToString) -> Self {
        Self::new(Error::ERR_INVALID_PARAMETER, why)
    }

    /// With another code, and the same line.
    pub(crate) fn with_code(self, code: Error) -> Self {
        Self { code, ..self }
    }
}

impl From<Error> for Refusal {
    fn from(code: Error) -> Self {
        Self { code, why: None }
    }
}

impl From<&str> for Refusal {
    fn from(why: &str) -> Self {
        Self::parameter(why)
    }
}

impl From<dtls::ConfigError> for Refusal {
    fn from(error: dtls::ConfigError) -> Self {
        Self::parameter(error)
    }
}

impl From<udp::Error> for Refusal {
    fn from(error: udp::Error) -> Self {
        error_code(error).into()
    }
}

/// Runs a method's body, catches its panic, and prints why it was refused.
pub(crate) fn answer(what: &str, body: impl FnOnce() -> Result<(), Refusal>) -> Error {
    catch_panic(what, || match body() {
        Ok(()) => Error::OK,
        Err(Refusal { code, why }) => {
            if let Some(why) = why {
                mistake(what, why);
            }
            code
        }
    })
}

/// Prints that a setter's value is refused, once its call has ended: for a `#[func]` that takes `&self`.
pub(crate) fn refuse(what: impl Display + 'static, why: impl Display + 'static) {
    calls::after(move || mistake(&what.to_string(), why));
}

/// The code that the engine's own class returns in the same situation.
pub(crate) fn code(result: Result<(), udp::Error>) -> Error {
    result.map_or_else(error_code, |()| Error::OK)
}

/// As [`code`], for an error alone.
pub(crate) fn error_code(error: udp::Error) -> Error {
    match error {
        udp::Error::AlreadyInUse => Error::ERR_ALREADY_IN_USE,
        udp::Error::InvalidParameter => Error::ERR_INVALID_PARAMETER,
        udp::Error::Unconfigured => Error::ERR_UNCONFIGURED,
        udp::Error::Unavailable => Error::ERR_UNAVAILABLE,
        udp::Error::Busy => Error::ERR_BUSY,
        udp::Error::Locked => Error::ERR_LOCKED,
        udp::Error::CantCreate => Error::ERR_CANT_CREATE,
        udp::Error::CantOpen => Error::ERR_CANT_OPEN,
        udp::Error::CantResolve => Error::ERR_CANT_RESOLVE,
        udp::Error::OutOfMemory => Error::ERR_OUT_OF_MEMORY,
        udp::Error::Refused | udp::Error::TooLarge | udp::Error::Failed => Error::FAILED,
    }
}
