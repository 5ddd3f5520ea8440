//! The UDP layer's errors as the engine's error codes.

use godot::global::Error;

/// The code that the engine's own class returns in the same situation.
pub(crate) fn code(result: Result<(), udp::Error>) -> Error {
    match result {
        Ok(()) => Error::OK,
        Err(error) => error_code(error),
    }
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
