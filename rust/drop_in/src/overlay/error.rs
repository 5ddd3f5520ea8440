//! What can go wrong with an overlay, in texts for users.

use std::io;
use std::path::PathBuf;

/// Why renamed copies could not be loaded over a project.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// The engine lists a project when it loads a pack, and would take too long; see
    /// [`endless_link`](crate::project::endless_link).
    #[error(
        "the engine would list the project without an end, since {} links to a folder that it is in; remove that link",
        .link.display()
    )]
    EndlessLink {
        /// The link.
        link: PathBuf,
    },
    /// A file or folder could not be written.
    #[error("{} cannot be written ({error})", .path.display())]
    NotWritten {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The engine could not make the pack.
    #[error("{} could not be packed ({code})", .pack.display())]
    NotPacked {
        /// The pack.
        pack: PathBuf,
        /// The engine's error code.
        code: String,
    },
    /// The engine did not load the pack.
    #[error("the engine did not load {}", .pack.display())]
    NotLoaded {
        /// The pack.
        pack: PathBuf,
    },
    /// The pack could be kept in no folder: the reason for each.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    NoFolder(Vec<OverlayError>),
}

/// A file that changed while the project runs, and whose old text stays in the overlay.
#[derive(Debug, thiserror::Error)]
#[error(
    "{path} keeps its old text while the project runs, since the new one could not be laid over it: {why}"
)]
pub struct StaleText {
    /// `res://…`
    pub path: String,
    /// Why the new text could not be loaded.
    pub why: OverlayError,
}
