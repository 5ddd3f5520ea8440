//! Why a conversion was not written.

use std::io;

/// Why a conversion was not written, for users. Paths are `res://…`.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file has another text than when the conversion was made.
    #[error("{path} has changed in the meantime; nothing was changed, try again")]
    Outdated {
        /// The file.
        path: String,
    },
    /// A file is read-only.
    #[error("{path} is read-only; nothing was changed")]
    ReadOnly {
        /// The file.
        path: String,
    },
    /// A file could not be written, and all have their old texts.
    #[error("{path} cannot be written ({error}); nothing was changed")]
    NotWritten {
        /// The file.
        path: String,
        /// The system's reason.
        error: io::Error,
    },
    /// A file could not be written, and others could not be given their old texts back.
    #[error(
        "{path} cannot be written ({error}); and some files that were converted already could not be changed back"
    )]
    NotUndone {
        /// The file that could not be written.
        path: String,
        /// The system's reason.
        error: io::Error,
    },
}
